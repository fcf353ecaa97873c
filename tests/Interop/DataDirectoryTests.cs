using System.Diagnostics;
using System.Globalization;
using Broker.Client;
using Broker.Protocol.Messages;

namespace Interop;

/// <summary>A data directory goes from Apache Kafka to the host and back: nobody's files are converted, every record is equal,
/// and what either appends the other reads. Where ../shared/peers is there.</summary>
public class DataDirectoryTests
{
    private const int Lines = 2_000;

    [Fact]
    public async Task Kafka43_ToTheHost_AndBack_EveryRecordIsEqual()
    {
        string kafka = Repository.Peer("bin", "kafka-kraft");
        using var directory = new TempFolder();
        string[] first = NumberedLines("kafka", 0);
        string[] second = NumberedLines("host", 1);
        string data = directory.At("data");
        Guid id;
        await using (var broker = await KafkaProcess.StartAsync(kafka, [directory.Root], portArgument: 1))
        {
            await CreateAsync(broker.Bootstrap);
            await ProduceAsync("4.3", broker.Bootstrap, first);
            await CommitAsync(broker.Bootstrap);
            id = await TopicIdAsync(broker.Bootstrap);
        }
        await using (HostProcess host = await StartOverAsync(directory, data, brokerId: 1))
        {
            await host.SaysAsync("taken over");
            Assert.Equal(id, await TopicIdAsync(host.Bootstrap));
            Assert.Equal(first, await ConsumeAsync("4.3", host.Bootstrap, Lines));
            Assert.Contains($"{Lines}", await GroupAsync(host.Bootstrap), StringComparison.Ordinal);
            await ProduceAsync("4.3", host.Bootstrap, second);
            Assert.Equal(0, (await host.StopAsync()).ExitCode);
        }
        await using (var again = await KafkaProcess.StartAsync(kafka, [directory.Root], portArgument: 1))
        {
            Assert.Equal(id, await TopicIdAsync(again.Bootstrap));
            string[] both = [.. first, .. second];
            Assert.Equal(both, await ConsumeAsync("4.3", again.Bootstrap, 2 * Lines));
            Assert.DoesNotContain("-stray", string.Join('\n', Directory.GetDirectories(data)), StringComparison.Ordinal);
            Assert.DoesNotContain("Recovering unflushed segment", again.Log, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task OursToKafka43_PartitionFilesPutInPlace_EveryRecordIsEqual()
    {
        string kafka = Repository.Peer("bin", "kafka-kraft");
        using var directory = new TempFolder();
        string[] lines = NumberedLines("host", 0);
        await using (HostProcess host = await HostProcess.StartAsync(brokers: 1, dataDirectory: directory.At("ours")))
        {
            await CreateAsync(host.Bootstrap);
            await ProduceAsync("4.3", host.Bootstrap, lines);
            Assert.Equal(0, (await host.StopAsync()).ExitCode);
        }
        await using (var first = await KafkaProcess.StartAsync(kafka, [directory.Root], portArgument: 1))
        {
            await CreateAsync(first.Bootstrap);
        }
        string to = Path.Combine(directory.At("data"), "moved-0");
        foreach (string file in Directory.EnumerateFiles(to).Where(f => Path.GetFileName(f) != "partition.metadata").ToArray())
        {
            File.Delete(file);
        }
        foreach (string file in Directory.EnumerateFiles(Path.Combine(directory.At("ours"), "broker-0", "moved-0")))
        {
            string target = Path.Combine(to, Path.GetFileName(file));
            if (!File.Exists(target))
            {
                File.Copy(file, target);
            }
        }
        foreach (string file in Directory.EnumerateFiles(directory.At("data")).Where(
            f => f.EndsWith("-checkpoint", StringComparison.Ordinal) || f.EndsWith(".kafka_cleanshutdown", StringComparison.Ordinal)).ToArray())
        {
            File.Delete(file);
        }
        await using var again = await KafkaProcess.StartAsync(kafka, [directory.Root], portArgument: 1);
        Assert.Equal(lines, await ConsumeAsync("4.3", again.Bootstrap, Lines));
    }

    [Fact]
    public async Task Kafka39_InZooKeeperMode_IsServed()
    {
        string zookeeper = Repository.Peer("bin", "zookeeper");
        string kafka = Repository.Peer("bin", "kafka-zk");
        using var directory = new TempFolder();
        int port = HostProcess.FreePorts(1);
        string[] lines = NumberedLines("kafka", 0);
        await using (await KafkaProcess.StartAsync(zookeeper, ["3.9", directory.At("zk"), Text(port)], port))
        await using (var broker = await KafkaProcess.StartAsync(
            kafka, ["3.9", "1", directory.At("kafka")], portArgument: 3, more: [$"127.0.0.1:{port}"]))
        {
            await Until.SeenAsync(
                "the cluster knows its broker", () => Command.RunAsync(Command.Find("kcat"), ["-b", broker.Bootstrap, "-L", "-m", "5"]),
                listed => listed.Output.Contains("broker 1 at", StringComparison.Ordinal));
            await CreateAsync(broker.Bootstrap);
            await ProduceAsync("3.9", broker.Bootstrap, lines);
        }
        string meta = Directory.EnumerateFiles(directory.At("kafka"), "meta.properties", SearchOption.AllDirectories).Single();
        await using HostProcess host = await StartOverAsync(directory, Path.GetDirectoryName(meta)!, brokerId: 1);
        Assert.Equal(lines, await ConsumeAsync("3.9", host.Bootstrap, Lines));
    }

    private static Task<HostProcess> StartOverAsync(TempFolder directory, string logs, int brokerId) => HostProcess.StartAsync(
        brokers: 1,
        ["--override", $"log.dirs={logs}", "--override", $"broker.id={brokerId}"],
        dataDirectory: directory.At("ours"));

    private static string[] NumberedLines(string who, int partition) =>
        [.. Enumerable.Range(0, Lines).Select(i => $"{who} {partition} {i}")];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static Task<string> RunAsync(string version, string tool, string[] arguments, string? input = null) =>
        KafkaTool.RunAsync(version, tool, arguments, input);

    private static async Task CreateAsync(string bootstrap) => (await Command.RunAsync(
        Repository.Peer("bin", "kgocli"), ["-b", bootstrap, "topic-create", "moved", "-p", "1", "-r", "1", "-c", "segment.bytes=1048576"]))
        .Succeeded("topic-create");

    private static Task ProduceAsync(string version, string bootstrap, string[] lines) => RunAsync(
        version, "console-producer", ["--bootstrap-server", bootstrap, "--topic", "moved", "--compression-codec", "lz4"],
        string.Join('\n', lines) + "\n");

    private static Task CommitAsync(string bootstrap) => RunAsync(
        "4.3", "console-consumer",
        ["--bootstrap-server", bootstrap, "--topic", "moved", "--from-beginning", "--max-messages", Text(Lines), "--group", "movers"]);

    private static Task<string> GroupAsync(string bootstrap) =>
        RunAsync("4.3", "consumer-groups", ["--bootstrap-server", bootstrap, "--describe", "--group", "movers"]);

    private static async Task<string[]> ConsumeAsync(string version, string bootstrap, int count) =>
    [
        .. (await RunAsync(
            version, "console-consumer",
            ["--bootstrap-server", bootstrap, "--topic", "moved", "--partition", "0", "--offset", "earliest", "--max-messages", Text(count)]))
            .Split('\n').Where(l => l.StartsWith("kafka ", StringComparison.Ordinal) || l.StartsWith("host ", StringComparison.Ordinal)),
    ];

    private static async Task<Guid> TopicIdAsync(string bootstrap)
    {
        await using KafkaConnection connection = await KafkaConnection.ConnectAsync(
            "127.0.0.1", int.Parse(bootstrap.Split(':')[1], CultureInfo.InvariantCulture), "mover", TimeSpan.FromSeconds(10),
            TestContext.Current.CancellationToken);
        var request = new MetadataRequest { AllowAutoTopicCreation = false, Topics = [new() { Name = "moved" }] };
        MetadataResponse response = await Until.SeenAsync(
            "the topic is known",
            () => connection.SendAsync<MetadataRequest, MetadataResponse>(request, 12, TestContext.Current.CancellationToken),
            r => r.Topics[0].ErrorCode == ErrorCode.None);
        Assert.NotEqual(Guid.Empty, response.Topics[0].TopicId);
        return response.Topics[0].TopicId;
    }

    private sealed class TempFolder : IDisposable
    {
        public string Root { get; } = Directory.CreateTempSubdirectory("wheelhouse-moved-").FullName;

        public string At(string name) => Path.Combine(Root, name);

        public void Dispose() => Directory.Delete(Root, recursive: true);
    }

    /// <summary>A program of the peers that listens on a port, until it is stopped with SIGTERM.</summary>
    private sealed class KafkaProcess : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly ProcessOutput _output;

        private KafkaProcess(Process process, int port)
        {
            _process = process;
            _output = new ProcessOutput(process);
            Bootstrap = $"127.0.0.1:{port}";
        }

        public string Bootstrap { get; }

        public string Log => _output.Text;

        public static Task<KafkaProcess> StartAsync(string file, string[] arguments, int portArgument, string[]? more = null)
        {
            if (portArgument > 100)
            {
                return BeginAsync(file, arguments, portArgument);
            }
            int port = HostProcess.FreePorts(2);
            return BeginAsync(file, [.. arguments, Text(port), .. more ?? []], port);
        }

        private static async Task<KafkaProcess> BeginAsync(string file, string[] arguments, int port)
        {
            var info = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            info.Environment["KAFKA_HEAP_OPTS"] = "-Xms256m -Xmx512m -XX:TieredStopAtLevel=1";
            var process = new KafkaProcess(Process.Start(info)!, port);
            long end = Environment.TickCount64 + 90_000;
            while (true)
            {
                try
                {
                    using var tried = new System.Net.Sockets.TcpClient();
                    await tried.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
                    return process;
                }
                catch (System.Net.Sockets.SocketException)
                {
                    Assert.False(process._process.HasExited, $"{Path.GetFileName(file)} ended:\n{process.Log}");
                    Assert.True(Environment.TickCount64 < end, $"{Path.GetFileName(file)} does not listen:\n{process.Log}");
                    await Task.Delay(100, TestContext.Current.CancellationToken);
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
            {
                (await Command.RunAsync("/bin/kill", ["-TERM", Text(_process.Id)])).Succeeded("kill");
                await Until.HoldsAsync("the program of the peers ends after SIGTERM", () => _process.HasExited, () => _output.Tail());
                await _process.WaitForExitAsync();
            }
            _process.Dispose();
        }
    }
}
