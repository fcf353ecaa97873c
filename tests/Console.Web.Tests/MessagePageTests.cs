using Broker.Engine.Admin;
using Bunit;
using WebConsole.Models;
using WebConsole.Pages;

namespace WebConsole.Tests;

/// <summary>Reading, following and producing records.</summary>
public sealed class MessagePageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    [Fact]
    public async Task Record_WithNullKeyAndValue_ReadsNull_AndAnEmptyOneReadsEmpty()
    {
        string topic = await Cluster.TopicAsync();
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic }, Token);
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Key = Bytes(""), Value = Bytes("") }, Token);
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}&from=oldest", 2);
        Assert.Equal(["null", "null", "empty", "empty"], page.FindAll(".null").Select(n => n.TextContent));
        await page.Find(".messages [aria-expanded]").ClickAsync();
        Assert.Contains("a tombstone", page.Find(".message-detail").TextContent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text", "{\"id\":7}")]
    [InlineData("json", "{\n  \"id\": 7\n}")]
    [InlineData("hex", "00000000  7b 22 69 64 22 3a 37 7d")]
    public async Task Value_InEachForm_IsShown(string form, string expected)
    {
        string topic = await Cluster.TopicAsync();
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes("""{"id":7}""") }, Token);
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}&show={form}", 1);
        await page.Find(".messages [aria-expanded]").ClickAsync();
        Assert.StartsWith(expected, page.Find(".message-detail pre").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Form_WhenRead_PutsItsFilterIntoTheAddress()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}", 0);
        await page.Find("select").ChangeAsync("offset");
        await page.Find("input[aria-label=Offset]").ChangeAsync("5");
        await page.Find("input[aria-label=Contains]").ChangeAsync("x");
        await page.Find("form.toolbar").SubmitAsync();
        Assert.EndsWith($"/messages?topic={topic}&from=offset&offset=5&contains=x", Navigation.Uri, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Time_InTheAddress_IsWhereReadingBegins()
    {
        string topic = await Cluster.TopicAsync();
        var noon = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes("before"), Timestamp = noon.AddHours(-1) }, Token);
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes("after"), Timestamp = noon.AddHours(1) }, Token);
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}&from=time&time=2026-03-01T12:00:00Z", 1);
        Assert.Equal("after", page.Find(".value-cell").TextContent.Trim());
    }

    [Fact]
    public async Task Produce_WithHeadersAndCodec_IsInTheLogAsAsked()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}", 0);
        await OpenProduceAsync(page);
        page.Find("dialog input:not([type])").Input("k");
        page.FindAll("dialog textarea")[0].Input("hello");
        page.FindAll("dialog textarea")[1].Input("trace=1");
        page.Find("dialog select").Change("gzip");
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Equal("hello", page.Find(".value-cell").TextContent.Trim()));
        MessageView message = Assert.Single((await Cluster.Admin.BrowseAsync(new MessageQuery { Topic = topic }, Token)).Messages);
        Assert.Equal("gzip", message.Compression);
        Assert.Equal("trace", Assert.Single(message.Headers).Key);
        Assert.Equal("k", ValueText.Of(message.Key, "text"));
    }

    [Fact]
    public async Task Produce_AsATombstone_HasANullValue()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}", 0);
        await OpenProduceAsync(page);
        page.Find("dialog input[type=checkbox]").Change(true);
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Equal("null", page.Find(".value-cell .null").TextContent));
    }

    [Fact]
    public async Task Produce_ToAPartitionThatIsNotThere_IsRefusedByName()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}", 0);
        await OpenProduceAsync(page);
        page.Find("dialog input[type=number]").Input("9");
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Contains("UNKNOWN_TOPIC_OR_PARTITION", page.Find(".modal-failure").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Follow_WhilePaused_HoldsBackWhatComes()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<Messages> page = await ShowAsync($"/messages?topic={topic}", 0);
        await page.FindAll(".page-actions button")[0].ClickAsync();
        await ProduceAsync(topic, "first");
        page.WaitForAssertion(() => Assert.Equal("first", page.Find(".value-cell").TextContent.Trim()), TimeSpan.FromSeconds(10));
        await page.InvokeAsync(Live.Toggle);
        await ProduceAsync(topic, "second");
        IAsyncEnumerable<TailBatch> other = Cluster.Admin.TailAsync(new TailQuery(topic), Token);
        await ProduceAsync(topic, "third");
        await foreach (TailBatch _ in other)
        {
            break;   // who began later has heard of the third: the page has heard of the second
        }
        Assert.Equal("first", page.Find(".value-cell").TextContent.Trim());
        await page.InvokeAsync(Live.Toggle);
        page.WaitForAssertion(() => Assert.Equal("third", page.Find(".value-cell").TextContent.Trim()), TimeSpan.FromSeconds(10));
    }

    private Task ProduceAsync(string topic, string value) =>
        Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes(value) }, Token);

    private static async Task OpenProduceAsync(IRenderedComponent<Messages> page)
    {
        await page.FindAll(".page-actions button")[1].ClickAsync();
        page.WaitForElement("dialog");
    }

    private Task<IRenderedComponent<Messages>> ShowAsync(string address, int rows)
    {
        IRenderedComponent<Messages> page = Show<Messages>(address);
        page.WaitForAssertion(
            () =>
            {
                Assert.Contains("looked at", page.Find("[role=status]").TextContent, StringComparison.Ordinal);
                Assert.Equal(rows, page.FindAll("[data-row]").Count);
                Assert.Empty(page.FindAll(".spinner"));
            },
            TimeSpan.FromSeconds(10));
        return Task.FromResult(page);
    }
}
