using AngleSharp.Dom;
using Broker.Engine;
using Broker.Engine.Admin;
using Bunit;
using WebConsole.Controls;
using WebConsole.Pages;

namespace WebConsole.Tests;

/// <summary>Replicas: what is wrong, what happened, elections, moves and their preview.</summary>
public sealed class ReplicationPageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    private static readonly DateTimeOffset s_then = DateTimeOffset.UnixEpoch.AddHours(1);

    private static PartitionStatus Status(string topic, int partition, int leader, int[] inSync, int[] replicas, int least = 1) => new()
    {
        Topic = topic, Partition = partition, Leader = leader, LeaderEpoch = 3, Replicas = replicas, InSyncReplicas = inSync, MinInSyncReplicas = least,
        IsOffline = leader < 0, IsUnderReplicated = inSync.Length < replicas.Length, IsUnderMinIsr = inSync.Length < least,
        IsAtMinIsr = inSync.Length == least, IsOnPreferred = leader == replicas[0],
        LastDeparture = inSync.Length < replicas.Length ? Event(IsrEventKind.Left, 1, "not caught up for 31000 ms") : null,
    };

    private static IsrEvent Event(IsrEventKind kind, int broker, string cause, int partitions = 1, DateTimeOffset? back = null) => new()
    {
        At = s_then, Kind = kind, Topic = "orders", Partition = 0, Partitions = partitions, BrokerId = broker, LeaderEpoch = 3, InSyncReplicas = [0],
        Cause = cause, BackAt = back,
    };

    private IRenderedComponent<Replication> Open(string query = "") => Show<Replication>("/replication" + query);

    [Fact]
    public void Page_Always_HasTotalsControllerAndSkew()
    {
        IRenderedComponent<Replication> page = Open();
        Assert.Contains("epoch", page.Find(".facts").TextContent, StringComparison.Ordinal);
        Assert.Equal(
            ["Partitions", "Replicas", "Offline", "Under min ISR", "Under-replicated", "At min ISR", "Not on preferred", "Reassigning", "Broker skew", "Leader skew", "On preferred"],
            page.FindAll(".figure-name").Select(f => f.TextContent));
    }

    [Fact]
    public void Partitions_ThatAreNotWell_SayHow_AndWhoLeftWhy()
    {
        Admin.PartitionsAs = _ => new Page<PartitionStatus>(
            [Status("orders", 0, -1, [1], [1]), Status("orders", 1, 0, [0], [0, 1], least: 2), Status("orders", 2, 1, [1, 0], [0, 1])], 3, 0);
        IRenderedComponent<Replication> page = Open();
        IElement[] rows = [.. page.FindAll("section[aria-label=Partitions] [data-row]")];
        Assert.Contains("offline", rows[0].TextContent, StringComparison.Ordinal);
        Assert.Contains("under min ISR", rows[1].TextContent, StringComparison.Ordinal);
        Assert.Contains("not caught up for 31000 ms", rows[1].TextContent, StringComparison.Ordinal);
        Assert.Equal("1", rows[1].QuerySelector(".replica.is-out")!.TextContent);
        Assert.Contains("not preferred", rows[2].TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Partitions_Filtered_AskForThatFilter_AndKeepItInTheAddress()
    {
        PartitionQuery? asked = null;
        Admin.PartitionsAs = query =>
        {
            asked = query;
            return new Page<PartitionStatus>([], 0, 0);
        };
        IRenderedComponent<Replication> page = Open("?filter=AtMinIsr&q=ord&broker=1&skip=50");
        Assert.Equal(new PartitionQuery(PartitionFilter.AtMinIsr, "ord", 1, 50, 50), asked);
        page.Find("select").Change("Offline");
        Assert.EndsWith("/replication?filter=Offline&q=ord&broker=1", Navigation.Uri, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Election_OfWhatIsTicked_NamesIt_AndOfAll_NamesNone()
    {
        Admin.PartitionsAs = _ => new Page<PartitionStatus>([Status("orders", 2, 1, [1, 0], [0, 1]), Status("orders", 4, 1, [1, 0], [0, 1])], 2, 0);
        Admin.ElectionAs = new ElectionOutcome(1, []);
        IRenderedComponent<Replication> page = Open();
        Assert.True(Button(page, "Elect preferred for selected").HasAttribute("disabled"));
        page.Find("[aria-label='Select orders-4']").Change(true);
        await Button(page, "Elect preferred for 1").ClickAsync();
        page.WaitForAssertion(() => Assert.Equal([new TopicPartition("orders", 4)], Assert.Single(Admin.Elected)!));
        await Button(page, "Elect preferred leaders").ClickAsync();
        page.WaitForAssertion(() => Assert.Null(Admin.Elected[^1]));
        Assert.Contains(Notifications.Messages, m => m.Summary == "1 partition went to the preferred leader");
    }

    [Fact]
    public async Task Election_ThatFailsForSome_SaysForWhich()
    {
        Admin.ElectionAs = new ElectionOutcome(2, [new ElectionFailure("orders", 3, "PREFERRED_LEADER_NOT_AVAILABLE", "it is down")]);
        await Button(Open(), "Elect preferred leaders").ClickAsync();
        var told = Assert.Single(Notifications.Messages);
        Assert.Equal("PREFERRED_LEADER_NOT_AVAILABLE", told.Summary);
        Assert.Contains("orders-3: it is down", told.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void History_TellsWhoWhyAndWhenBack()
    {
        Admin.HistoryAs = _ => new Page<IsrEvent>(
            [Event(IsrEventKind.Leader, -1, "no in-sync replica is left"), Event(IsrEventKind.Left, 1, "broker 1 left the cluster", partitions: 40),
                Event(IsrEventKind.Left, 1, "fell behind the leader", back: s_then.AddSeconds(90))], 3, 0);
        IElement[] rows = [.. Open("?tab=history").FindAll("section[aria-label='In-sync history'] [data-row]")];
        Assert.Contains("no leader", rows[0].TextContent, StringComparison.Ordinal);
        Assert.Contains("and 39 more", rows[1].TextContent, StringComparison.Ordinal);
        Assert.Contains("not yet", rows[1].TextContent, StringComparison.Ordinal);
        Assert.Contains("after 1 min 30 s", rows[2].TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reassignment_UnderWay_ShowsProgressAndEnd_AndCanBeCancelled()
    {
        Admin.ReassignmentsAs = new ReassignmentsView
        {
            Items = new Page<ReassignmentView>(
                [new ReassignmentView
                {
                    Topic = "orders", Partition = 0, Target = [1, 0], Adding = [1], Removing = [2], BytesTotal = 4096, BytesDone = 1024, BytesPerSec = 1024,
                    StartedAt = s_then, RemainingMs = 3000,
                }], 1, 0),
            BytesTotal = 4096, BytesDone = 1024, BytesPerSec = 1024, RemainingMs = 3000, ThrottleBytesPerSec = 10 * 1024 * 1024, ReadAt = s_then,
        };
        IRenderedComponent<Replication> page = Open("?tab=reassignments");
        string row = page.Find("section[aria-label=Reassignments] [data-row]").TextContent;
        Assert.Contains("25 %", row, StringComparison.Ordinal);
        Assert.Contains("in 3 s", row, StringComparison.Ordinal);
        Assert.Contains("10.0 MiB/s", page.Markup, StringComparison.Ordinal);
        await page.Find("[aria-label='Cancel the reassignment of orders-0']").ClickAsync();
        page.WaitForAssertion(() => Assert.Equal([new TopicPartition("orders", 0)], Assert.Single(Admin.Cancelled)!));
    }

    [Fact]
    public async Task Balance_Previewed_ShowsMovesAndSkew_AndIsCarriedOut()
    {
        string topic = ClusterFixture.NewName("lopsided");
        await Cluster.Admin.CreateTopicAsync(new NewTopic(topic, 4), Token);
        await Cluster.Admin.ReassignAsync([.. Enumerable.Range(0, 4).Select(p => new NewAssignment(topic, p, [0]))], null, Token);
        await UntilAsync(topic, ps => ps.All(p => p.Replicas is [0]));
        IRenderedComponent<Replication> page = Open("?tab=balance");
        page.Find("section[aria-labelledby=balance-title] input").Input(topic);
        page.Find("section[aria-labelledby=balance-title] form").Submit();
        Assert.Equal(2, page.FindAll("section[aria-label=Changes] [data-row]").Count);
        Assert.Contains("50 → 100 %", page.Find("section[aria-label=Proposal]").TextContent, StringComparison.Ordinal);
        await Button(page, "Carry out").ClickAsync();
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.EndsWith("/replication?tab=reassignments", Navigation.Uri, StringComparison.Ordinal), TimeSpan.FromSeconds(20));
        await UntilAsync(topic, ps => ps.Count(p => p.Replicas is [1]) == 2);
    }

    /// <summary>Waits until the cluster shows a topic's partitions so.</summary>
    private async Task UntilAsync(string topic, Func<IReadOnlyList<PartitionView>, bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        var changed = new SemaphoreSlim(0);
        using IDisposable feed = Cluster.Admin.Subscribe(new LiveSubject(LiveKind.Replicas, topic), () => changed.Release());
        while (!holds(Cluster.Admin.Topic(topic).Partitions))
        {
            await changed.WaitAsync(limit.Token);
        }
    }

    [Fact]
    public void Balance_WithWhatIsNoBroker_SaysSo()
    {
        IRenderedComponent<Replication> page = Open("?tab=balance");
        page.FindAll("section[aria-labelledby=balance-title] input")[1].Input("one");
        page.Find("section[aria-labelledby=balance-title] form").Submit();
        Assert.Contains("“one” is not the number of a broker", page.Find(".modal-failure").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replicas_OfATopic_StandSideBySide()
    {
        string topic = ClusterFixture.NewName("twofold");
        await Cluster.Admin.CreateTopicAsync(new NewTopic(topic, 1, 2), Token);
        await Cluster.Admin.ProduceAsync(new NewMessage { Topic = topic, Value = Bytes("v") }, Token);
        IRenderedComponent<ReplicasTable> table = Render<ReplicasTable>(p => p.Add(t => t.Topic, topic));
        table.WaitForAssertion(
            () =>
            {
                Tick();
                IElement[] rows = [.. table.FindAll("[data-row]")];
                Assert.Equal(2, rows.Length);
                Assert.All(rows, r => Assert.Equal("1", r.QuerySelectorAll("td.r.num:not([rowspan])")[0].TextContent));
                Assert.Contains("leader", rows[0].TextContent, StringComparison.Ordinal);
                Assert.Contains("follower", rows[1].TextContent, StringComparison.Ordinal);
                Assert.Contains("itself", rows[1].TextContent, StringComparison.Ordinal);
            },
            TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void Replicas_OfABrokerElsewhere_AreToldByTheirLeader_OrNotAtAll()
    {
        Admin.ReplicasAs = new Page<PartitionReplicas>(
            [new PartitionReplicas
            {
                Partition = 0, Leader = 0, LeaderEpoch = 1, IsOnPreferred = true, IsUnderReplicated = true, MinInSyncReplicas = 1,
                Replicas = [Replica(7, ReplicaSource.Leader, 10), Replica(8, ReplicaSource.Unknown, -1)],
            }], 1, 0);
        IElement[] rows = [.. Render<ReplicasTable>(p => p.Add(t => t.Topic, "orders")).FindAll("[data-row]")];
        Assert.Contains("its leader", rows[0].TextContent, StringComparison.Ordinal);
        Assert.Contains("nobody", rows[1].TextContent, StringComparison.Ordinal);
    }

    private static ReplicaView Replica(int broker, ReplicaSource source, long end) => new()
    {
        BrokerId = broker, IsLeader = false, IsInSync = false, IsAlive = true, IsAdding = false, IsRemoving = false, Source = source, LogEndOffset = end,
        HighWatermark = end, Lag = end < 0 ? null : 2, CaughtUpMsAgo = null,
    };

    [Fact]
    public async Task Stop_OfABroker_TellsWhatMoves_AndHardOnlyWithItsNameTyped()
    {
        Admin.ShutdownAs = new ShutdownPreview
        {
            BrokerId = 1, Leaders = 7, Handovers = [new Handover(0, 5)], GoOffline = 2, FallUnderMinIsr = 1, Examples = [new TopicPartition("orders", 3)],
        };
        IRenderedComponent<Brokers> page = Show<Brokers>("/brokers");
        await page.Find("[aria-label='Stop broker 1']").ClickAsync();
        string text = page.Find("dialog").TextContent;
        Assert.All(
            new[] { "7 leaderships", "5 partitions to broker 0", "2 partitions go", "1 partition falls", "orders-3" },
            part => Assert.Contains(part, text, StringComparison.Ordinal));
        await page.Find("dialog .link-button").ClickAsync();
        Assert.Contains("kill -9", page.Find("dialog").TextContent, StringComparison.Ordinal);
        Assert.True(page.Find("dialog [type=submit]").HasAttribute("disabled"));
        page.Find("dialog input").Input("broker 1");
        Assert.False(page.Find("dialog [type=submit]").HasAttribute("disabled"));
    }

    private static IElement Button(IRenderedComponent<Replication> page, string text) =>
        page.FindAll("button").First(b => b.TextContent.Trim() == text);
}
