using System.Text.Json;

namespace Interop;

/// <summary>A compacted topic, written by librdkafka, cleaned by the host, and read by Apache Kafka's dump tool.</summary>
public class CompactionTests
{
    [Fact]
    public async Task CompactedTopic_WrittenByKcat_IsCleanedAndReadByDumpLogWithoutComplaint()
    {
        JavaToolTests.Tools();
        await using HostProcess own = await HostProcess.StartAsync(
            brokers: 1,
            [
                "--override", "log.segment.bytes=1048576", "--override", "log.cleanup.policy=compact", "--override", "log.cleaner.backoff.ms=100",
                "--override", "log.index.interval.bytes=500", "--override", "log.cleaner.min.cleanable.ratio=0.01",
            ]);
        string[] codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
        var random = new Random(5);
        foreach (string codec in codecs)
        {
            string input = string.Concat(Enumerable.Range(0, 20_000).Select(
                i => $"key {i % 500}:{codec} {i} {random.NextInt64()} {random.NextInt64()} {random.NextInt64()}\n"));
            (await Command.RunAsync(
                "kcat",
                ["-b", own.Bootstrap, "-P", "-t", "clean", "-K", ":", "-z", codec, "-X", "batch.num.messages=100", "-X", "enable.idempotence=true"],
                input)).Succeeded("kcat");
        }
        CommandResult keyless = await Command.RunAsync("kcat", ["-b", own.Bootstrap, "-P", "-t", "clean"], "no key\n");
        Assert.Contains("failed to validate record", keyless.Error + keyless.Output, StringComparison.Ordinal);
        using var http = new HttpClient { BaseAddress = own.Http };
        await Until.SeenAsync("the log is clean", () => Rest.GetAsync(http, "/api/v1/brokers/0/cleaner"), IsClean, pauseMs: 100);

        string read = (await Command.RunAsync("kcat", ["-b", own.Bootstrap, "-C", "-t", "clean", "-o", "beginning", "-e", "-q", "-K", ":"])).Succeeded("kcat");
        Dictionary<string, string> table = [];
        string[] lines = read.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Array.ForEach(lines, l => table[l.Split(':')[0]] = l.Split(':')[1]);
        Assert.InRange(lines.Length, 500, 60_000);
        Assert.Equal(500, table.Count);
        Assert.All(table, e => Assert.StartsWith("zstd 19", e.Value, StringComparison.Ordinal));

        await own.StopAsync();
        string[] files =
        [
            .. Directory.GetFiles(Path.Combine(own.DataDirectory, "broker-0", "clean-0"), "0*")
                .Where(f => !f.EndsWith(".deleted", StringComparison.Ordinal)),
        ];
        string dumped = await KafkaTool.RunAsync("4.3", "dump-log", ["--deep-iteration", "--print-data-log", "--files", string.Join(',', files)]);
        Assert.Contains("baseOffset:", dumped, StringComparison.Ordinal);
        foreach (string complaint in new[] { "isvalid: false", "Mismatches", "Exception", "Found " })
        {
            Assert.DoesNotContain(complaint, dumped, StringComparison.OrdinalIgnoreCase);
        }
    }

    private static bool IsClean(JsonElement view) => view.GetProperty("logs").EnumerateArray().Any(
        l => l.GetProperty("topic").GetString() == "clean" && l.GetProperty("dirtyBytes").GetInt64() == 0
            && l.GetProperty("recordsDropped") is { ValueKind: JsonValueKind.Number });
}
