using AngleSharp.Dom;
using Broker.Engine.Admin;
using Bunit;
using WebConsole.Pages;

namespace WebConsole.Tests;

/// <summary>Pages follow the engine's feeds, stand still when asked to, and leave nothing behind.</summary>
public sealed class LivePageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    [Fact]
    public async Task Page_OnTheFeedsCall_ShowsWhatIsNew()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<TopicPage> page = ShowTopic(topic);
        Assert.Equal("0", Figure(page, "Messages"));
        await ProduceAsync(topic);
        Tick();
        page.WaitForAssertion(() => Assert.Equal("1", Figure(page, "Messages")));
    }

    [Fact]
    public async Task Page_WhilePaused_StandsStill_AndCatchesUpAfterwards()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<TopicPage> page = ShowTopic(topic);
        await page.InvokeAsync(Live.Toggle);
        await ProduceAsync(topic);
        Tick();
        await page.InvokeAsync(() => { });
        Assert.Equal("0", Figure(page, "Messages"));
        await page.InvokeAsync(Live.Toggle);
        page.WaitForAssertion(() => Assert.Equal("1", Figure(page, "Messages")));
    }

    [Fact]
    public async Task Page_InAHiddenTab_StandsStill()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<TopicPage> page = ShowTopic(topic);
        await page.InvokeAsync(() => Live.SetVisible(false));
        await ProduceAsync(topic);
        Tick();
        await page.InvokeAsync(() => { });
        Assert.Equal("0", Figure(page, "Messages"));
        await page.InvokeAsync(() => Live.SetVisible(true));
        page.WaitForAssertion(() => Assert.Equal("1", Figure(page, "Messages")));
    }

    [Fact]
    public void Page_OnManyCallsAtOnce_RefreshesAtMostFiveTimesASecond()
    {
        int reads = 0;
        Admin.OverviewAs = overview =>
        {
            reads++;
            return overview;
        };
        IRenderedComponent<Overview> page = Show<Overview>("/");
        Tick();
        page.WaitForAssertion(() => Assert.Equal(2, reads));
        for (int i = 0; i < 100; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(10));
            Admin.Tick();
        }
        page.WaitForAssertion(() => Assert.InRange(reads, 3, 2 + 1 + (LiveFeed.PerSecondMax * 4 / 3)));
    }

    [Fact]
    public async Task Page_ThatIsLeft_ListensToNothing()
    {
        string topic = await Cluster.TopicAsync();
        ShowTopic(topic);
        Assert.Contains(Admin.Subjects, s => s == new LiveSubject(LiveKind.Topic, topic));
        await DisposeComponentsAsync();
        Assert.Empty(Admin.Subjects);
    }

    [Fact]
    public async Task Page_OfAnotherTopic_ListensToThatOneOnly()
    {
        string first = await Cluster.TopicAsync();
        string second = await Cluster.TopicAsync();
        IRenderedComponent<TopicPage> page = ShowTopic(first);
        page.Render(p => p.Add(t => t.Name, second));
        Assert.Equal([new LiveSubject(LiveKind.Topic, second)], Admin.Subjects);
    }

    [Fact]
    public async Task Page_OfWhatIsNotThere_SaysSoWithKafkasName_AndComesBack()
    {
        Admin.Refusal = new AdminException("BROKER_NOT_AVAILABLE", "No broker of this host serves.");
        IRenderedComponent<Overview> page = Show<Overview>("/");
        Assert.Contains("BROKER_NOT_AVAILABLE", page.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Admin.Refusal = null;
        await page.Find("[role=alert] button").ClickAsync();
        Assert.Empty(page.FindAll("[role=alert]"));
        Assert.Contains("Busiest topics", page.Markup, StringComparison.Ordinal);
    }

    private IRenderedComponent<TopicPage> ShowTopic(string topic) => Show<TopicPage>("/topics/" + topic, p => p.Add(t => t.Name, topic));

    private Task ProduceAsync(string topic) => Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes("v") }, Token);

    internal static string Figure(IRenderedComponent<TopicPage> page, string name) =>
        page.FindAll(".figure").First(f => f.QuerySelector(".figure-name")!.TextContent == name).QuerySelector(".figure-value")!.TextContent.Trim();
}
