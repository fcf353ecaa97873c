using Broker.Engine.Replication;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;
using Broker.Engine.Tests.Wire;

namespace Broker.Engine.Tests.Replication;

/// <summary>High watermarks outlive a broker's life: a replica begins where it knew that all had everything.</summary>
public sealed class HighWatermarkCheckpointTests
{
    [Fact]
    public async Task CleanStop_OfAFollower_KeepsWhatItKnew()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 2);
        int leader = cluster.LeaderOf(topic);
        int follower = 1 - leader;
        for (int i = 0; i < 3; i++)
        {
            await (await cluster.ConnectAsync(leader)).ProduceAsync(topic, Calls.Batch(10));
        }
        var id = new TopicPartition(topic.Name, 0);
        Partition replica = cluster.Server(follower).Replicas.Partitions.Find(id)!;
        await ReplicatedCluster.UntilAsync(() => replica.HighWatermark == 30);
        string checkpoint = Assert.Single(cluster.Server(follower).Logs.Directories).HighWatermarks.FilePath;

        await cluster.Brokers[follower].StopAsync();

        Assert.Equal(30, new OffsetCheckpoint(PhysicalDisk.Instance, checkpoint).Read().GetValueOrDefault(id));
        await cluster.Brokers[follower].StartAsync(TestContext.Current.CancellationToken);
        await cluster.UntilInSyncAsync(topic, 2);
    }

    [Fact]
    public void Checkpoint_BeforeAnyRoleIsGiven_SaysWhatItSaidBefore()
    {
        using var first = new ReplicaFixture();
        first.Give(leader: 0, leaderEpoch: 1, isr: [0], replicas: [0]);
        first.Append(5);
        Assert.Equal(5, first.Partition.HighWatermark);
        first.Checkpoint();

        ReplicaManager next = first.NextLife();

        Assert.Equal(5, next.HighWatermarkToKeep(new TopicPartition("t", 0)));
        Assert.Null(next.HighWatermarkToKeep(new TopicPartition("t", 1)));
    }
}
