using Broker.Client;
using static Broker.Engine.Tests.Groups.GroupCluster;

namespace Broker.Engine.Tests.Groups;

/// <summary>The log of committed offsets is compacted, and what is left of it is all that a coordinator needs.</summary>
public sealed class CleanedOffsetsTests
{
    [Fact]
    public async Task OffsetsLog_CleanedAndLoadedAgain_HasTheLastCommitOfEachGroup()
    {
        await using GroupCluster cluster = await StartAsync(
            1, ("offsets.topic.num.partitions", "1"), ("offsets.topic.segment.bytes", "2000"), ("log.cleaner.backoff.ms", "5"),
            ("log.segment.delete.delay.ms", "0"));
        (KafkaConnection coordinator, int _) = await CoordinatorAsync(cluster);
        for (int i = 1; i <= 300; i++)
        {
            await CommitAsync(coordinator, $"g{i % 3}", i);
        }
        var id = new TopicPartition(InternalTopics.ConsumerOffsets, 0);
        BrokerServer server = cluster.Cluster.Brokers[0].Server!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (server.Cleaner!.Runs.GetValueOrDefault(id) is not { } run || run.Stats.MessagesWritten >= run.Stats.MessagesRead
            || server.Logs.Find(id)!.Segments.Count > 8)
        {
            await Task.Delay(5, patience.Token);
        }
        await cluster.Cluster.Brokers[0].StopAsync();
        await cluster.Cluster.Brokers[0].StartAsync(Cancelled);
        (KafkaConnection again, int _) = await CoordinatorAsync(cluster);
        Assert.Equal((300, 298, 299), (await CommittedAsync(again, "g0"), await CommittedAsync(again, "g1"), await CommittedAsync(again, "g2")));
    }

    private static Task<(KafkaConnection Connection, int Broker)> CoordinatorAsync(GroupCluster cluster) => cluster.CoordinatorAsync("g0");
}
