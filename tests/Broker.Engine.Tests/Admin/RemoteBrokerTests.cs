using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Admin;

/// <summary>A broker of another host is shown with what metadata tells; nothing waits for it.</summary>
public sealed class RemoteBrokerTests
{
    private const int Remote = 9;

    [Fact]
    public async Task Queries_WithABrokerElsewhere_AnswerWhatIsKnown()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        using var admin = new ClusterAdmin(cluster.Hosted);
        foreach (HostedBroker broker in cluster.Brokers)
        {
            broker.Server!.Metadata.Apply(Elsewhere(broker.Server.Metadata.Current.ControllerId));
        }
        Assert.Equal((3, 3, 1), (admin.Overview().BrokersKnown, admin.Overview().BrokersOnline, admin.Overview().OfflinePartitions));
        BrokerSummary remote = Assert.Single(admin.Brokers(), b => b.Id == Remote);
        Assert.Equal((false, 1, 2), (remote.IsLocal, remote.Leaders, remote.Partitions));
        Assert.Empty(admin.Broker(Remote).LogDirectories);
        PartitionReplicas replicas = admin.Replicas("far", 0, 10).Items[0];
        Assert.Equal([ReplicaSource.Unknown, ReplicaSource.Unknown], replicas.Replicas.Select(r => r.Source));
        Assert.All(replicas.Replicas, r => Assert.Equal((-1L, -1L, null, null), (r.LogEndOffset, r.HighWatermark, r.Lag, r.CaughtUpMsAgo)));
        Assert.Equal(-1, admin.Topic("far").Partitions[0].LogEndOffset);
        Assert.Equal(1, admin.PartitionStates(new PartitionQuery(PartitionFilter.UnderReplicated, Broker: Remote)).Total);
        Assert.Equal((1, 1), (admin.PreviewShutdown(Remote).Leaders, admin.PreviewShutdown(Remote).Handovers[0].Partitions));
        RebalanceProposal proposal = admin.ProposeRebalance(new RebalanceOptions(["far"], [Remote]));
        Assert.DoesNotContain(proposal.Moves, m => m.To.Contains(Remote));
        Assert.All(proposal.Moves, m => Assert.Null(m.Bytes));
        AdminException refused = await Assert.ThrowsAsync<AdminException>(() => admin.StopBrokerAsync(Remote, hard: false, TestContext.Current.CancellationToken));
        Assert.Equal("RESOURCE_NOT_FOUND", refused.Error);
    }

    /// <summary>A topic that the other broker leads a partition of, and has lost the other one's leader.</summary>
    private static UpdateMetadataRequest Elsewhere(int controller)
    {
        var request = new UpdateMetadataRequest { ControllerId = controller, ControllerEpoch = 1 };
        foreach (int id in (int[])[0, 1, Remote])
        {
            var broker = new UpdateMetadataRequest.UpdateMetadataBroker { Id = id };
            broker.Endpoints.Add(new() { Listener = "PLAINTEXT", Host = "192.0.2.1", Port = 9092 });
            request.LiveBrokers.Add(broker);
        }
        var topic = new UpdateMetadataRequest.UpdateMetadataTopicState { TopicName = "far", TopicId = Guid.NewGuid() };
        topic.PartitionStates.Add(Partition(0, Remote, [Remote, 0]));
        topic.PartitionStates.Add(Partition(1, -1, [Remote]));
        request.TopicStates.Add(topic);
        return request;
    }

    private static UpdateMetadataRequest.UpdateMetadataPartitionState Partition(int index, int leader, int[] inSync)
    {
        var state = new UpdateMetadataRequest.UpdateMetadataPartitionState { PartitionIndex = index, Leader = leader };
        state.Isr.AddRange(inSync);
        state.Replicas.Add(Remote);
        state.Replicas.Add(0);
        return state;
    }
}
