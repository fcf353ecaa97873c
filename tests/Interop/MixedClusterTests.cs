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
        await using KafkaProcess second = await KafkaProcess.StartAsync(version, 2, connect);
        await using HostProcess ours = await HostProcess.StartAsync(
            brokers: 1, arguments: ["--override", $"zookeeper.connect={connect}", "--override", $"broker.id={Ours}"]);
        string everybody = $"{first.Bootstrap},{second.Bootstrap},{ours.Bootstrap}";
        await ToolAsync("topics", "--bootstrap-server", first.Bootstrap, "--create", "--topic", Topic, "--replica-assignment", "1:2,2:1",
            "--config", "min.insync.replicas=1");
        await using IdempotentProducer producer = await IdempotentProducer.StartAsync(everybody, Topic, partitions: 2, rate: 500);

        await ConsoleShowsAsync(ours, 4);   // all of it on the real brokers

        // Each partition gets a replica here, and this broker leads one of them.
        await ReassignAsync(first.Bootstrap, "[1,9]", "[9,2]");
        await ToolAsync("leader-election", "--bootstrap-server", first.Bootstrap, "--election-type", "preferred", "--all-topic-partitions");
        await LeaderAsync(second.Port, partition: 1, Ours);

        // A real broker goes: the other partition is led here too, and its real replica follows when it is back.
        await first.StopAsync();
        await LeaderAsync(ours.Port, partition: 0, Ours);
        await first.StartAgainAsync();
        await InSyncAsync(second.Bootstrap, replicas: 2);

        // What each has is what the others have, once nobody writes; then back to the real ones.
        (List<(int Partition, long Number, long Offset)> acknowledged, string said) = await producer.EndAsync();
        Assert.True(acknowledged.Count > 1_000, said);
        SegmentFiles.AssertSame(first.PartitionDirectory($"{Topic}-0"), Path.Combine(ours.DataDirectory, $"broker-{Ours}", $"{Topic}-0"));
        SegmentFiles.AssertSame(second.PartitionDirectory($"{Topic}-1"), Path.Combine(ours.DataDirectory, $"broker-{Ours}", $"{Topic}-1"));
        await ReassignAsync(second.Bootstrap, "[1,2]", "[2,1]");
        await Chaos.VerifyAsync(
            broker => broker == 0 ? first.Port : broker == 1 ? first.Port : broker == 2 ? second.Port : ours.Port,
            acknowledged, said, Topic, partitions: 2);
    }

    /// <summary>Waits until our console knows the ends of every replica on the real brokers, and every leader's size.</summary>
    private static async Task ConsoleShowsAsync(HostProcess ours, int asked)
    {
        using var http = new HttpClient { BaseAddress = ours.Http };
        long end = Environment.TickCount64 + 20_000;
        while (true)
        {
            JsonElement[] replicas = [.. (await Rest.GetAsync(http, $"/api/v1/topics/{Topic}/replicas")).GetProperty("items").EnumerateArray()
                .SelectMany(p => p.GetProperty("replicas").EnumerateArray())];
            JsonElement topic = (await Rest.GetAsync(http, $"/api/v1/topics/{Topic}")).GetProperty("summary");
            if (replicas.Count(r => r.GetProperty("source").GetString() == "Asked" && r.GetProperty("highWatermark").GetInt64() > 0
                    && r.GetProperty("logEndOffset").GetInt64() >= r.GetProperty("highWatermark").GetInt64()) == asked
                && topic.GetProperty("unknownPartitions").GetInt32() == 0 && topic.GetProperty("messages").GetInt64() > 0
                && topic.GetProperty("sizeBytes").GetInt64() > 0)
            {
                return;
            }
            Assert.True(Environment.TickCount64 < end, $"{topic}\n{string.Join('\n', replicas)}");
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
    }

    private static async Task ReassignAsync(string bootstrap, string zero, string one)
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, $$"""
                {"version":1,"partitions":[
                {"topic":"{{Topic}}","partition":0,"replicas":{{zero}}},{"topic":"{{Topic}}","partition":1,"replicas":{{one}}}]}
                """, TestContext.Current.CancellationToken);
            await ToolAsync("reassign-partitions", "--bootstrap-server", bootstrap, "--reassignment-json-file", file, "--execute");
            long end = Environment.TickCount64 + 60_000;
            while (true)
            {
                string said = await ToolAsync("reassign-partitions", "--bootstrap-server", bootstrap, "--reassignment-json-file", file, "--verify");
                if (said.Split("completed", StringSplitOptions.None).Length > 2 || said.Split("is complete", StringSplitOptions.None).Length > 2)
                {
                    return;
                }
                Assert.True(Environment.TickCount64 < end, said);
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<string> ToolAsync(string tool, params string[] arguments) =>
        (await Command.RunAsync(Repository.Peer("bin", "kafka"), ["3.9", tool, .. arguments])).Succeeded($"{tool} {string.Join(' ', arguments)}");

    private static async Task LeaderAsync(int port, int partition, int leader)
    {
        long end = Environment.TickCount64 + 30_000;
        while (true)
        {
            KafkaConnection connection = await KafkaConnection.ConnectAsync("127.0.0.1", port, "test", TimeSpan.FromSeconds(10), CancellationToken.None);
            int found = await NumberedLog.LeaderAsync(connection, Topic, partition);
            if (found == leader)
            {
                return;
            }
            Assert.True(Environment.TickCount64 < end, $"partition {partition} is led by {found}, not {leader}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private static async Task InSyncAsync(string bootstrap, int replicas)
    {
        long end = Environment.TickCount64 + 60_000;
        string said;
        do
        {
            Assert.True(Environment.TickCount64 < end, "the returned broker is not in sync");
            said = await ToolAsync("topics", "--bootstrap-server", bootstrap, "--describe", "--topic", Topic, "--under-replicated-partitions");
        }
        while (said.Contains("Partition:", StringComparison.Ordinal));
    }
}
