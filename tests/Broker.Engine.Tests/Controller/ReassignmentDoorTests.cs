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
        await admin.ReassignAsync([.. Enumerable.Range(0, 6).Select(p => new NewAssignment(topic.Name, p, [0, 1]))], null, Token);
        await ReplicatedCluster.UntilAsync(() => admin.ReadReassignmentsAsync(0, 10, Token).Result.Items.Total == 0
            && admin.Topic(topic.Name).Partitions.All(p => p.Replicas.SequenceEqual([0, 1]) && p.InSyncReplicas.Count == 2));

        RebalanceProposal proposal = admin.ProposeRebalance(new RebalanceOptions([topic.Name]));

        Assert.Equal([6, 6, 0], proposal.Brokers.Select(b => b.ReplicasBefore));
        Assert.Equal([4, 4, 4], proposal.Brokers.Select(b => b.ReplicasAfter));
        Assert.Equal([2, 2, 2], proposal.Brokers.Select(b => b.LeadersAfter));
        await admin.ReassignAsync([.. proposal.Moves.Select(m => new NewAssignment(m.Topic, m.Partition, m.To))], null, Token);
        await ReplicatedCluster.UntilAsync(() => admin.ReadReassignmentsAsync(0, 10, Token).Result.Items.Total == 0);
        Assert.Empty((await admin.ElectPreferredAsync(null, Token)).Failures);
        // The picture of the cluster may come a moment after the answer.
        await ReplicatedCluster.UntilAsync(() => admin.Topic(topic.Name).Partitions.All(p => p.Replicas[0] == p.Leader));
        Assert.Empty(admin.ProposeRebalance(new RebalanceOptions([topic.Name])).Moves);
        Assert.All(admin.Topic(topic.Name).Partitions, p => Assert.Equal(p.Replicas[0], p.Leader));
        Assert.Equal(0, (await admin.ElectPreferredAsync(null, Token)).Elected);
    }

    [Fact]
    public async Task Reassignment_ThatCannotBe_IsRefusedByKafkasNames()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        IClusterAdmin admin = ClusterDoor.Open(cluster.Hosted);
        using var _ = admin as IDisposable;
        TestTopic topic = await cluster.NewTopicAsync();

        Assert.Equal("INVALID_REPLICA_ASSIGNMENT", await RefusalAsync(() => admin.ReassignAsync([new NewAssignment(topic.Name, 0, [7])], null, Token)));
        Assert.Equal("UNKNOWN_TOPIC_OR_PARTITION", await RefusalAsync(() => admin.ReassignAsync([new NewAssignment("no", 0, [0])], null, Token)));
        Assert.Equal("NO_REASSIGNMENT_IN_PROGRESS", await RefusalAsync(() => admin.CancelReassignmentsAsync([new TopicPartition(topic.Name, 0)], Token)));
        Assert.Equal(
            "UNKNOWN_TOPIC_OR_PARTITION", Assert.Single((await admin.ElectPreferredAsync([new TopicPartition("no", 0)], Token)).Failures).Error);
        Assert.Equal("UNKNOWN_TOPIC_OR_PARTITION", Assert.Throws<AdminException>(() => admin.ProposeRebalance(new RebalanceOptions(["no"]))).Error);
    }

    private static async Task<string> RefusalAsync(Func<Task> call) => (await Assert.ThrowsAsync<AdminException>(call)).Error;
}
