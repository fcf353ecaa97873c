using Broker.Engine.Admin;
using Bunit;
using WebConsole.Pages;

namespace WebConsole.Tests;

/// <summary>Brokers: stopping, starting, and pages while one is down.</summary>
public sealed class BrokerPageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Broker_StoppedAndStarted_ChangesItsState_AndNoPageWaitsForIt()
    {
        string topic = await Cluster.TopicAsync(4);
        IRenderedComponent<Brokers> page = Show<Brokers>("/brokers");
        await page.Find("[aria-label='Stop broker 1']").ClickAsync();
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("[aria-label='Start broker 1']")), s_long);
        try
        {
            AssertDown(topic);
        }
        finally
        {
            await page.Find("[aria-label='Start broker 1']").ClickAsync();
            page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("[aria-label='Stop broker 1']")), s_long);
        }
    }

    private void AssertDown(string topic)
    {
        int dead = Enumerable.Range(0, 4).First(p => Refused(topic, p));
        Assert.Equal("BROKER_NOT_AVAILABLE", Show<Timers>("/timers?broker=1").Find(".failure-code").TextContent);
        Assert.Equal("LEADER_NOT_AVAILABLE", Show<Segments>($"/segments?topic={topic}&partition={dead}").Find(".failure-code").TextContent);
        Assert.Contains("Stopped", Show<BrokerPage>("/brokers/1", p => p.Add(b => b.Id, 1)).Find(".facts").TextContent, StringComparison.Ordinal);
        IRenderedComponent<Messages> messages = Show<Messages>($"/messages?topic={topic}&partition={dead}");
        messages.WaitForAssertion(() => Assert.Equal("LEADER_NOT_AVAILABLE", messages.Find(".failure-code").TextContent));
        IRenderedComponent<Overview> overview = Show<Overview>("/");
        Assert.Contains("Broker 1 is stopped", overview.Find(".findings").TextContent, StringComparison.Ordinal);
    }

    private bool Refused(string topic, int partition)
    {
        try
        {
            return Cluster.Admin.Segments(topic, partition) is null;
        }
        catch (AdminException)
        {
            return true;
        }
    }

    [Fact]
    public void Page_OfABroker_HasATabForEachThing()
    {
        Assert.Contains("online", ShowBroker("dirs"), StringComparison.Ordinal);
        Assert.Contains("num.network.threads", ShowBroker("config"), StringComparison.Ordinal);
        Assert.Contains("Fetch requests", ShowBroker(null), StringComparison.Ordinal);
    }

    [Fact]
    public void Broker_OfAnotherHost_ShowsWhatIsKnown_AndCannotBeStopped()
    {
        Admin.BrokersAs = all =>
        [
            .. all, all[0] with
            {
                Id = 7, IsLocal = false, IsController = false, LogBytes = -1, Connections = -1, NetworkIdle = -1, Rates = TrafficRates.Unknown,
            },
        ];
        IRenderedComponent<Brokers> page = Show<Brokers>("/brokers");
        AngleSharp.Dom.IElement row = page.FindAll("[data-row]").First(r => r.TextContent.Contains("Broker 7", StringComparison.Ordinal));
        Assert.Equal("Stop broker 7, which runs in another host", row.QuerySelector("button")!.GetAttribute("aria-label"));
        Assert.Equal(6, row.QuerySelectorAll("td").Count(c => c.TextContent.Trim() == "–"));
        Assert.Empty(page.FindAll("[aria-label='Stop broker 7']"));
        Assert.Contains("what they send, their connections and threads only their own consoles show", page.FindAll(".hint")[^1].TextContent, StringComparison.Ordinal);
        Assert.Contains("–", Show<Overview>("/").FindAll("section[aria-labelledby=overview-brokers] [data-row]")[^1].TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_OfAnUnknownBroker_NamesTheError() =>
        Assert.Equal("RESOURCE_NOT_FOUND", Show<BrokerPage>("/brokers/9", p => p.Add(b => b.Id, 9)).Find(".failure-code").TextContent);

    private string ShowBroker(string? tab) => Show<BrokerPage>(tab is null ? "/brokers/0" : $"/brokers/0?tab={tab}", p => p.Add(b => b.Id, 0)).Markup;
}
