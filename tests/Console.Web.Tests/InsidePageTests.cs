using Broker.Engine.Admin;
using Bunit;
using WebConsole.Models;
using WebConsole.Pages;
using WebConsole.Services;

namespace WebConsole.Tests;

/// <summary>Segments, batches, timing wheels, and the palette.</summary>
public sealed class InsidePageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    [Fact]
    public async Task Segments_OfAPartition_LeadToBatchesWithCodecAndChecksum()
    {
        string topic = await Cluster.TopicAsync();
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes(new string('x', 500)), Compression = "zstd" }, Token);
        IRenderedComponent<Segments> page = Show<Segments>($"/segments?topic={topic}&partition=0&segment=0");
        page.WaitForAssertion(() => Assert.Contains("zstd", page.Find("section[aria-labelledby=batches-title]").TextContent, StringComparison.Ordinal));
        Assert.Contains("Valid", page.Find("section[aria-labelledby=batches-title]").TextContent, StringComparison.Ordinal);
        Assert.Contains("active", page.Find("section[aria-label=Segments]").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_WithAWrongChecksum_HasTheAlertTone()
    {
        string topic = await Cluster.TopicAsync();
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes("v") }, Token);
        BatchPage page = await Cluster.Admin.BatchesAsync(topic, 0, 0, 0, 10, Token);
        Admin.BatchesAs = new BatchPage([page.Batches[0] with { CrcState = CrcState.Wrong }], -1);
        IRenderedComponent<Segments> shown = Show<Segments>($"/segments?topic={topic}&partition=0&segment=0");
        shown.WaitForAssertion(() => Assert.Equal("Wrong", shown.Find(".badge.tone-bad").TextContent));
    }

    [Fact]
    public void TimingWheel_OfABroker_DrawsEveryPurgatory()
    {
        IRenderedComponent<Timers> page = Show<Timers>("/timers?broker=0");
        Assert.Equal(["Produce", "Fetch", "Rebalance", "Heartbeat", "DeleteRecords", "topic"], page.FindAll(".dial-panel h2").Select(h => h.TextContent));
        Assert.All(page.FindAll("svg.dial"), dial => Assert.True(dial.QuerySelectorAll(".dial-piece").Length >= 20));
    }

    [Fact]
    public async Task Cleaner_ACompactedTopic_ShowsHowDirtyItIs()
    {
        string topic = ClusterFixture.NewName("compacted");
        await Cluster.Admin.CreateTopicAsync(
            new NewTopic(topic, 2, Config: new Dictionary<string, string> { ["cleanup.policy"] = "compact" }),
            Xunit.TestContext.Current.CancellationToken);
        IRenderedComponent<Cleaner> page = Show<Cleaner>("/cleaner?broker=0");
        page.WaitForAssertion(() => Assert.Contains(page.FindAll("tbody tr"), r => r.TextContent.Contains($"{topic}-", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void WheelWatch_ABucketThatWasPassed_HasFired()
    {
        var watch = new WheelWatch();
        Assert.Empty(watch.Fired(Purgatory(at: 3, filled: 5)));
        Assert.Equal([(0, 5)], watch.Fired(Purgatory(at: 6, filled: 9)));
        Assert.Empty(watch.Fired(Purgatory(at: 8, filled: 9)));
    }

    [Fact]
    public async Task Palette_FindsTopicsBrokersAndPages()
    {
        string topic = await Cluster.TopicAsync();
        var search = new PaletteSearch(Cluster.Admin);
        Assert.Equal(Routes.Topic(topic), search.Find(topic).First(i => i.Kind == "Topics").Href);
        Assert.Equal(Routes.Broker(1), search.Find("broker 1").First(i => i.Kind == "Brokers").Href);
        Assert.Contains(search.Find("wheel"), i => i.Href == Routes.Timers);
    }

    private static PurgatoryView Purgatory(int at, int filled)
    {
        int[] buckets = new int[20];
        buckets[filled] = 2;
        return new PurgatoryView
        {
            Name = "Fetch", NumDelayedOperations = 2, PurgatorySize = 2, Inserted = 2, Cancelled = 0, Expired = 0, InsertedPerSec = 0, CancelledPerSec = 0,
            ExpiredPerSec = 0, NowMs = at, Wheels = [new WheelView(1, at, buckets, at)], Operations = [],
        };
    }
}
