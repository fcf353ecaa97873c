namespace Interop;

/// <summary>kcat: librdkafka 2.0.2 on the command line.</summary>
public class KcatTests(SharedHost host) : IClassFixture<SharedHost>
{
    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public async Task Kcat_ProduceAndConsume_LinesComeBackInOrder(string codec)
    {
        string kcat = Command.Find("kcat");
        string topic = SharedHost.NewTopic("kcat");
        string lines = string.Concat(Enumerable.Range(0, 5_000).Select(i => $"line {i} äöü {new string('x', i % 200)}\n"));
        (await Command.RunAsync(kcat, ["-b", host.Bootstrap, "-P", "-t", topic, "-z", codec, "-X", "acks=all"], lines)).Succeeded("kcat -P");
        CommandResult read = await Command.RunAsync(kcat, ["-b", host.Bootstrap, "-C", "-t", topic, "-e", "-q", "-o", "beginning"]);
        Assert.Equal(lines, read.Succeeded("kcat -C"));
    }

    [Fact]
    public async Task Kcat_Metadata_ListsBrokersAndTopic()
    {
        string kcat = Command.Find("kcat");
        string topic = SharedHost.NewTopic("kcat");
        (await Command.RunAsync(kcat, ["-b", host.Bootstrap, "-P", "-t", topic], "x\n")).Succeeded("kcat -P");
        string listed = (await Command.RunAsync(kcat, ["-b", host.Bootstrap, "-L", "-t", topic])).Succeeded("kcat -L");
        Assert.Contains($"topic \"{topic}\" with 1 partitions", listed, StringComparison.Ordinal);
        Assert.Contains("(controller)", listed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kcat_OffsetsByTimestamp_AreFound()
    {
        string kcat = Command.Find("kcat");
        string topic = SharedHost.NewTopic("kcat");
        (await Command.RunAsync(kcat, ["-b", host.Bootstrap, "-P", "-t", topic], "a\nb\nc\n")).Succeeded("kcat -P");
        string found = (await Command.RunAsync(kcat, ["-b", host.Bootstrap, "-Q", "-t", $"{topic}:0:1000"])).Succeeded("kcat -Q");
        Assert.Contains("offset 0", found, StringComparison.Ordinal);
        string end = (await Command.RunAsync(kcat, ["-b", host.Bootstrap, "-Q", "-t", $"{topic}:0:-1"])).Succeeded("kcat -Q");
        Assert.Contains("offset 3", end, StringComparison.Ordinal);
    }
}
