using System.Text.Json;
using System.Text.RegularExpressions;

namespace Interop;

/// <summary>Hosts on a real ZooKeeper: they form one cluster, and the tree is as Kafka writes it.</summary>
public sealed partial class ZooKeeperTests
{
    private static async Task GoAsync(string bootstrap, params string[] arguments) =>
        (await Command.RunAsync(Repository.Peer("bin", "kgocli"), ["-b", bootstrap, .. arguments])).Succeeded($"kgocli {arguments[0]}");

    private static Task<HostProcess> HostAsync(string connect, int id, params string[] overrides) => HostProcess.StartAsync(
        brokers: 1,
        arguments: [.. ((string[])[$"zookeeper.connect={connect}", $"broker.id={id}", .. overrides]).SelectMany(o => (string[])["--override", o])]);

    private static async Task ProduceAsync(string bootstrap, string topic, int from, int count) =>
        (await Command.RunAsync(
            Command.Find("kcat"), ["-b", bootstrap, "-P", "-t", topic, "-X", "acks=all"],
            string.Concat(Enumerable.Range(from, count).Select(i => $"{i}\n")))).Succeeded("kcat -P");

    /// <summary>Reads a topic whose records are the numbers from 0: each is there, once. A leader that has just begun to lead shows all of
    /// them once it has heard how far its followers are.</summary>
    private static async Task ConsumeAsync(string bootstrap, string topic, int count)
    {
        string[] read = await Until.SeenAsync(
            $"{topic} shows {count} records on {bootstrap}",
            async () => (await Command.RunAsync(Command.Find("kcat"), ["-b", bootstrap, "-C", "-t", topic, "-e", "-q", "-o", "beginning"]))
                .Succeeded("kcat -C").Split('\n', StringSplitOptions.RemoveEmptyEntries),
            seen => seen.Length >= count);
        Assert.Equal(Enumerable.Range(0, count), read.Select(l => int.Parse(l, System.Globalization.CultureInfo.InvariantCulture)).Order());
    }

    /// <summary>Waits until each host sees a controller and just these brokers.</summary>
    internal static async Task SeeAsync(IEnumerable<HostProcess> hosts, params int[] brokers)
    {
        foreach (HostProcess host in hosts)
        {
            using var http = new HttpClient { BaseAddress = host.Http };
            await Until.EqualAsync(string.Join(' ', brokers), $"{host.Bootstrap} sees", () => AliveAsync(http), pauseMs: 100);
        }
    }

    private static async Task<string> AliveAsync(HttpClient http) =>
        (await Rest.GetAsync(http, "/api/v1/cluster")).GetProperty("controllerId").GetInt32() < 0 ? "no controller" : string.Join(
            ' ', (await Rest.GetAsync(http, "/api/v1/brokers")).EnumerateArray()
                .Where(b => b.GetProperty("state").GetString() != "Absent").Select(b => b.GetProperty("id").GetInt32()).Order());

    /// <summary>Makes a topic, as soon as the cluster takes changes, and waits until every host has heard of it. A change is refused while
    /// a host's session with ZooKeeper has expired and the next has not begun.</summary>
    private static async Task CreateAsync(HostProcess[] hosts, string topic, int partitions, int replicas)
    {
        string[] create = ["-b", hosts[^1].Bootstrap, "topic-create", topic, "-p", $"{partitions}", "-r", $"{replicas}"];
        await Until.SeenAsync(
            $"{topic} is made", () => Command.RunAsync(Repository.Peer("bin", "kgocli"), create),
            made => made.ExitCode == 0 || made.Output.Contains("TOPIC_ALREADY_EXISTS", StringComparison.Ordinal), pauseMs: 200);
        foreach (HostProcess host in hosts)
        {
            using var http = new HttpClient { BaseAddress = host.Http };
            await Rest.KnowsTopicAsync(http, topic);
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
        await SeeAsync(hosts, 11, 12, 13);
        await CreateAsync(hosts, "spread", partitions: 6, replicas: 3);
        await ProduceAsync(first.Bootstrap, "spread", 0, 600);
        await ConsumeAsync(third.Bootstrap, "spread", 600);

        // Away for a while: brokers go on with what they know.
        await zooKeeper.KillAsync();
        await ProduceAsync(third.Bootstrap, "spread", 600, 600);
        await zooKeeper.StartAgainAsync();
        await CreateAsync(hosts, "after", partitions: 3, replicas: 3);
        await ProduceAsync(first.Bootstrap, "after", 0, 30);
        await ConsumeAsync(second.Bootstrap, "after", 30);
        await ConsumeAsync(first.Bootstrap, "spread", 1200);

        // The one that leads the cluster goes for good; another takes over.
        HostProcess leading = hosts[await ControllerAsync(third) - 11];
        HostProcess[] left = [.. hosts.Except([leading])];
        await leading.KillAsync();
        await SeeAsync(left, [.. ((int[])[11, 12, 13]).Where(id => hosts[id - 11] != leading)]);
        await CreateAsync(left, "last", partitions: 4, replicas: 2);
        await ProduceAsync(left[1].Bootstrap, "last", 0, 40);
        await ConsumeAsync(left[0].Bootstrap, "last", 40);
        await ProduceAsync(left[1].Bootstrap, "spread", 1200, 600);
        await ConsumeAsync(left[0].Bootstrap, "spread", 1800);
        await leading.StartAgainAsync();
        await SeeAsync([leading], 11, 12, 13);
        await ConsumeAsync(leading.Bootstrap, "spread", 1800);
    }

    private static async Task<int> ControllerAsync(HostProcess host)
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        return (await Until.SeenAsync(
            "there is a controller", () => Rest.GetAsync(http, "/api/v1/cluster"), c => c.GetProperty("controllerId").GetInt32() >= 0))
            .GetProperty("controllerId").GetInt32();
    }

