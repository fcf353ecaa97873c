using System.Text.Json;
using Broker.Client;

namespace Interop;

/// <summary>One of our brokers among real Kafka brokers of ZooKeeper mode: an existing cluster is moved over broker by broker, while a
/// producer writes with acks=all; and then the other way round.</summary>
public sealed class MixedClusterTests
{
    private const string Topic = "moved";
    private const int Ours = 9;

    [Theory]
    [InlineData("3.9")]
    [InlineData("2.8")]
    public async Task Broker_AmongRealOnes_TakesPartitionsOver_LeadsThem_AndGivesThemBack(string version)
    {
        await using ZooKeeperProcess zookeeper = await ZooKeeperProcess.StartAsync(version);
        string connect = $"{zookeeper.Address}/mixed";
        await using KafkaProcess first = await KafkaProcess.StartAsync(version, 1, connect);
        Task<KafkaProcess> starting = KafkaProcess.StartAsync(version, 2, connect);
        await using HostProcess ours = await HostProcess.StartAsync(
            brokers: 1, arguments: ["--override", $"zookeeper.connect={connect}", "--override", $"broker.id={Ours}"]);
        await using KafkaProcess second = await starting;
        string everybody = $"{first.Bootstrap},{second.Bootstrap},{ours.Bootstrap}";
        await ToolAsync("topics", "--bootstrap-server", first.Bootstrap, "--create", "--topic", Topic, "--replica-assignment", "1:2,2:1",
            "--config", "min.insync.replicas=1");
        await using IdempotentProducer producer = await IdempotentProducer.StartAsync(everybody, Topic, partitions: 2, rate: 500);

        await ConsoleShowsAsync(ours, 4);   // all of it on the real brokers

        // Each partition gets a replica here, and this broker leads one of them.
        await ReassignAsync(first.Bootstrap, "1,9", "9,2");
        await ToolAsync("leader-election", "--bootstrap-server", first.Bootstrap, "--election-type", "preferred", "--all-topic-partitions");
        await LeaderAsync(second.Port, partition: 1, Ours);

        // A real broker goes: the other partition is led here too, and its real replica follows when it is back.
        await first.StopAsync();
        await LeaderAsync(ours.Port, partition: 0, Ours);
        await first.StartAgainAsync();
        await InSyncAsync(second.Bootstrap);

        // What each has is what the others have, once nobody writes; then back to the real ones.
        (List<(int Partition, long Number, long Offset)> acknowledged, string said) = await producer.EndAsync();
        Assert.True(acknowledged.Count > 1_000, said);
        SegmentFiles.AssertSame(first.PartitionDirectory($"{Topic}-0"), Path.Combine(ours.DataDirectory, $"broker-{Ours}", $"{Topic}-0"));
        SegmentFiles.AssertSame(second.PartitionDirectory($"{Topic}-1"), Path.Combine(ours.DataDirectory, $"broker-{Ours}", $"{Topic}-1"));
        await ReassignAsync(second.Bootstrap, "1,2", "2,1");
        await Chaos.VerifyAsync(
            broker => broker == 0 ? first.Port : broker == 1 ? first.Port : broker == 2 ? second.Port : ours.Port,
            acknowledged, said, Topic, partitions: 2);
    }

    /// <summary>Waits until our console knows the ends of every replica on the real brokers, and every leader's size.</summary>
    private static async Task ConsoleShowsAsync(HostProcess ours, int asked)
    {
        using var http = new HttpClient { BaseAddress = ours.Http };
        await Rest.KnowsTopicAsync(http, Topic);
        await Until.SeenAsync(
            "the console knows all of the topic",
            async () => (Replicas: await Rest.GetAsync(http, $"/api/v1/topics/{Topic}/replicas"), Topic: await Rest.GetAsync(http, $"/api/v1/topics/{Topic}")),
            seen => seen.Replicas.GetProperty("items").EnumerateArray().SelectMany(p => p.GetProperty("replicas").EnumerateArray()).Count(
                r => r.GetProperty("source").GetString() == "Asked" && r.GetProperty("highWatermark").GetInt64() > 0
                    && r.GetProperty("logEndOffset").GetInt64() >= r.GetProperty("highWatermark").GetInt64()) == asked
                && IsKnown(seen.Topic.GetProperty("summary")),
            pauseMs: 200);
    }

    private static bool IsKnown(JsonElement topic) => topic.GetProperty("unknownPartitions").GetInt32() == 0
        && topic.GetProperty("messages").GetInt64() > 0 && topic.GetProperty("sizeBytes").GetInt64() > 0;

    private static async Task ReassignAsync(string bootstrap, string zero, string one)
    {
        using ToolFile plan = ToolFile.Reassignment(Topic, (0, zero), (1, one));
        string[] with = ["--bootstrap-server", bootstrap, "--reassignment-json-file", plan.Path];
        await ToolAsync("reassign-partitions", [.. with, "--execute"]);
        await KafkaTool.UntilAsync(
            said => said.Split("is complete", StringSplitOptions.None).Length > 2, "3.9", "reassign-partitions", [.. with, "--verify"]);
    }

    private static Task<string> ToolAsync(string tool, params string[] arguments) => KafkaTool.RunAsync("3.9", tool, arguments);

    private static Task LeaderAsync(int port, int partition, int leader) => Until.EqualAsync(
        leader, $"who leads partition {partition}",
        async () => await NumberedLog.LeaderAsync(
            await KafkaConnection.ConnectAsync("127.0.0.1", port, "test", TimeSpan.FromSeconds(10), CancellationToken.None), Topic, partition));

    private static Task<string> InSyncAsync(string bootstrap) => KafkaTool.UntilAsync(
        said => !said.Contains("Partition:", StringComparison.Ordinal), "3.9", "topics",
        ["--bootstrap-server", bootstrap, "--describe", "--topic", Topic, "--under-replicated-partitions"]);
}
