using AngleSharp.Dom;
using Broker.Engine.Admin;
using Bunit;
using WebConsole.Controls;
using WebConsole.Pages;

namespace WebConsole.Tests;

/// <summary>The list of topics and a topic's page, with their dialogs.</summary>
public sealed class TopicPageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    [Fact]
    public async Task List_Searched_ShowsWhatMatches_AndSaysWhenNothingDoes()
    {
        string topic = await Cluster.TopicAsync(3);
        IRenderedComponent<Topics> page = Show<Topics>($"/topics?q={topic}");
        Assert.Equal(topic, page.Find("[data-row] a").TextContent);
        Assert.Equal("3", page.Find("[data-row] td:nth-child(2)").TextContent);
        Navigation.NavigateTo("/topics?q=nowhere-at-all");
        page.Render();
        Assert.Contains("No topic is called “nowhere-at-all”", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void List_WhenTypedInto_PutsTheSearchIntoTheAddress()
    {
        IRenderedComponent<Topics> page = Show<Topics>("/topics");
        page.Find("input[type=search]").Input("orders");
        Clock.Advance(TimeSpan.FromMilliseconds(200));
        page.WaitForAssertion(() => Assert.EndsWith("/topics?q=orders", Navigation.Uri, StringComparison.Ordinal));
    }

    [Fact]
    public async Task List_OfMoreThanAPage_IsPagedAndSorted()
    {
        string prefix = ClusterFixture.NewName("page");
        for (int i = 0; i < 52; i++)
        {
            await Cluster.Admin.CreateTopicAsync(new NewTopic($"{prefix}.{i:00}", i == 7 ? 2 : 1), Token);
        }
        IRenderedComponent<Topics> page = Show<Topics>($"/topics?q={prefix}");
        Assert.Equal(50, page.FindAll("[data-row]").Count);
        await page.Find("[aria-label='Next page']").ClickAsync();
        page.Render();
        Assert.Equal([$"{prefix}.50", $"{prefix}.51"], page.FindAll("[data-row] a").Select(a => a.TextContent));
        await page.FindAll(".sort-button").First(b => b.TextContent.Contains("Partitions", StringComparison.Ordinal)).ClickAsync();
        page.Render();
        Assert.Equal($"{prefix}.07", page.Find("[data-row] a").TextContent);
        Assert.Equal("descending", page.FindAll("th").First(h => h.TextContent.Contains("Partitions", StringComparison.Ordinal)).GetAttribute("aria-sort"));
    }

    [Fact]
    public async Task CreateDialog_WithAName_MakesTheTopic_AndGoesThere()
    {
        string name = ClusterFixture.NewName("made");
        IRenderedComponent<Topics> page = Show<Topics>("/topics?new=topic");
        page.Find("dialog input").Input(name);
        page.FindAll("dialog input[type=number]")[0].Input("4");
        page.Find("dialog textarea").Input("retention.ms=60000");
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.EndsWith("/topics/" + name, Navigation.Uri, StringComparison.Ordinal));
        Assert.Equal(4, Cluster.Admin.Topic(name).Partitions.Count);
        IReadOnlyList<ConfigEntry> config = await Cluster.Admin.DescribeConfigAsync(
            new ConfigResource(ConfigResourceKind.Topic, name), Token);
        Assert.Equal("60000", config.First(c => c.Name == "retention.ms").Value);
    }

    [Fact]
    public async Task CreateDialog_ForATopicThatIsThere_StaysOpenWithKafkasError()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<Topics> page = Show<Topics>("/topics?new=topic");
        page.Find("dialog input").Input(topic);
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Contains("TOPIC_ALREADY_EXISTS", page.Find(".modal-failure").TextContent, StringComparison.Ordinal));
        Assert.Equal("TOPIC_ALREADY_EXISTS", Assert.Single(Notifications.Messages).Summary);
    }

    [Fact]
    public void CreateDialog_WithAWrongName_CannotBeSent()
    {
        IRenderedComponent<Topics> page = Show<Topics>("/topics?new=topic");
        page.Find("dialog input").Input("no spaces");
        Assert.True(page.Find("dialog [type=submit]").HasAttribute("disabled"));
    }

    [Fact]
    public async Task DeleteDialog_OnlyWithTheNameTyped_Deletes()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<TopicPage> page = ShowTopic(topic);
        await Button(page, "Delete").ClickAsync();
        Assert.True(page.Find("dialog [type=submit]").HasAttribute("disabled"));
        page.Find("dialog input").Input(topic);
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.EndsWith("/topics", Navigation.Uri, StringComparison.Ordinal));
        Assert.Equal(0, Cluster.Admin.Topics(new TopicQuery(topic)).Total);
    }

    [Fact]
    public async Task AddPartitions_ToFewer_IsRefused_ToMore_IsShown()
    {
        string topic = await Cluster.TopicAsync(2);
        IRenderedComponent<TopicPage> page = ShowTopic(topic);
        await Button(page, "Add partitions").ClickAsync();
        page.Find("dialog input").Change("1");
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Contains("INVALID_PARTITIONS", page.Find(".modal-failure").TextContent, StringComparison.Ordinal));
        page.Find("dialog input").Change("5");
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Empty(page.FindAll("dialog")));
        Assert.Equal(5, page.FindAll("section[aria-label=Partitions] tbody tr").Count);
    }

    [Fact]
    public async Task Config_Edited_IsChanged_AndARefusalIsShown()
    {
        string topic = await Cluster.TopicAsync();
        IRenderedComponent<ConfigEditor> editor = Render<ConfigEditor>(p => p.Add(e => e.Resource, new ConfigResource(ConfigResourceKind.Topic, topic)));
        await editor.Find("[aria-label='Change retention.ms']").ClickAsync();
        editor.Find("dialog input").Input("not a number");
        editor.Find("dialog form").Submit();
        editor.WaitForAssertion(() => Assert.Contains("INVALID_CONFIG", editor.Find(".modal-failure").TextContent, StringComparison.Ordinal));
        editor.Find("dialog input").Input("3600000");
        editor.Find("dialog form").Submit();
        editor.WaitForAssertion(() => Assert.Empty(editor.FindAll("dialog")));
        IElement row = editor.FindAll("tbody tr").First(r => r.QuerySelector("code")!.TextContent == "retention.ms");
        Assert.Contains("3600000", row.TextContent, StringComparison.Ordinal);
        Assert.Contains("dynamic topic", row.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void BrokerDefaults_Always_OfferEveryDynamicKey()
    {
        IRenderedComponent<BrokerDefaults> page = Show<BrokerDefaults>("/brokers/defaults");
        Assert.NotEmpty(page.FindAll("[aria-label='Change message.max.bytes']"));
        Assert.Empty(page.FindAll("[aria-label='Change broker.id']"));
    }

    [Fact]
    public void Page_OfAnUnknownTopic_NamesTheError()
    {
        IRenderedComponent<TopicPage> page = ShowTopic("nowhere");
        Assert.Equal("UNKNOWN_TOPIC_OR_PARTITION", page.Find(".failure-code").TextContent);
    }

    private IRenderedComponent<TopicPage> ShowTopic(string topic) => Show<TopicPage>("/topics/" + topic, p => p.Add(t => t.Name, topic));

    private static IElement Button(IRenderedComponent<TopicPage> page, string text) =>
        page.FindAll(".page-actions button").First(b => b.TextContent.Trim() == text);
}
