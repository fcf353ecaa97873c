using Broker.Client;
using Broker.Engine.Replication;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Replication;

/// <summary>Three brokers that replicate over their sockets.</summary>
public sealed class ReplicationWireTests
{
    private static readonly string[] s_quick =
    [
        "replica.lag.time.max.ms=2000", "replica.fetch.wait.max.ms=100", "zookeeper.session.timeout.ms=6000",
    ];

    [Fact]
    public async Task Produce_AcksAllOnThreeReplicas_IsOnAllOfThem()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: s_quick);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 3);
        KafkaConnection leader = await cluster.ConnectAsync(cluster.LeaderOf(topic));
        for (int i = 0; i < 20; i++)
        {
            ProduceResponse.PartitionProduceResponse made = await leader.ProduceAsync(topic, Calls.Batch(3, valueBytes: 500), acks: -1);
            Assert.Equal((ErrorCode.None, i * 3L), (made.ErrorCode, made.BaseOffset));
        }

        Partition[] replicas = await cluster.ReplicasAsync(topic);

        Assert.All(replicas, r => Assert.Equal(60, r.Log.LogEndOffset));
        Assert.Equal(60, replicas.Single(r => r.Role.IsLeader).HighWatermark);
        byte[][] bytes = [.. replicas.Select(r => r.Log.Copy(0, 1 << 20, 60)!)];
        Assert.NotEmpty(bytes[0]);
        Assert.Equal(bytes[0], bytes[1]);
        Assert.Equal(bytes[0], bytes[2]);
    }

    [Fact]
    public async Task ListOffsets_OfTheDebuggingReplica_IsTheLogsEnd_BeyondTheHighWatermark_AndOnFollowersToo()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            brokers: 2, overrides: ["replica.lag.time.max.ms=600000", "replica.fetch.wait.max.ms=100"]);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 2);
        int first = cluster.LeaderOf(topic);
        KafkaConnection leader = await cluster.ConnectAsync(first);
        KafkaConnection follower = await cluster.ConnectAsync(1 - first);
        await leader.ProduceAsync(topic, Calls.Batch(3), acks: -1);
        Assert.Equal((ErrorCode.None, 3L), await EndAsync(follower, topic, -2));
        Assert.Equal(ErrorCode.NotLeaderOrFollower, (await EndAsync(follower, topic, -1)).Error);

        await cluster.Brokers[1 - first].KillAsync();
        await leader.ProduceAsync(topic, Calls.Batch(2), acks: 1);

        Assert.Equal((ErrorCode.None, 5L), await EndAsync(leader, topic, -2));
        Assert.Equal((ErrorCode.None, 3L), await EndAsync(leader, topic, -1));
    }

    private static async Task<(ErrorCode Error, long Offset)> EndAsync(KafkaConnection client, TestTopic topic, int replica)
    {
        var request = new ListOffsetsRequest { ReplicaId = replica };
        var asked = new ListOffsetsRequest.ListOffsetsTopic { Name = topic.Name };
        asked.Partitions.Add(new() { PartitionIndex = 0, Timestamp = -1 });
        request.Topics.Add(asked);
        ListOffsetsResponse.ListOffsetsPartitionResponse found =
            (await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(request, 5)).Topics[0].Partitions[0];
        return (found.ErrorCode, found.Offset);
    }

    [Fact]
    public async Task Kill_LeaderWhileAcksAllProducersWrite_LosesNothing()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: s_quick);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 3, ("min.insync.replicas", "2"));
        var writer = new AcksAllWriter(cluster, topic);
        Task writing = writer.RunAsync();
        await writer.UntilAcknowledgedAsync(50);
        int first = cluster.LeaderOf(topic);

        await cluster.Brokers[first].KillAsync();
        await writer.UntilAcknowledgedAsync(writer.Acknowledged + 50);
        await cluster.Brokers[first].StartAsync(TestContext.Current.CancellationToken);
        await writer.UntilAcknowledgedAsync(writer.Acknowledged + 50);
        writer.Stop();
        await writing;

        await writer.AssertNothingLostAsync();
        Partition[] replicas = await cluster.ReplicasAsync(topic);
        long end = replicas.Single(r => r.Role.IsLeader).Log.LogEndOffset;
        byte[][] bytes = [.. replicas.Select(r => r.Log.Copy(0, 16 << 20, end)!)];
        Assert.Equal(bytes[0], bytes[1]);
        Assert.Equal(bytes[0], bytes[2]);
    }

    [Fact]
    public async Task Restart_EachBrokerInTurnWhileAcksAllProducersWrite_LosesNothing()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: s_quick);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 3, ("min.insync.replicas", "2"));
        var writer = new AcksAllWriter(cluster, topic);
        Task writing = writer.RunAsync();
        for (int broker = 0; broker < 3; broker++)
        {
            await writer.UntilAcknowledgedAsync(writer.Acknowledged + 20);
            await cluster.UntilInSyncAsync(topic, 3);
            await cluster.Brokers[broker].StopAsync();
            await writer.UntilAcknowledgedAsync(writer.Acknowledged + 20);
            await cluster.Brokers[broker].StartAsync(TestContext.Current.CancellationToken);
        }
        await writer.UntilAcknowledgedAsync(writer.Acknowledged + 20);
        writer.Stop();
        await writing;

        await writer.AssertNothingLostAsync();
    }
}
