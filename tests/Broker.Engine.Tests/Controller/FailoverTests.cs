using System.Diagnostics;
using Broker.Client;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Controller;

/// <summary>How long many partitions are without a leader. Not run unless asked for (-explicit on): it makes 20,000 logs.</summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    private const int Topics = 10;
    private const int PartitionsEach = 1_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Explicit = true)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kill_OneOfThreeBrokersWithTenThousandPartitions_OthersLeadWithinTwoSeconds(bool controllersBroker)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        KafkaConnection client = await cluster.ConnectAsync();
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < Topics; i++)
        {
            var request = new CreateTopicsRequest { TimeoutMs = 60_000 };
            request.Topics.Add(new() { Name = $"many-{i}", NumPartitions = PartitionsEach, ReplicationFactor = 2 });
            CreateTopicsResponse made = await client.SendAsync<CreateTopicsRequest, CreateTopicsResponse>(request, 7, Token);
            Assert.Equal(ErrorCode.None, made.Topics[0].ErrorCode);
        }
        output.WriteLine($"made in {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F0} ms");
        int controller = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Id;
        int victim = controllersBroker ? controller : (controller + 1) % 3;
        await Task.Delay(2_000, Token);   // everything that follows the making is over

        BrokerServer[] others = [.. cluster.Brokers.Where(b => b.Id != victim).Select(b => b.Server!)];
        Task killing = cluster.Brokers[victim].KillAsync();
        while ((await others[0].Membership.Session.ExistsAsync(ClusterPaths.Broker(victim), Token)).Error == CoordinationError.None)
        {
            await Task.Delay(1, Token);
        }
        long detected = Stopwatch.GetTimestamp();
        await UntilAsync(() => others.All(s => Count(s.Metadata.Current, p => p.Leader == victim || p.Leader < 0) == 0));
        double seen = Stopwatch.GetElapsedTime(detected).TotalMilliseconds;
        await UntilAsync(() => others.Sum(s => s.Replicas.Partitions.Partitions.Count(p => p.Role.IsLeader)) == Topics * PartitionsEach);
        double led = Stopwatch.GetElapsedTime(detected).TotalMilliseconds;
        await killing;
        output.WriteLine($"controller's broker {controllersBroker}: seen after {seen:F0} ms, led after {led:F0} ms");
        Assert.True(led < 2_000, $"led after {led:F0} ms");
    }

    private static int Count(MetadataImage image, Func<PartitionImage, bool> wanted) =>
        image.Topics.Values.Sum(t => t.Partitions.Count(p => p is not null && wanted(p)));

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(5, Token);
        }
    }
}
