using Broker.Engine.Admin;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Wire;

namespace Broker.Engine.Tests.Controller;

/// <summary>What the console and REST do about leaders and replicas.</summary>
public sealed class ReassignmentDoorTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Proposal_OfATopicThatLiesUnevenly_IsCarriedOutAndLeavesNothingToPropose()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        IClusterAdmin admin = ClusterDoor.Open(cluster.Hosted);
        using var _ = admin as IDisposable;
        TestTopic topic = await cluster.NewReplicatedTopicAsync(6, replicas: 2);
        await admin.ReassignAsync([.. Enumerable.Range(0, 6).Select(p => new PartitionMove(topic.Name, p, [0, 1]))], Token);
        await ReplicatedCluster.UntilAsync(() => admin.ReassignmentsAsync(Token).Result.Count == 0
            && admin.Topic(topic.Name).Partitions.All(p => p.Replicas.SequenceEqual([0, 1]) && p.InSyncReplicas.Count == 2));

        ReassignmentProposal proposal = admin.ProposeReassignment([topic.Name], null);

        Assert.Equal([6, 6, 0], proposal.Brokers.Select(b => b.ReplicasBefore));
        Assert.Equal([4, 4, 4], proposal.Brokers.Select(b => b.ReplicasAfter));
        Assert.Equal([2, 2, 2], proposal.Brokers.Select(b => b.LeadersAfter));
        await admin.ReassignAsync([.. proposal.Moves.Select(m => new PartitionMove(m.Topic, m.Partition, m.Proposed))], Token);
        await ReplicatedCluster.UntilAsync(() => admin.ReassignmentsAsync(Token).Result.Count == 0);
        Assert.All(await admin.ElectPreferredAsync(null, Token), r => Assert.Equal("NONE", r.Error));
        Assert.Empty(admin.ProposeReassignment([topic.Name], null).Moves);
        Assert.All(admin.Topic(topic.Name).Partitions, p => Assert.Equal(p.Replicas[0], p.Leader));
        Assert.Empty(await admin.ElectPreferredAsync(null, Token));
    }

    [Fact]
    public async Task Reassignment_ThatCannotBe_IsRefusedByKafkasNames()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        IClusterAdmin admin = ClusterDoor.Open(cluster.Hosted);
        using var _ = admin as IDisposable;
        TestTopic topic = await cluster.NewTopicAsync();

        Assert.Equal("INVALID_REPLICA_ASSIGNMENT", await RefusalAsync(() => admin.ReassignAsync([new PartitionMove(topic.Name, 0, [7])], Token)));
        Assert.Equal("UNKNOWN_TOPIC_OR_PARTITION", await RefusalAsync(() => admin.ReassignAsync([new PartitionMove("no", 0, [0])], Token)));
        Assert.Equal("NO_REASSIGNMENT_IN_PROGRESS", await RefusalAsync(() => admin.CancelReassignmentAsync(topic.Name, 0, Token)));
        Assert.Equal("UNKNOWN_TOPIC_OR_PARTITION", await RefusalAsync(() => admin.ElectPreferredAsync("no", Token)));
        Assert.Equal("UNKNOWN_TOPIC_OR_PARTITION", Assert.Throws<AdminException>(() => admin.ProposeReassignment(["no"], null)).Error);
    }

    private static async Task<string> RefusalAsync(Func<Task> call) => (await Assert.ThrowsAsync<AdminException>(call)).Error;
}
