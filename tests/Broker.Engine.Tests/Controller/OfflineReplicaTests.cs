using Broker.Engine.Metadata;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Tests.Wire;

namespace Broker.Engine.Tests.Controller;

/// <summary>Replicas that a live broker cannot open.</summary>
public sealed class OfflineReplicaTests
{
    private const int Broken = 1;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Replica_WhoseLogDirectoryFails_IsLedElsewhereUntilItsBrokerIsBack()
    {
        var disk = new FaultingDisk();
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: ["log.dirs=/disks/a,/disks/b"], disk: disk);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(3, replicas: 3);
        string bad = $"/disks/a/broker-{Broken}";
        int[] hit =
        [
            .. cluster.Server(Broken).Logs.Logs.Where(l => l.Partition.Topic == topic.Name && l.ParentDirectory == bad)
                .Select(l => l.Partition.Partition),
        ];
        Assert.InRange(hit.Length, 1, 2);

        disk.OnOperation = (what, path) =>
        {
            if (path.StartsWith(bad, StringComparison.Ordinal))
            {
                throw new IOException($"Input/output error : {what} '{path}'");
            }
        };
        foreach (int p in hit)
        {
            // The leader's append or the follower's meets the disk.
            await (await cluster.ConnectAsync(cluster.LeaderOf(topic, p))).ProduceAsync(topic, Calls.Batch(), partition: p, acks: 1);
        }

        await ControllerWireTests.SeenAsync(
            cluster, image => hit.All(p => IsWithout(image.Topic(topic.Name)!.Partitions[p]!)), p => p.Leader, topic);
        disk.OnOperation = null;
        await cluster.Brokers[Broken].StopAsync();
        await cluster.Brokers[Broken].StartAsync(Token);
        await ControllerWireTests.SeenAsync(
            cluster, image => image.Topic(topic.Name)!.Partitions.All(p => p!.OfflineReplicas.IsEmpty), p => p.Leader, topic);
        for (int p = 0; p < 3; p++)
        {
            await cluster.UntilInSyncAsync(topic, 3, p);
        }
    }

    private static bool IsWithout(PartitionImage partition) => partition.Leader is not (Broken or PartitionImage.NoLeader)
        && partition.OfflineReplicas.SequenceEqual([Broken]) && !partition.InSyncReplicas.Contains(Broken);
}
