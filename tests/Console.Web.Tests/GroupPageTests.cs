using Broker.Engine.Admin;
using Bunit;
using WebConsole.Pages;

namespace WebConsole.Tests;

/// <summary>Consumer groups: lag and its alert, members, deleting, resetting.</summary>
public sealed class GroupPageTests(ClusterFixture cluster) : ConsoleContext(cluster)
{
    [Theory]
    [InlineData(199_999, false)]
    [InlineData(200_000, true)]
    public void Lag_FromTheThresholdOn_HasTheAlertTone(long lag, bool isAlert)
    {
        Admin.GroupAs = GroupOf("billing", "Stable", lag);
        IRenderedComponent<GroupPage> page = ShowGroup("billing");
        Assert.Equal(isAlert, page.Find("section[aria-labelledby=group-partitions] tbody td:nth-child(5)").ClassList.Contains("tone-bad"));
        Assert.Equal(isAlert, page.Find(".figure-value").ClassList.Contains("tone-bad"));
        IRenderedComponent<Groups> list = Show<Groups>("/groups");
        Assert.Equal(isAlert, list.Find("[data-row] td:last-child").ClassList.Contains("tone-bad"));
    }

    [Fact]
    public void Page_OfAGroup_ShowsMembersAndWhoReadsWhat()
    {
        Admin.GroupAs = GroupOf("billing", "Stable", 5);
        IRenderedComponent<GroupPage> page = ShowGroup("billing");
        Assert.Contains("member-1", page.Find("section[aria-labelledby=group-members] tbody").TextContent, StringComparison.Ordinal);
        Assert.Contains("client-1", page.Find("section[aria-labelledby=group-partitions] tbody").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain(page.FindAll("button"), b => b.TextContent.Contains("Reset offsets", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Delete_OfAGroupThatIsGone_IsRefusedByName()
    {
        Admin.GroupAs = GroupOf("billing", "Empty", 5);
        IRenderedComponent<GroupPage> page = ShowGroup("billing");
        await page.FindAll(".page-actions button").First(b => b.TextContent.Contains("Delete", StringComparison.Ordinal)).ClickAsync();
        page.Find("dialog input").Input("billing");
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Contains("GROUP_ID_NOT_FOUND", page.Find(".modal-failure").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reset_OfAnEmptyGroup_AsksWhereTo()
    {
        Admin.GroupAs = GroupOf("billing", "Empty", 5);
        IRenderedComponent<GroupPage> page = ShowGroup("billing");
        await page.FindAll(".page-actions button").First(b => b.TextContent.Contains("Reset offsets", StringComparison.Ordinal)).ClickAsync();
        Assert.Equal("orders", page.Find("dialog select option").TextContent);
        page.FindAll("dialog select")[1].Change("Offset");
        Assert.Contains(page.FindAll("dialog .field-name"), f => f.TextContent == "Offset");
        page.Find("dialog form").Submit();
        page.WaitForAssertion(() => Assert.Contains("GROUP_ID_NOT_FOUND", page.Find(".modal-failure").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task List_Sorted_PutsTheColumnIntoTheAddress()
    {
        Admin.GroupAs = GroupOf("billing", "Stable", 5);
        IRenderedComponent<Groups> list = Show<Groups>("/groups");
        await list.FindAll(".sort-button").First(b => b.TextContent.Contains("Lag", StringComparison.Ordinal)).ClickAsync();
        Assert.EndsWith("/groups?sort=Lag&desc=true", Navigation.Uri, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_OfAnUnknownGroup_NamesTheError() =>
        Assert.Equal("GROUP_ID_NOT_FOUND", ShowGroup("nobody").Find(".failure-code").TextContent);

    private IRenderedComponent<GroupPage> ShowGroup(string id) => Show<GroupPage>("/groups/" + id, p => p.Add(g => g.Id, id));

    private static GroupDetail GroupOf(string id, string state, long lag) => new()
    {
        Summary = new GroupSummary
        {
            GroupId = id, State = state, ProtocolType = "consumer", Protocol = "range", Coordinator = 0, Members = 1, Generation = 3, Topics = 1, Lag = lag, UnknownLags = 0,
        },
        Members =
        [
            new GroupMemberView
            {
                MemberId = "member-1", ClientId = "client-1", Host = "/127.0.0.1", SessionTimeoutMs = 45_000, RebalanceTimeoutMs = 300_000,
                IsLeader = true, Assignment = [new("orders", 0)], HeartbeatDueInMs = 44_000,
            },
        ],
        Partitions =
        [
            new GroupPartitionView
            {
                Topic = "orders", Partition = 0, CommittedOffset = 10, Metadata = "", CommittedAt = DateTimeOffset.UnixEpoch, LogEndOffset = 10 + lag,
                Lag = lag, MemberId = "member-1", ClientId = "client-1", Host = "/127.0.0.1",
            },
        ],
    };
}
