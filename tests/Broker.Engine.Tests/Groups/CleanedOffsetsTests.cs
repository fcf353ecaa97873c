using Broker.Client;
using Broker.Protocol.Messages;
using static Broker.Engine.Tests.Groups.GroupCluster;

namespace Broker.Engine.Tests.Groups;

/// <summary>The log of committed offsets is compacted, and what is left of it is all that a coordinator needs.</summary>
public sealed class CleanedOffsetsTests
{
    private const int GroupsAtOnce = 100;

    /// <summary>Of each group; enough for segments to roll.</summary>
    private const int Commits = 120;

    [Fact]
    public async Task OffsetsLog_CleanedAndLoadedAgain_HasTheLastCommitOfEachGroup()
    {
        await using GroupCluster cluster = await StartAsync(
            1, ("offsets.topic.num.partitions", "1"), ("offsets.topic.segment.bytes", "1048576"), ("log.cleaner.backoff.ms", "5"),
            ("log.segment.delete.delay.ms", "0"));
        await cluster.CreateTopicAsync("orders", 1);
        (KafkaConnection coordinator, int _) = await CoordinatorAsync(cluster);
        for (int i = 1; i <= Commits; i++)
        {
            ErrorCode[] errors = await Task.WhenAll(Enumerable.Range(0, GroupsAtOnce).Select(g => CommitAsync(coordinator, $"g{g}", i)));
            Assert.All(errors, e => Assert.Equal(ErrorCode.None, e));
        }
        var id = new TopicPartition(InternalTopics.ConsumerOffsets, 0);
        BrokerServer server = cluster.Cluster.Brokers[0].Server!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (server.Cleaner!.Runs.GetValueOrDefault(id) is not { } run || run.Stats.MessagesWritten >= run.Stats.MessagesRead
            || server.Logs.Find(id)!.Segments.Count > 2)
        {
            await Task.Delay(5, patience.Token);
        }
        await cluster.Cluster.Brokers[0].StopAsync();
        await cluster.Cluster.Brokers[0].StartAsync(Cancelled);
        (KafkaConnection again, int _) = await CoordinatorAsync(cluster);
        for (int g = 0; g < GroupsAtOnce; g++)
        {
            Assert.Equal(Commits, await CommittedAsync(again, $"g{g}"));
        }
    }

    private static Task<(KafkaConnection Connection, int Broker)> CoordinatorAsync(GroupCluster cluster) => cluster.CoordinatorAsync("g0");
}
