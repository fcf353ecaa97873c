using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Wire;

namespace Broker.Engine.Tests.Controller;

/// <summary>Replicas that a live broker cannot open.</summary>
public sealed class OfflineReplicaTests
{
    private const int Broken = 1;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Replica_ThatItsBrokerCannotOpen_IsLedElsewhereUntilItCan()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        string[] obstacles = [.. Enumerable.Range(0, 3).Select(p => Path.Combine(cluster.DataDirectory, $"broker-{Broken}", $"t1-{p}"))];
        Array.ForEach(obstacles, path => File.WriteAllText(path, "in the way of a directory"));

        TestTopic topic = await cluster.NewReplicatedTopicAsync(3, replicas: 3);

        Assert.Equal("t1", topic.Name);
        await ControllerWireTests.SeenAsync(
            cluster, image => image.Topic(topic.Name)!.Partitions.All(p => IsWithout(p!)), p => p.Leader, topic);
        Array.ForEach(obstacles, File.Delete);
        ICoordinationSession session = cluster.Server().Membership.Session;
        CreateResult note = await session.CreateAsync(
            "/log_dir_event_notification/log_dir_event_", ClusterJson.LogDirEvent(Broken), CreateMode.PersistentSequential, Token);
        await ControllerWireTests.SeenAsync(
            cluster, image => image.Topic(topic.Name)!.Partitions.All(p => p!.OfflineReplicas.IsEmpty), p => p.Leader, topic);
        await ControllerWireTests.UntilGoneAsync(cluster, note.Path);
        for (int p = 0; p < 3; p++)
        {
            await cluster.UntilInSyncAsync(topic, 3, p);
        }
    }

    private static bool IsWithout(PartitionImage partition) => partition.Leader is not (Broken or PartitionImage.NoLeader)
        && partition.OfflineReplicas.SequenceEqual([Broken]) && !partition.InSyncReplicas.Contains(Broken);
}
