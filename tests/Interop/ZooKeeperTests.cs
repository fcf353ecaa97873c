using System.Text.Json;
using System.Text.RegularExpressions;

namespace Interop;

/// <summary>Hosts on a real ZooKeeper: they form one cluster, and the tree is as Kafka writes it.</summary>
public sealed partial class ZooKeeperTests
{
    private static async Task<string> ToolAsync(string version, string tool, string[] arguments, string? input = null) =>
        (await Command.RunAsync(Repository.Peer("bin", "kafka"), [version, tool, .. arguments], input)).Succeeded($"{tool} {version}");

    private static async Task GoAsync(string bootstrap, params string[] arguments) =>
        (await Command.RunAsync(Repository.Peer("bin", "kgocli"), ["-b", bootstrap, .. arguments])).Succeeded($"kgocli {arguments[0]}");

    private static Task<HostProcess> HostAsync(string connect, int id, params string[] overrides) => HostProcess.StartAsync(
        brokers: 1,
        arguments: [.. ((string[])[$"zookeeper.connect={connect}", $"broker.id={id}", .. overrides]).SelectMany(o => (string[])["--override", o])]);

    private static async Task ProduceAsync(string bootstrap, string topic, int from, int count) =>
        (await Command.RunAsync(
            Command.Find("kcat"), ["-b", bootstrap, "-P", "-t", topic, "-X", "acks=all"],
            string.Concat(Enumerable.Range(from, count).Select(i => $"{i}\n")))).Succeeded("kcat -P");

