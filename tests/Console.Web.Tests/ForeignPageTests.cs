using AngleSharp.Dom;
using Broker.Engine.Admin;
using Bunit;
using WebConsole.Controls;
using WebConsole.Models;
using WebConsole.Pages;

namespace WebConsole.Tests;

/// <summary>What brokers of other hosts do not tell is shown as not known, with the reason.</summary>
public sealed class ForeignPageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    private const string Why = "Broker 9 does not answer: connection refused";

    [Fact]
    public async Task Topic_WithALeaderThatDoesNotTell_ShowsWhatIsKnown_AndWhy()
    {
        string topic = await Cluster.TopicAsync(2);
        Admin.TopicAs = t => t with
        {
            Summary = t.Summary with { Messages = 7, SizeBytes = 700, UnknownPartitions = 1, Unknown = Why, LedElsewhere = 1 },
            Partitions =
            [
                t.Partitions[0] with
                {
                    LogStartOffset = -1, HighWatermark = -1, LogEndOffset = -1, SizeBytes = -1, Segments = -1, Unknown = Why,
                },
                t.Partitions[1],
            ],
            Groups = [new TopicGroupView("some", "Empty", 0, UnknownLags: 1)],
        };
        IRenderedComponent<TopicPage> page = Show<TopicPage>($"/topics/{topic}", p => p.Add(t => t.Name, topic));
        Assert.Equal("≥ 7", Figure(page, "Messages").TextContent.Trim());
        Assert.Equal($"Without 1 partition. {Why}", Figure(page, "Size").GetAttribute("title"));
        Assert.Equal(Format.None, Figure(page, "Out").TextContent.Trim());
        Assert.Contains(Why, page.Find("[role=status]").TextContent, StringComparison.Ordinal);
        IElement[] cells = [.. page.Find("[aria-label=Partitions] tbody tr").QuerySelectorAll("td").Skip(4)];
        Assert.All(cells, c => Assert.Equal(Format.None, c.TextContent.Trim()));
        Assert.All(cells.Take(4), c => Assert.Equal(Why, c.GetAttribute("title")));
        Navigation.NavigateTo($"/topics/{topic}?tab=groups");
        page.Render();
        Assert.Equal(Format.None, page.Find("[aria-label=Groups] td:nth-child(3)").TextContent);
    }

    [Theory]
    [InlineData(BrokerState.Silent, "This broker does not answer", Why)]
    [InlineData(BrokerState.Absent, "This broker is not there", "It holds replicas, but is not registered")]
    public void Broker_OfAnotherHost_HasOnlyWhatIsKnownOfIt(BrokerState state, string title, string text)
    {
        Admin.BrokerAs = b => b with
        {
            Summary = b.Summary with
            {
                IsLocal = false, State = state, LogBytes = -1, Connections = -1, NetworkIdle = -1, Rates = TrafficRates.Unknown,
                Failure = state == BrokerState.Silent ? Why : null,
            },
            LogDirectories = [],
        };
        IRenderedComponent<BrokerPage> page = Show<BrokerPage>("/brokers/1", p => p.Add(b => b.Id, 1));
        Assert.Equal(title, page.Find(".failure-title").TextContent);
        Assert.Contains(text, page.Find(".failure-text").TextContent, StringComparison.Ordinal);
        Assert.Equal(["Log directories", "Configuration", "Loggers"], page.FindAll(".tab").Select(t => t.TextContent));
        Assert.All(["Logs", "Messages in", "In"], name => Assert.Equal(Format.None, Figure(page, name).TextContent.Trim()));
        Assert.DoesNotContain("Timing wheels", page.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain("Gathering", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Overview_WithASilentBroker_DoesNotShowTheSumOfTheOthersForTheWhole()
    {
        Admin.OverviewAs = o => o with { LogBytes = 2048, IsWhole = false, Silent = [new SilentBroker(9, Why)] };
        IRenderedComponent<Overview> page = Show<Overview>("/");
        Assert.Equal("≥ 2.00 KiB", Figure(page, "Logs").TextContent.Trim());
        Assert.Equal($"Without 1 broker. {Why}", Figure(page, "Logs").GetAttribute("title"));
        Assert.Contains("Of this host's brokers", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Config_OfABrokerThatIsAsked_IsAwaited_AndARefusalCanBeTriedAgain()
    {
        var refused = new TaskCompletionSource<IReadOnlyList<ConfigEntry>>();
        Admin.ConfigAs = _ => refused.Task;
        IRenderedComponent<ConfigEditor> editor = Render<ConfigEditor>(
            p => p.Add(c => c.Resource, new ConfigResource(ConfigResourceKind.Broker, "9")));
        Assert.Equal("Loading", editor.Find("[role=status]").TextContent);
        refused.SetException(new AdminException("BROKER_NOT_AVAILABLE", Why));
        editor.WaitForAssertion(() => Assert.Equal("BROKER_NOT_AVAILABLE", editor.Find(".failure-code").TextContent));
        Assert.Equal(Why, editor.Find(".failure-text").TextContent);
        Admin.ConfigAs = null;
        editor.Render(p => p.Add(c => c.Resource, new ConfigResource(ConfigResourceKind.BrokerLogger, "1")));
        editor.WaitForAssertion(() => Assert.Equal("Loggers", editor.Find("[role=region]").GetAttribute("aria-label")));
        await editor.Find("[aria-label='Change root']").ClickAsync();
        Assert.Equal(["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"], editor.FindAll("dialog option").Select(o => o.TextContent));
    }

    [Fact]
    public void Groups_WithASilentCoordinator_SayThatThereMayBeMore()
    {
        Admin.GroupsAs = g => g with { Items = [], Total = 0, Unknown = [Why] };
        IRenderedComponent<Groups> page = Show<Groups>("/groups");
        Assert.Equal(Why, page.Find(".finding-text").TextContent.Trim());
        Assert.Contains("No consumer group is known", page.Markup, StringComparison.Ordinal);
        Admin.OverviewAs = o => o with { Groups = 3, UnknownGroups = [Why] };
        IRenderedComponent<Overview> overview = Show<Overview>("/");
        Assert.Equal("≥ 3", Figure(overview, "Consumer groups").TextContent.Trim());
        Assert.Equal(Why, Figure(overview, "Consumer groups").GetAttribute("title"));
    }

    [Fact]
    public async Task Stop_OfABrokerElsewhere_SaysWhereItIsDone_WhatItMoves_AndHowToEmptyIt()
    {
        Admin.BrokersAs = all => [.. all.Select(b => b with { IsLocal = b.Id != 1 })];
        Admin.ShutdownAs = new ShutdownPreview
        {
            BrokerId = 1, Leaders = 3, Handovers = [new Handover(2, 2)], GoOffline = 1, FallUnderMinIsr = 0, Examples = [],
        };
        IRenderedComponent<Brokers> page = Show<Brokers>("/brokers");
        await page.Find("[aria-label='Stop broker 1, which runs in another host']").ClickAsync();
        string dialog = page.Find("dialog").TextContent;
        Assert.Contains("by that host's console, by POST /api/v1/brokers/1/stop there, or by SIGTERM", dialog, StringComparison.Ordinal);
        Assert.Contains("2 partitions to broker 2", dialog, StringComparison.Ordinal);
        Assert.Contains("1 partition goes offline", dialog, StringComparison.Ordinal);
        Assert.Equal("/replication?tab=balance&broker=1", page.Find("dialog a").GetAttribute("href"));
        IRenderedComponent<BalancePanel> balance = Render<BalancePanel>(p => p.Add(b => b.Without, 1));
        Assert.Equal("1", balance.FindAll("input")[1].GetAttribute("value"));
        Assert.NotEmpty(balance.FindAll("[aria-label='Brokers before and after'], .modal-failure"));   // too few brokers are left for some topics
    }

    [Theory]
    [InlineData(true, "its leader")]
    [InlineData(false, "its last fetch")]
    public async Task Replicas_KnownByTheLeader_SayWhetherTheyStillFetch(bool isAlive, string source)
    {
        string topic = await Cluster.TopicAsync();
        Admin.ReplicasAs = new Page<PartitionReplicas>(
            [
                new PartitionReplicas
                {
                    Partition = 0, Leader = 0, LeaderEpoch = 1, IsOnPreferred = true, IsUnderReplicated = !isAlive, MinInSyncReplicas = 1,
                    Replicas =
                    [
                        new ReplicaView
                        {
                            BrokerId = 9, IsLeader = false, IsInSync = isAlive, IsAlive = isAlive, IsAdding = false, IsRemoving = false,
                            Source = ReplicaSource.Leader, LogEndOffset = 5, HighWatermark = -1, Lag = 2, CaughtUpMsAgo = null,
                        },
                    ],
                },
            ], 1, 0);
        IRenderedComponent<ReplicasTable> table = Render<ReplicasTable>(p => p.Add(t => t.Topic, topic));
        Assert.Equal(source, table.Find("td:last-child").TextContent);
    }

    private static IElement Figure<TPage>(IRenderedComponent<TPage> page, string name)
        where TPage : Microsoft.AspNetCore.Components.IComponent =>
        page.FindAll(".figure").Single(f => f.QuerySelector(".figure-name")!.TextContent == name).QuerySelector(".figure-value")!;
}
