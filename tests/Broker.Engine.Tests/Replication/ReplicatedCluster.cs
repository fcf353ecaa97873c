using Broker.Engine.Replication;
using Broker.Engine.Tests.Wire;

namespace Broker.Engine.Tests.Replication;

/// <summary>What tests of replication wait for and look at.</summary>
internal static class ReplicatedCluster
{
    /// <summary>Every replica of a partition that is held now, once all have what the leader has.</summary>
    public static async Task<Partition[]> ReplicasAsync(this TestCluster cluster, TestTopic topic, int partition = 0)
    {
        var id = new TopicPartition(topic.Name, partition);
        Partition[] replicas = [];
        await UntilAsync(() =>
        {
            replicas = [.. cluster.Brokers.Select(b => b.Server?.Replicas?.Partitions.Find(id)).OfType<Partition>()];
            Partition? leader = Array.Find(replicas, r => r.Role.IsLeader);
            return leader is not null && replicas.Length == leader.Role.AssignedReplicas.Length
                && replicas.All(r => r.Log.LogEndOffset == leader.Log.LogEndOffset);
        });
        return replicas;
    }

    public static Partition? LeaderPartition(this TestCluster cluster, TestTopic topic, int partition = 0)
    {
        var id = new TopicPartition(topic.Name, partition);
        return cluster.Brokers.Select(b => b.Server?.Replicas?.Partitions.Find(id))
            .Where(p => p is { Role.IsLeader: true }).MaxBy(p => p!.Role.LeaderEpoch);
    }

    public static Task UntilInSyncAsync(this TestCluster cluster, TestTopic topic, int count, int partition = 0) => UntilAsync(
        () => cluster.LeaderPartition(topic, partition) is { } leader && leader.Role.InSyncReplicas.Length == count && leader.Role.Proposal is null,
        () => string.Join("; ", cluster.Brokers.Select(b => Describe(b.Server, new TopicPartition(topic.Name, partition)))));

    private static string Describe(BrokerServer? server, TopicPartition id) => server?.Replicas?.Partitions.Find(id) is { } held
        ? $"{server.Id}: leader {held.Role.Leader}, epoch {held.Role.LeaderEpoch}.{held.Role.PartitionEpoch}, "
            + $"in sync [{string.Join(',', held.Role.InSyncReplicas)}], proposed {held.Role.Proposal}, end {held.Log.LogEndOffset}, "
            + $"high watermark {held.HighWatermark}"
        : $"{server?.Id}: not held";

    public static async Task UntilAsync(Func<bool> condition, Func<string>? state = null)
    {
        long end = Environment.TickCount64 + 60_000;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < end, state?.Invoke() ?? "it did not come true within 60 s");
            await Task.Delay(2, TestContext.Current.CancellationToken);
        }
    }
}
