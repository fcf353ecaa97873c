using System.Text.Json;
using Broker.Client;
using Broker.Protocol.Messages;

namespace Interop;

/// <summary>A real Kafka broker of ZooKeeper mode joins a cluster of ours: it obeys our controller, follows, leads and leaves while a
/// producer writes with acks=all, and its files are ours, byte for byte.</summary>
public sealed class JoiningBrokerTests
{
    private const string Topic = "shared";
    private const int Real = 9;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.9", true)]
    [InlineData("3.9", false)]
    [InlineData("2.8", true)]
    [InlineData("2.8", false)]
    public async Task RealBroker_InOurCluster_FollowsLeadsAndLeaves(string version, bool onServedTree)
    {
        JavaToolTests.Tools();
        await using ZooKeeperProcess? zooKeeper = onServedTree ? null : await ZooKeeperProcess.StartAsync(version);
        string connect = zooKeeper?.Address ?? $"127.0.0.1:{FreePorts.InARow(1)}";
        await using HostProcess ours = await HostProcess.StartAsync(
            brokers: 2, arguments: onServedTree ? ["--zookeeper-port", connect.Split(':')[1]] : ["--override", $"zookeeper.connect={connect}"]);
        await using KafkaProcess real = await KafkaProcess.StartAsync(version, Real, connect, "log.cleaner.dedupe.buffer.size=20971520");
        string[] to = ["--bootstrap-server", ours.Bootstrap];
        await KafkaTool.RunAsync("3.9", "topics", [.. to, "--create", "--topic", Topic, "--replica-assignment", "0:1,1:0"]);
        await using IdempotentProducer producer = await IdempotentProducer.StartAsync(
            $"{ours.Bootstrap},127.0.0.1:{ours.Port + 1},{real.Bootstrap}", Topic, partitions: 2, rate: 500);

        // It gets a replica of each and leads both; it gives producer ids of the cluster.
        using var http = new HttpClient { BaseAddress = ours.Http };
        await MoveAsync(http, $"{Real},0", $"{Real},1");
        await PostAsync(
            http, "/api/v1/replication/preferred-election",
            $$"""{"partitions":[{"topic":"{{Topic}}","partition":0},{"topic":"{{Topic}}","partition":1}]}""");
        await LeadersAsync(ours.Port, Real, Real);
        await NewProducerIdAsync(real.Port);

        // It goes in good order and comes back; one of ours goes and comes back, in and out of sync of a partition that it leads.
        await real.StopAsync();
        await LeadersAsync(ours.Port, 0, 1);
        await real.StartAgainAsync();
        await InSyncAsync(http, $"{Real},0", $"{Real},1");
        await ChaosTests.StopAsync(http, broker: 1, hard: false);
        await LeadersAsync(ours.Port, 0, Real);
        await ChaosTests.StartAsync(http, broker: 1);
        await InSyncAsync(http, $"{Real},0", $"{Real},1");

        (List<(int Partition, long Number, long Offset)> acknowledged, string said) = await producer.EndAsync();
        Assert.True(acknowledged.Count > 1_000, said);
        await HighWatermarksAsync(http);
        await Chaos.VerifyAsync(
            broker => broker == Real ? real.Port : ours.Port + broker, acknowledged, said, Topic, partitions: 2);
        foreach (int partition in (int[])[0, 1])
        {
            SegmentFiles.AssertSame(
                real.PartitionDirectory($"{Topic}-{partition}"), Path.Combine(ours.DataDirectory, $"broker-{partition}", $"{Topic}-{partition}"));
        }
        await MoveAsync(http, "0,1", "1,0");
        await LeadersAsync(ours.Port, 0, 1);
    }

    /// <summary>Our replicas know how far all is replicated, led by whom they may be, though nothing is appended any more.</summary>
    private static async Task HighWatermarksAsync(HttpClient http)
    {
        await Until.SeenAsync(
            "no replica of ours is behind with its high watermark",
            async () => (await Rest.GetAsync(http, $"/api/v1/topics/{Topic}/replicas")).GetProperty("items").EnumerateArray()
                .SelectMany(p => p.GetProperty("replicas").EnumerateArray())
                .Where(r => r.GetProperty("brokerId").GetInt32() != Real
                    && r.GetProperty("highWatermark").GetInt64() != r.GetProperty("logEndOffset").GetInt64()).ToArray(),
            behind => behind.Length == 0);
    }

    private static async Task MoveAsync(HttpClient http, string zero, string one)
    {
        await PostAsync(
            http, "/api/v1/reassignments",
            $$"""
            {"assignments":[{"topic":"{{Topic}}","partition":0,"replicas":[{{zero}}]},{"topic":"{{Topic}}","partition":1,"replicas":[{{one}}]}]}
            """);
        await InSyncAsync(http, zero, one);
    }

    /// <summary>Waits until the partitions have these replicas, all of them in sync.</summary>
    private static Task InSyncAsync(HttpClient http, params string[] replicas) => Until.SeenAsync(
        $"the partitions have replicas {string.Join(" and ", replicas)}, all in sync", () => Rest.GetAsync(http, $"/api/v1/topics/{Topic}"),
        topic => topic.GetProperty("partitions").EnumerateArray().Zip(replicas).All(p =>
            Ids(p.First.GetProperty("replicas")) == p.Second
            && p.First.GetProperty("inSyncReplicas").GetArrayLength() == p.Second.Split(',').Length));

    private static string Ids(JsonElement brokers) => string.Join(',', brokers.EnumerateArray().Select(b => b.GetInt32()));

    private static async Task PostAsync(HttpClient http, string path, string json)
    {
        using HttpResponseMessage answer = await Rest.PostAsync(http, path, json);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {await answer.Content.ReadAsStringAsync(Token)}");
    }

    private static async Task LeadersAsync(int port, params int[] leaders)
    {
        for (int partition = 0; partition < leaders.Length; partition++)
        {
            await Until.EqualAsync(
                leaders[partition], $"who leads partition {partition}",
                async () => await NumberedLog.LeaderAsync(await ConnectAsync(port), Topic, partition));
        }
    }

    /// <summary>Brokers of 3.0 and later have their producer ids from the controller: from ours here.</summary>
    private static async Task NewProducerIdAsync(int port)
    {
        await using KafkaConnection connection = await ConnectAsync(port);
        ErrorCode answer = await Until.SeenAsync(
            "the real broker has producer ids",
            async () => (await connection.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(
                new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = 60_000 }, 2, Token)).ErrorCode,
            error => error != ErrorCode.CoordinatorLoadInProgress);
        Assert.Equal(ErrorCode.None, answer);
    }

    private static Task<KafkaConnection> ConnectAsync(int port) =>
        KafkaConnection.ConnectAsync("127.0.0.1", port, "test", TimeSpan.FromSeconds(10), Token);
}