    [Fact]
    public async Task Host_StoodStillBeyondItsSession_RegistersAgain()
    {
        Command.Find("kcat");
        await using ZooKeeperProcess zooKeeper = await ZooKeeperProcess.StartAsync();
        await using HostProcess controller = await HostAsync(zooKeeper.Address, 1, "zookeeper.session.timeout.ms=3000");
        await using HostProcess other = await HostAsync(zooKeeper.Address, 2, "zookeeper.session.timeout.ms=3000");
        await SeeAsync([controller, other], 1, 2);
        await CreateAsync([controller, other], "t", partitions: 4, replicas: 2);
        await ProduceAsync(other.Bootstrap, "t", 0, 40);
        controller.Pause();
        await SeeAsync([other], 2);   // and the office of the one that stands still is another's
        await ProduceAsync(other.Bootstrap, "t", 40, 40);
        controller.Continue();
        await SeeAsync([other, controller], 1, 2);
        await controller.SaysAsync("the coordination session has expired");
        await ProduceAsync(controller.Bootstrap, "t", 80, 40);
        await ConsumeAsync(other.Bootstrap, "t", 120);
    }

    [Fact]
    public async Task NoZooKeeper_IsOneLineAndTheEnd()
    {
        int nobody = FreePorts.InARow(1);
        string data = Directory.CreateTempSubdirectory("wheelhouse-nobody-").FullName;
        CommandResult ended = await Command.RunAsync(Repository.Host,
        [
            "--brokers", "1", "--port", "0", "--http", $"http://127.0.0.1:{FreePorts.InARow(1)}", "--data-dir", data,
            "--override", $"zookeeper.connect=127.0.0.1:{nobody}", "--override", "zookeeper.connection.timeout.ms=1500",
        ]);
        Assert.Equal(1, ended.ExitCode);
        Assert.StartsWith($"wheelhouse: ZooKeeper at 127.0.0.1:{nobody} cannot be reached within 1500 ms", ended.Error, StringComparison.Ordinal);
        Assert.Equal(1, ended.Error.Count(c => c == '\n'));
        Directory.Delete(data, recursive: true);
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
        // Each controller carries out in its own time what was asked of it.
        (string Real, string Ours) trees = ("", "");
        try
        {
            trees = await Until.SeenAsync(
                "the trees are equal", async () => (await TreeAsync(zooKeeper, "/real"), await TreeAsync(zooKeeper, "/ours")),
                t => (trees = t).Item1 == t.Item2 && t.Item1.Length > 0, seconds: 30);
        }
        finally
        {
            Assert.Equal(trees.Real, trees.Ours);
        }
    }

    /// <summary>Nodes below a root with their data; notes of changes are told by what they say, not by their numbers.</summary>
    private static async Task<string> TreeAsync(ZooKeeperProcess zooKeeper, string root)
    {
        string listed = await KafkaTool.RunAsync("3.9", "zookeeper-shell", ["-server", zooKeeper.Address, "ls", "-R", root]);
        string[] paths = [.. listed.Split('\n').Where(l => l.StartsWith(root + "/", StringComparison.Ordinal))];
        string said = await KafkaTool.RunAsync(
            "3.9", "zookeeper-shell", ["-server", zooKeeper.Address], string.Concat(paths.Select(p => $"get {p}\n")));
        string[] answers = [.. said.Split('\n').Where(l => l.Length > 0 && (l[0] is '{' || l is "null" || int.TryParse(l, out _)))];
        if (paths.Length != answers.Length)
        {
            return $"{root} changes: {paths.Length} nodes, {answers.Length} answers";
        }
        var tree = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < paths.Length; i++)
        {
            string path = paths[i][root.Length..];
            string data = Differing().Replace(answers[i], "$1*");
            // Ours also notes a new topic's first values: a broker that holds none of it answers for it too.
            tree[path.StartsWith("/config/changes/", StringComparison.Ordinal) ? $"/config/changes {data}" : path] = data;
        }
        tree.Remove("/config/changes {\"version\":2,\"entity_path\":\"topics/gone\"}");
        return string.Join('\n', tree.Select(n => $"{n.Key} {n.Value}"));
    }

    [GeneratedRegex("""("(?:timestamp|topic_id|id)":"|"port":|127\.0\.0\.1:)[^",]+""")]
    private static partial Regex Differing();
}
