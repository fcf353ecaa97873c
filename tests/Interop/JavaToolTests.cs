namespace Interop;

/// <summary>Apache Kafka's own tools against the host, where they are at hand (KAFKA_TOOLS, or ../shared/peers/bin/kafka).</summary>
public class JavaToolTests(SharedHost host) : IClassFixture<SharedHost>
{
    internal static string Tools()
    {
        string path = Environment.GetEnvironmentVariable("KAFKA_TOOLS") ?? Path.Combine(Repository.Root, "..", "shared", "peers", "bin", "kafka");
        Assert.SkipUnless(File.Exists(path), "Apache Kafka's tools are not at hand (KAFKA_TOOLS)");
        return path;
    }

    private static Task<string> RunAsync(string version, string tool, string[] arguments, string? input = null) =>
        KafkaTool.RunAsync(version, tool, arguments, input);

    [Theory]
    [InlineData("4.3")]
    [InlineData("3.9")]
    [InlineData("2.8")]
    public async Task Topics_CreatedDescribedGrownAndDeleted(string version)
    {
        string topic = SharedHost.NewTopic("tools");
        string[] to = ["--bootstrap-server", host.Bootstrap];
        Assert.Contains(
            "Created topic", await RunAsync(version, "topics", [.. to, "--create", "--topic", topic, "--partitions", "3", "--config", "segment.bytes=1048576"]),
            StringComparison.Ordinal);
        await KafkaTool.UntilAsync(
            said => said.Contains("PartitionCount: 3", StringComparison.Ordinal) && said.Contains("segment.bytes=1048576", StringComparison.Ordinal),
            version, "topics", [.. to, "--describe", "--topic", topic]);
        await RunAsync(version, "topics", [.. to, "--alter", "--topic", topic, "--partitions", "5"]);
        await KafkaTool.UntilAsync(
            said => said.Contains("PartitionCount: 5", StringComparison.Ordinal), version, "topics", [.. to, "--describe", "--topic", topic]);
        await RunAsync(version, "topics", [.. to, "--delete", "--topic", topic]);
        await KafkaTool.UntilAsync(said => !said.Contains(topic, StringComparison.Ordinal), version, "topics", [.. to, "--list"]);
    }

    [Theory]
    [InlineData("4.3", "zstd")]
    [InlineData("2.8", "lz4")]
    [InlineData("3.9", "gzip")]
    [InlineData("3.9", "snappy")]
    public async Task Producer_Consumer_AndGroup_AgreeOnEveryRecord(string version, string codec)
    {
        string topic = SharedHost.NewTopic("tools");
        string[] to = ["--bootstrap-server", host.Bootstrap];
        string[] lines = [.. Enumerable.Range(0, 500).Select(i => $"line {i}")];
        await RunAsync(version, "console-producer", [.. to, "--topic", topic, "--compression-codec", codec], string.Join('\n', lines) + "\n");
        string read = await RunAsync(
            version, "console-consumer", [.. to, "--topic", topic, "--from-beginning", "--max-messages", "500", "--group", topic]);
        Assert.Equal(lines.Order(StringComparer.Ordinal), read.Split('\n').Where(l => l.StartsWith("line ", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        string group = await RunAsync(version, "consumer-groups", [.. to, "--describe", "--group", topic]);
        Assert.Contains("500", group, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_AfterAStop_AreReadByDumpLogWithoutComplaint()
    {
        Tools();
        await using HostProcess own = await HostProcess.StartAsync(brokers: 1);
        string input = string.Concat(Enumerable.Range(0, 3000).Select(i => $"value {i}\n"));
        (await Command.RunAsync("kcat", ["-b", own.Bootstrap, "-P", "-t", "files", "-z", "snappy", "-X", "batch.num.messages=50"], input)).Succeeded("kcat");
        (await Command.RunAsync("kcat", ["-b", own.Bootstrap, "-G", "g", "-X", "auto.offset.reset=earliest", "-c", "3000", "-q", "files"])).Succeeded("kcat");
        await own.StopAsync();
        string[] files =
        [
            .. Directory.EnumerateFiles(own.DataDirectory, "0*", SearchOption.AllDirectories)
                .Where(f => f.Contains("files-0", StringComparison.Ordinal) || (f.EndsWith(".log", StringComparison.Ordinal) && new FileInfo(f).Length > 0)),
        ];
        string dumped = await RunAsync("4.3", "dump-log", ["--deep-iteration", "--files", string.Join(',', files)]);
        Assert.Contains("baseOffset: 0", dumped, StringComparison.Ordinal);
        foreach (string complaint in new[] { "isvalid: false", "Mismatches", "Non-consecutive", "Exception", "Found " })
        {
            Assert.DoesNotContain(complaint, dumped, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task Files_RolledCompressedAndRecovered_AreReadByDumpLogWithTheirIndexes()
    {
        Tools();
        await using HostProcess own = await HostProcess.StartAsync(
            brokers: 1, ["--override", "log.segment.bytes=1048576", "--override", "log.index.interval.bytes=500"]);
        var random = new Random(5);
        string input = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"value {i} {random.NextInt64()} {random.NextInt64()} {random.NextInt64()}\n"));
        foreach (string codec in new[] { "none", "gzip", "snappy", "lz4", "zstd" })
        {
            (await Command.RunAsync("kcat", ["-b", own.Bootstrap, "-P", "-t", "mixed", "-z", codec, "-X", "batch.num.messages=100"], input)).Succeeded("kcat");
        }
        await own.KillAsync();
        string partition = Path.Combine(own.DataDirectory, "broker-0", "mixed-0");
        await using (FileStream torn = File.Open(Directory.GetFiles(partition, "*.log").Order(StringComparer.Ordinal).Last(), FileMode.Append))
        {
            torn.Write(new byte[100]);
        }
        await own.StartAgainAsync();
        (await Command.RunAsync("kcat", ["-b", own.Bootstrap, "-P", "-t", "mixed"], input)).Succeeded("kcat");
        await own.StopAsync();
        string[] files = Directory.GetFiles(partition, "0*");
        Assert.True(files.Count(f => f.EndsWith(".log", StringComparison.Ordinal)) > 3);
        string logs = await RunAsync("4.3", "dump-log", ["--deep-iteration", "--files", string.Join(',', files)]);
        string indexes = await RunAsync(
            "4.3", "dump-log", ["--index-sanity-check", "--files", string.Join(',', files.Where(f => f.EndsWith("index", StringComparison.Ordinal)))]);
        foreach (string complaint in new[] { "isvalid: false", "Mismatches", "Non-consecutive", "Exception", "Found " })
        {
            Assert.DoesNotContain(complaint, logs + indexes, StringComparison.OrdinalIgnoreCase);
        }
    }
}
