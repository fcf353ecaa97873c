namespace Interop;

/// <summary>Retention, DeleteRecords and recompression of a running host, by kcat and Kafka's own tools.</summary>
public class RetentionTests
{
    private static Task<string> ToolAsync(string tool, params string[] arguments) => KafkaTool.RunAsync("4.3", tool, arguments);

    private static async Task ProduceAsync(HostProcess host, string topic, string input, string codec = "none") =>
        (await Command.RunAsync("kcat", ["-b", host.Bootstrap, "-P", "-t", topic, "-z", codec, "-X", "batch.num.messages=200"], input)).Succeeded("kcat");

    private static string Lines(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $"{i} {new string('x', 500)}\n"));

    /// <summary>
    /// Whether retention by size has nothing left to do: without the first segment the log would be shorter than it
    /// may be. How many segments that leaves depends on where the producer's batches end.
    /// </summary>
    private static bool IsWithin(long bytes, string folder)
    {
        FileInfo[] segments = [.. Directory.GetFiles(folder, "*.log").Order(StringComparer.Ordinal).Select(f => new FileInfo(f))];
        return segments.All(f => f.Exists)
            && segments.Skip(1).Sum(f => f.Length) < bytes
            && Directory.GetFiles(folder, "*.deleted").Length == 0;
    }

    [Fact]
    public async Task RunningHost_DropsSegments_AndDeleteRecordsSurvivesKill()
    {
        JavaToolTests.Tools();
        await using HostProcess host = await HostProcess.StartAsync(
            brokers: 1,
            [
                "--override", "log.retention.check.interval.ms=100", "--override", "log.initial.task.delay.ms=0",
                "--override", "log.segment.bytes=1048576", "--override", "log.retention.bytes=2500000", "--override", "log.segment.delete.delay.ms=1",
            ]);
        await ProduceAsync(host, "held", Lines(10_000));
        string folder = Path.Combine(host.DataDirectory, "broker-0", "held-0");
        await Until.HoldsAsync(
            "retention by size has nothing left to do", () => IsWithin(2_500_000, folder),
            () => string.Join(' ', new DirectoryInfo(folder).GetFiles().Select(f => $"{f.Name}:{(f.Exists ? f.Length : 0)}")));
        await host.SaysAsync("due to log retention size 2500000 breach");
        string read = (await Command.RunAsync("kcat", ["-b", host.Bootstrap, "-C", "-t", "held", "-o", "beginning", "-e", "-q", "-f", "%o\n"])).Succeeded("kcat");
        long[] offsets = [.. read.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(o => long.Parse(o, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(offsets[0], long.Parse(Path.GetFileNameWithoutExtension(Directory.GetFiles(folder, "*.log").Order(StringComparer.Ordinal).First()), System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal((9_999L, 10_000L - offsets[0]), (offsets[^1], offsets.LongLength));

        string json = Path.Combine(host.DataDirectory, "delete.json");
        await File.WriteAllTextAsync(json, """{"version":1,"partitions":[{"topic":"held","partition":0,"offset":9876}]}""", TestContext.Current.CancellationToken);
        Assert.Contains("low_watermark: 9876", await ToolAsync("delete-records", "--bootstrap-server", host.Bootstrap, "--offset-json-file", json), StringComparison.Ordinal);
        await host.KillAsync();
        await host.StartAgainAsync();
        Assert.Contains("held:0:9876", await ToolAsync("get-offsets", "--bootstrap-server", host.Bootstrap, "--topic", "held", "--time", "earliest"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CompressionTypeAndAppendTime_AreInTheFiles_AsDumpLogReadsThem()
    {
        JavaToolTests.Tools();
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1);
        string[] codecs = ["gzip", "snappy", "lz4", "zstd", "uncompressed"];
        using var http = new HttpClient { BaseAddress = host.Http };
        foreach (string codec in codecs)
        {
            using HttpResponseMessage made = await Rest.PostAsync(
                http, "/api/v1/topics",
                $$$"""{"name":"{{{codec}}}","config":{"compression.type":"{{{codec}}}","message.timestamp.type":"LogAppendTime"}}""");
            Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            await ProduceAsync(host, codec, Lines(300), codec == "lz4" ? "gzip" : "lz4");
        }
        await host.StopAsync();
        string[] files = [.. codecs.Select(c => Path.Combine(host.DataDirectory, "broker-0", $"{c}-0", "00000000000000000000.log"))];
        string[] dumps = (await ToolAsync("dump-log", "--deep-iteration", "--files", string.Join(',', files))).Split("Dumping ")[1..];
        foreach ((string codec, string dumped) in codecs.Zip(dumps))
        {
            Assert.Contains($"/{codec}-0/", dumped.Split('\n')[0], StringComparison.Ordinal);
            string[] batches = [.. dumped.Split('\n').Where(l => l.StartsWith("baseOffset", StringComparison.Ordinal))];
            Assert.NotEmpty(batches);
            Assert.All(batches, b =>
            {
                Assert.Contains($"compresscodec: {(codec == "uncompressed" ? "none" : codec)} ", b, StringComparison.OrdinalIgnoreCase);
                Assert.Contains("LogAppendTime: ", b, StringComparison.Ordinal);
                Assert.Contains("isvalid: true", b, StringComparison.Ordinal);
            });
        }
    }
}