    private static async Task<List<int>> ConsumeAsync(string bootstrap, string topic) =>
    [
        .. (await Command.RunAsync(Command.Find("kcat"), ["-b", bootstrap, "-C", "-t", topic, "-e", "-q", "-o", "beginning"])).Succeeded("kcat -C")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => int.Parse(l, System.Globalization.CultureInfo.InvariantCulture)).Order(),
    ];

    private static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        long end = Environment.TickCount64 + 60_000;
        while (!await holds())
        {
            Assert.True(Environment.TickCount64 < end, $"not within 60 s: {what}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<int[]> AliveAsync(HostProcess host)
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        JsonElement overview = await Rest.GetAsync(http, "/api/v1/cluster");
        return overview.GetProperty("controllerId").GetInt32() < 0 ? []
            : [.. (await Rest.GetAsync(http, "/api/v1/brokers")).EnumerateArray()
                .Where(b => b.GetProperty("state").GetString() != "Absent").Select(b => b.GetProperty("id").GetInt32()).Order()];
    }

    /// <summary>Makes a topic, and waits until every host has heard of it: a client that asks one that has not takes it for deleted.</summary>
    private static async Task CreateAsync(HostProcess[] hosts, string topic, int partitions, int replicas)
    {
        await GoAsync(hosts[^1].Bootstrap, "topic-create", topic, "-p", $"{partitions}", "-r", $"{replicas}");
        foreach (HostProcess host in hosts)
        {
            using var http = new HttpClient { BaseAddress = host.Http };
            await UntilAsync(async () => (await http.GetAsync($"/api/v1/topics/{topic}")).IsSuccessStatusCode, $"{host.Bootstrap} knows {topic}");
        }
    }

    [Fact]
    public async Task ThreeHosts_AreOneCluster_AndZooKeepersRestartLosesNothing()
    {
        Command.Find("kcat");
        await using ZooKeeperProcess zooKeeper = await ZooKeeperProcess.StartAsync();
        string connect = $"{zooKeeper.Address}/some/kafka";
        await using HostProcess first = await HostAsync(connect, 11);
        await using HostProcess second = await HostAsync(connect, 12);
        await using HostProcess third = await HostAsync(connect, 13);
        HostProcess[] hosts = [first, second, third];
        foreach (HostProcess host in hosts)
        {
            await UntilAsync(async () => (await AliveAsync(host)).SequenceEqual([11, 12, 13]), $"{host.Bootstrap} sees all");
        }
        await CreateAsync(hosts, "spread", partitions: 6, replicas: 3);
        await ProduceAsync(first.Bootstrap, "spread", 0, 600);
        Assert.Equal(Enumerable.Range(0, 600), await ConsumeAsync(third.Bootstrap, "spread"));

        // Away for a while: brokers go on with what they know.
        await zooKeeper.KillAsync();
        await ProduceAsync(third.Bootstrap, "spread", 600, 600);
        await zooKeeper.StartAgainAsync();
        await CreateAsync(hosts, "after", partitions: 3, replicas: 3);
        await ProduceAsync(first.Bootstrap, "after", 0, 30);
        Assert.Equal(Enumerable.Range(0, 30), await ConsumeAsync(second.Bootstrap, "after"));
        Assert.Equal(Enumerable.Range(0, 1200), await ConsumeAsync(first.Bootstrap, "spread"));

        // The one that leads the cluster goes for good; another takes over.
        await first.KillAsync();
        foreach (HostProcess host in hosts[1..])
        {
            await UntilAsync(async () => (await AliveAsync(host)).SequenceEqual([12, 13]), $"{host.Bootstrap} sees the death");
        }
        await CreateAsync(hosts[1..], "last", partitions: 4, replicas: 2);
        await ProduceAsync(third.Bootstrap, "last", 0, 40);
        Assert.Equal(Enumerable.Range(0, 40), await ConsumeAsync(second.Bootstrap, "last"));
        await ProduceAsync(third.Bootstrap, "spread", 1200, 600);
        Assert.Equal(Enumerable.Range(0, 1800), await ConsumeAsync(second.Bootstrap, "spread"));
        await first.StartAgainAsync();
        await UntilAsync(async () => (await AliveAsync(first)).SequenceEqual([11, 12, 13]), "it is back");
        Assert.Equal(Enumerable.Range(0, 1800), await ConsumeAsync(first.Bootstrap, "spread"));
    }

    [Fact]
    public async Task Host_StoodStillBeyondItsSession_RegistersAgain()
    {
        Command.Find("kcat");
        await using ZooKeeperProcess zooKeeper = await ZooKeeperProcess.StartAsync();
        await using HostProcess controller = await HostAsync(zooKeeper.Address, 1, "zookeeper.session.timeout.ms=3000");
        await using HostProcess other = await HostAsync(zooKeeper.Address, 2, "zookeeper.session.timeout.ms=3000");
        await GoAsync(other.Bootstrap, "topic-create", "t", "-p", "4", "-r", "2");
        await ProduceAsync(other.Bootstrap, "t", 0, 40);
        controller.Pause();
        await UntilAsync(async () => (await AliveAsync(other)).SequenceEqual([2]), "the one that stands still is gone, and its office is another's");
        await ProduceAsync(other.Bootstrap, "t", 40, 40);
        controller.Continue();
        await UntilAsync(async () => (await AliveAsync(other)).SequenceEqual([1, 2]), "it is back");
        await UntilAsync(async () => (await AliveAsync(controller)).SequenceEqual([1, 2]), "it knows");
        Assert.Contains("the coordination session has expired", controller.Log, StringComparison.Ordinal);
        await ProduceAsync(controller.Bootstrap, "t", 80, 40);
        Assert.Equal(Enumerable.Range(0, 120), await ConsumeAsync(other.Bootstrap, "t"));
    }

    [Fact]
    public async Task NoZooKeeper_IsOneLineAndTheEnd()
    {
        int nobody = FreePorts.InARow(1);
        CommandResult ended = await Command.RunAsync(Repository.Host,
        [
            "--brokers", "1", "--port", "0", "--http", $"http://127.0.0.1:{FreePorts.InARow(1)}", "--data-dir", Directory.CreateTempSubdirectory().FullName,
            "--override", $"zookeeper.connect=127.0.0.1:{nobody}", "--override", "zookeeper.connection.timeout.ms=1500",
        ]);
        Assert.Equal(1, ended.ExitCode);
        Assert.StartsWith($"wheelhouse: ZooKeeper at 127.0.0.1:{nobody} cannot be reached within 1500 ms", ended.Error, StringComparison.Ordinal);
        Assert.Equal(1, ended.Error.Count(c => c == '\n'));
    }

    /// <summary>The same is done on a real broker and on ours: the trees have the same nodes with the same bytes, but for times, ids
    /// and ports.</summary>
    [Fact]
    public async Task Tree_IsAsKafkaWritesIt()
    {
        await using ZooKeeperProcess zooKeeper = await ZooKeeperProcess.StartAsync();
        await using KafkaProcess kafka = await KafkaProcess.StartAsync("3.9", 1, $"{zooKeeper.Address}/real", ["auto.create.topics.enable=false", "log.cleaner.dedupe.buffer.size=20971520"]);
        await using HostProcess host = await HostAsync($"{zooKeeper.Address}/ours", 1, "auto.create.topics.enable=false");
        foreach (string bootstrap in (string[])[kafka.Bootstrap, host.Bootstrap])
        {
            await GoAsync(bootstrap, "topic-create", "kept", "-p", "12", "-r", "1", "-c", "segment.bytes=1048576");
            await GoAsync(bootstrap, "topic-create", "gone", "-p", "1", "-r", "1");
            await GoAsync(bootstrap, "partitions-add", "kept", "13");
            await GoAsync(bootstrap, "config-set", "topic", "kept", "retention.ms=5");
            await GoAsync(bootstrap, "config-set", "broker", "", "log.retention.ms=7");
            await GoAsync(bootstrap, "config-set", "broker", "1", "log.cleaner.threads=2");
            await GoAsync(bootstrap, "topic-delete", "gone");
        }
        SortedDictionary<string, string> real = await TreeAsync(zooKeeper, "/real");
        SortedDictionary<string, string> ours = await TreeAsync(zooKeeper, "/ours");
        Assert.Equal(string.Join('\n', real.Select(n => $"{n.Key} {n.Value}")), string.Join('\n', ours.Select(n => $"{n.Key} {n.Value}")));
    }

    /// <summary>Nodes below a root with their data; notes of changes are told by what they say, not by their numbers.</summary>
    private static async Task<SortedDictionary<string, string>> TreeAsync(ZooKeeperProcess zooKeeper, string root)
    {
        string listed = await ToolAsync("3.9", "zookeeper-shell", ["-server", zooKeeper.Address, "ls", "-R", root]);
        string[] paths = [.. listed.Split('\n').Where(l => l.StartsWith(root + "/", StringComparison.Ordinal))];
        string said = await ToolAsync(
            "3.9", "zookeeper-shell", ["-server", zooKeeper.Address], string.Concat(paths.Select(p => $"get {p}\n")));
        string[] answers = [.. said.Split('\n').Where(l => l.Length > 0 && (l[0] is '{' || l is "null" || int.TryParse(l, out _)))];
        Assert.Equal(paths.Length, answers.Length);
        var tree = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < paths.Length; i++)
        {
            string path = paths[i][root.Length..];
            string data = Differing().Replace(answers[i], "$1*");
            // Ours also notes a new topic's first values: a broker that holds none of it answers for it too.
            tree[path.StartsWith("/config/changes/", StringComparison.Ordinal) ? $"/config/changes {data}" : path] = data;
        }
        tree.Remove("/config/changes {\"version\":2,\"entity_path\":\"topics/gone\"}");
        return tree;
    }

    [GeneratedRegex("""("(?:timestamp|topic_id|id)":"|"port":|127\.0\.0\.1:)[^",]+""")]
    private static partial Regex Differing();
}
