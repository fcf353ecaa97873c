namespace Interop;

/// <summary>Every kind of file that the host writes, read by Apache Kafka's dump tool with each of its decoders.</summary>
public class DumpLogTests
{
    private static readonly string[] s_complaints = ["isvalid: false", "Mismatches", "Non-consecutive", "Exception", "Found ", "Could not"];

    private static async Task<string> DumpAsync(IEnumerable<string> files, params string[] options)
    {
        string dumped = await KafkaTool.RunAsync("4.3", "dump-log", [.. options, "--files", string.Join(',', files)]);
        Assert.All(s_complaints, c => Assert.DoesNotContain(c, dumped, StringComparison.OrdinalIgnoreCase));
        return dumped;
    }

    [Fact]
    public async Task EveryKindOfFile_OfAHostThatStopped_IsReadWithoutComplaint()
    {
        JavaToolTests.Tools();
        Command.Find("kcat");
        await using HostProcess host = await HostProcess.StartAsync(
            brokers: 1,
            [
                "--override", "log.segment.bytes=1048576", "--override", "log.index.interval.bytes=500",
                "--override", "offsets.topic.num.partitions=1",
            ]);
        string input = string.Concat(Enumerable.Range(0, 30_000).Select(i => $"key {i % 100}:value {i} {new string('x', 60)}\n"));
        (await Command.RunAsync(
            "kcat", ["-b", host.Bootstrap, "-P", "-t", "kinds", "-K", ":", "-X", "enable.idempotence=true", "-X", "batch.num.messages=100"], input))
            .Succeeded("kcat");
        (await Command.RunAsync(
            "kcat", ["-b", host.Bootstrap, "-G", "dumpers", "-X", "auto.offset.reset=earliest", "-c", "30000", "-q", "kinds"])).Succeeded("kcat");
        await host.StopAsync();
        string root = Path.Combine(host.DataDirectory, "broker-0");
        string[] files = [.. Directory.GetFiles(Path.Combine(root, "kinds-0"), "0*").Order(StringComparer.Ordinal)];
        string[] logs = [.. files.Where(f => f.EndsWith(".log", StringComparison.Ordinal))];
        string[] indexes = [.. files.Where(f => f.EndsWith("index", StringComparison.Ordinal))];
        string[] snapshots = [.. files.Where(f => f.EndsWith(".snapshot", StringComparison.Ordinal))];
        Assert.True(logs.Length > 2 && indexes.Length > 4 && snapshots.Length > 1, string.Join(' ', files.Select(Path.GetFileName)));

        string deep = await DumpAsync([.. logs, .. indexes], "--deep-iteration", "--verify-index-only");
        Assert.Contains("Dumping", deep, StringComparison.Ordinal);
        string sane = await DumpAsync(indexes, "--index-sanity-check");
        Assert.Equal(indexes.Length, sane.Split("passed sanity check").Length - 1);
        string values = await DumpAsync(
            logs[..1], "--deep-iteration", "--value-decoder-class", "org.apache.kafka.tools.api.StringDecoder",
            "--key-decoder-class", "org.apache.kafka.tools.api.StringDecoder");
        Assert.Contains("key: key 7 payload: value 7 xxx", values, StringComparison.Ordinal);
        string producers = await DumpAsync(snapshots);
        Assert.Contains("producerId: ", producers, StringComparison.Ordinal);
        Assert.Contains("lastSequence: 29999", producers, StringComparison.Ordinal);
        string offsets = await DumpAsync(
            Directory.GetFiles(Path.Combine(root, "__consumer_offsets-0"), "*.log"), "--deep-iteration", "--offsets-decoder");
        Assert.Contains("dumpers", offsets, StringComparison.Ordinal);
        Assert.Contains("\"offset\":30000", offsets, StringComparison.Ordinal);
        Assert.Contains("\"protocolType\":\"consumer\"", offsets, StringComparison.Ordinal);
    }
}
