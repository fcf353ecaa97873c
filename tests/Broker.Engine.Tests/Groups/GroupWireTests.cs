using Broker.Client;
using Broker.Engine.Groups;
using Broker.Protocol.Messages;
using static Broker.Engine.Tests.Groups.GroupCluster;

namespace Broker.Engine.Tests.Groups;

/// <summary>The classic protocol as clients see it: real brokers, real sockets.</summary>
public sealed class GroupWireTests : IAsyncLifetime
{
    private GroupCluster _cluster = null!;
    private KafkaConnection _coordinator = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await GroupCluster.StartAsync(1, ("group.initial.rebalance.delay.ms", "200"));   // so that those who come together are together
        await _cluster.CreateTopicAsync("orders", 1);
        (_coordinator, _) = await _cluster.CoordinatorAsync("g");
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    private async Task<(KafkaConnection Connection, JoinGroupResponse Joined)> MemberAsync(string? instance = null)
    {
        KafkaConnection connection = await _cluster.ConnectAsync();
        JoinGroupResponse joined = instance is null
            ? await JoinNewAsync(connection, "g") : await JoinAsync(connection, JoinRequest("g", instance: instance));
        Assert.Equal(ErrorCode.None, joined.ErrorCode);
        Assert.Equal(ErrorCode.None, (await SyncAsync(connection, "g", joined, instance)).ErrorCode);
        return (connection, joined);
    }

    [Fact]
    public async Task Trap46_FirstUse_MakesTheOffsetsTopicOfFiftyPartitions_AndNamesTheLeaderOfTheGroupsOne()
    {
        BrokerServer server = _cluster.Cluster.Brokers[0].Server!;
        Assert.Equal(50, server.Metadata.Current.Topic("__consumer_offsets")!.Partitions.Length);
        Assert.Equal((GroupCoordinator.JavaHash("g") & int.MaxValue) % 50, server.Groups.PartitionFor("g"));
        var old = new FindCoordinatorRequest { Key = "g", KeyType = 0 };
        FindCoordinatorResponse found = await _coordinator.SendAsync<FindCoordinatorRequest, FindCoordinatorResponse>(old, 2, Cancelled);
        Assert.Equal((ErrorCode.None, "NONE", 0), (found.ErrorCode, found.ErrorMessage, found.NodeId));
    }

    [Fact]
    public async Task Trap47_PendingMember_HoldsUpTheRebalance_UntilItJoinsOrLeaves()
    {
        (KafkaConnection first, JoinGroupResponse joined) = await MemberAsync();
        JoinGroupResponse asked = await JoinAsync(_coordinator, JoinRequest("g"));
        Assert.Equal(ErrorCode.MemberIdRequired, asked.ErrorCode);
        Assert.Equal(ErrorCode.None, await HeartbeatAsync(first, "g", joined));   // the stable group does not notice it yet
        Task<JoinGroupResponse> again = JoinAsync(first, JoinRequest("g", joined.MemberId));
        KafkaConnection admin = await _cluster.ConnectAsync();
        while ((await DescribeAsync(admin, "g")).GroupState == "Stable")
        {
            await Task.Delay(1, Cancelled);   // the join travels on another connection
        }
        Assert.Equal("PreparingRebalance", (await DescribeAsync(admin, "g")).GroupState);
        Assert.False(again.IsCompleted);
        var leave = new LeaveGroupRequest { GroupId = "g" };
        leave.Members.Add(new() { MemberId = asked.MemberId });
        LeaveGroupResponse left = await admin.SendAsync<LeaveGroupRequest, LeaveGroupResponse>(leave, 5, Cancelled);
        Assert.Equal(ErrorCode.None, left.Members[0].ErrorCode);
        Assert.Equal(joined.GenerationId + 1, (await again).GenerationId);
    }

    [Fact]
    public async Task Trap48_StaticMember_ThatReturns_KeepsItsAssignment_AndTheOldOneIsFenced()
    {
        (KafkaConnection old, JoinGroupResponse first) = await MemberAsync("i");
        KafkaConnection next = await _cluster.ConnectAsync();
        JoinGroupResponse back = await JoinAsync(next, JoinRequest("g", instance: "i"));
        Assert.Equal((ErrorCode.None, first.GenerationId, true), (back.ErrorCode, back.GenerationId, back.SkipAssignment));
        Assert.NotEqual(first.MemberId, back.MemberId);
        SyncGroupResponse synced = await SyncAsync(next, "g", back, "i");
        Assert.Equal([0], synced.Assignment.ToArray());
        Assert.Equal(ErrorCode.FencedInstanceId, await HeartbeatAsync(old, "g", first, "i"));
        Assert.Equal(ErrorCode.None, await HeartbeatAsync(next, "g", back, "i"));
    }

    [Fact]
    public async Task Trap48_StaticMember_OfBeforeSkipAssignment_IsToldOfTheOldLeader_SoThatItDoesNotAssign()
    {
        (KafkaConnection _, JoinGroupResponse first) = await MemberAsync("i");
        JoinGroupResponse back = await JoinAsync(await _cluster.ConnectAsync(), JoinRequest("g", instance: "i"), version: 8);
        Assert.Equal((first.MemberId, 0), (back.Leader, back.Members.Count));
    }

    [Fact]
    public async Task Trap48_StaticMember_IsRemovedByAnAdministratorThroughItsInstance()
    {
        await MemberAsync("i");
        var leave = new LeaveGroupRequest { GroupId = "g" };
        leave.Members.Add(new() { MemberId = "", GroupInstanceId = "i" });
        leave.Members.Add(new() { MemberId = "", GroupInstanceId = "nobody" });
        LeaveGroupResponse left = await _coordinator.SendAsync<LeaveGroupRequest, LeaveGroupResponse>(leave, 5, Cancelled);
        Assert.Equal([ErrorCode.None, ErrorCode.UnknownMemberId], left.Members.Select(m => m.ErrorCode));
        Assert.Equal("Empty", (await DescribeAsync(_coordinator, "g")).GroupState);
    }

    [Fact]
    public async Task Trap49_JoinOfVersion0_TakesTheSessionTimeoutForTheRebalance()
    {
        JoinGroupResponse joined = await JoinAsync(_coordinator, JoinRequest("g", sessionMs: 7_000, rebalanceMs: -1), version: 0);
        Assert.Equal(ErrorCode.None, joined.ErrorCode);
        ClassicGroup group = _cluster.Cluster.Brokers[0].Server!.Groups.Find("g")!;
        Assert.Equal(7_000, Assert.Single(group.Members).RebalanceTimeoutMs);
        JoinGroupResponse tooShort = await JoinAsync(_coordinator, JoinRequest("g", sessionMs: 5_999));
        Assert.Equal(ErrorCode.InvalidSessionTimeout, tooShort.ErrorCode);
    }

    [Fact]
    public async Task Trap51_Protocol_IsTheOneThatAllSupportAndMostPrefer()
    {
        string[][] preferences = [["a", "b", "c"], ["b", "c", "a"], ["c", "b", "a"], ["b", "a", "c"], ["d", "b", "c"]];
        var joins = new List<Task<JoinGroupResponse>>();
        JoinGroupResponse[] ids = await Task.WhenAll(preferences.Select(_ => JoinAsync(_coordinator, JoinRequest("g", protocols: ["b"]))));
        for (int i = 0; i < preferences.Length; i++)
        {
            joins.Add(JoinAsync(await _cluster.ConnectAsync(), JoinRequest("g", ids[i].MemberId, protocols: preferences[i])));
        }
        JoinGroupResponse[] joined = await Task.WhenAll(joins);
        Assert.All(joined, j => Assert.Equal("b", j.ProtocolName));
        JoinGroupResponse other = await JoinAsync(_coordinator, JoinRequest("g", protocols: ["z"]));
        Assert.Equal((ErrorCode.InconsistentGroupProtocol, (string?)null), (other.ErrorCode, other.ProtocolName));
    }

    [Fact]
    public async Task Trap52_Commit_IsHeldToMemberAndGeneration_AndSimpleGroupsCommitWithoutEither()
    {
        Assert.Equal(ErrorCode.None, await CommitAsync(_coordinator, "g", 1));
        (KafkaConnection member, JoinGroupResponse joined) = await MemberAsync();
        Assert.Equal(ErrorCode.UnknownMemberId, await CommitAsync(_coordinator, "g", 2));
        Assert.Equal(ErrorCode.None, await CommitAsync(member, "g", 3, joined));
        joined.GenerationId++;
        Assert.Equal(ErrorCode.IllegalGeneration, await CommitAsync(member, "g", 4, joined));
        Assert.Equal(3, await CommittedAsync(_coordinator, "g"));
        Assert.Equal(ErrorCode.IllegalGeneration, await CommitAsync(_coordinator, "none", 1, joined, version: 8));
        Assert.Equal(ErrorCode.GroupIdNotFound, await CommitAsync(_coordinator, "none", 1, joined, version: 9));
    }

    [Fact]
    public async Task Trap53_Heartbeat_TellsOfRebalanceMemberAndGeneration()
    {
        (KafkaConnection member, JoinGroupResponse joined) = await MemberAsync();
        Assert.Equal(ErrorCode.None, await HeartbeatAsync(member, "g", joined));
        JoinGroupResponse asked = await JoinAsync(_coordinator, JoinRequest("g"));
        Task<JoinGroupResponse> second = JoinAsync(_coordinator, JoinRequest("g", asked.MemberId));
        KafkaConnection admin = await _cluster.ConnectAsync();
        while ((await DescribeAsync(admin, "g")).GroupState != "PreparingRebalance")
        {
            await Task.Delay(5, Cancelled);   // the second member's join is on its way
        }
        Assert.Equal(ErrorCode.RebalanceInProgress, await HeartbeatAsync(member, "g", joined));
        Task<JoinGroupResponse> first = JoinAsync(member, JoinRequest("g", joined.MemberId));
        JoinGroupResponse[] both = await Task.WhenAll(first, second);
        Assert.Equal(ErrorCode.IllegalGeneration, await HeartbeatAsync(member, "g", joined));
        joined.MemberId = "nobody";
        Assert.Equal(ErrorCode.UnknownMemberId, await HeartbeatAsync(member, "g", joined));
        Assert.All(both, b => Assert.Equal(joined.GenerationId + 1, b.GenerationId));
    }

    [Fact]
    public async Task Delete_OfOffsets_SparesTopicsThatMembersRead()
    {
        Assert.Equal(ErrorCode.None, await CommitAsync(_coordinator, "g", 1));
        (KafkaConnection _, JoinGroupResponse joined) = await MemberAsync();
        var request = new OffsetDeleteRequest { GroupId = "g" };
        var topic = new OffsetDeleteRequest.OffsetDeleteRequestTopic { Name = "orders" };
        topic.Partitions.Add(new());
        request.Topics.Add(topic);
        OffsetDeleteResponse held = await _coordinator.SendAsync<OffsetDeleteRequest, OffsetDeleteResponse>(request, 0, Cancelled);
        Assert.Equal(ErrorCode.GroupSubscribedToTopic, held.Topics[0].Partitions[0].ErrorCode);
        var groups = new DeleteGroupsRequest();
        groups.GroupsNames.AddRange(["g", "none"]);
        DeleteGroupsResponse refused = await _coordinator.SendAsync<DeleteGroupsRequest, DeleteGroupsResponse>(groups, 2, Cancelled);
        Assert.Equal([ErrorCode.NonEmptyGroup, ErrorCode.GroupIdNotFound], refused.Results.Select(r => r.ErrorCode));
        var leave = new LeaveGroupRequest { GroupId = "g" };
        leave.Members.Add(new() { MemberId = joined.MemberId });
        await _coordinator.SendAsync<LeaveGroupRequest, LeaveGroupResponse>(leave, 5, Cancelled);
        OffsetDeleteResponse gone = await _coordinator.SendAsync<OffsetDeleteRequest, OffsetDeleteResponse>(request, 0, Cancelled);
        Assert.Equal(ErrorCode.None, gone.Topics[0].Partitions[0].ErrorCode);
        Assert.Equal(-1, await CommittedAsync(_coordinator, "g"));
    }

    [Fact]
    public async Task Describe_OfAGroupThatIsNotThere_IsAnErrorFromVersion6On()
    {
        Assert.Equal((ErrorCode.None, "Dead"), Shown(await DescribeAsync(_coordinator, "none", version: 5)));
        DescribeGroupsResponse.DescribedGroup missing = await DescribeAsync(_coordinator, "none", version: 6);
        Assert.Equal((ErrorCode.GroupIdNotFound, "Dead"), Shown(missing));
        Assert.Equal("Group none not found.", missing.ErrorMessage);
    }

    private static (ErrorCode, string) Shown(DescribeGroupsResponse.DescribedGroup group) => (group.ErrorCode, group.GroupState);

    private static async Task<DescribeGroupsResponse.DescribedGroup> DescribeAsync(KafkaConnection connection, string group, short version = 6)
    {
        var request = new DescribeGroupsRequest();
        request.Groups.Add(group);
        return (await connection.SendAsync<DescribeGroupsRequest, DescribeGroupsResponse>(request, version, Cancelled)).Groups[0];
    }

    [Fact]
    public async Task TopicDeletedAndMadeAgain_HasNoCommittedOffsets()
    {
        await CommitAsync(_coordinator, "g", 5);
        var delete = new DeleteTopicsRequest { TimeoutMs = 10_000 };
        delete.Topics.Add(new() { Name = "orders" });
        await _coordinator.SendAsync<DeleteTopicsRequest, DeleteTopicsResponse>(delete, 6, Cancelled);
        await _cluster.CreateTopicAsync("orders", 1);
        while (await CommittedAsync(_coordinator, "g") != -1)
        {
            await Task.Delay(5, Cancelled);   // forgetting runs behind the deletion
        }
    }
}
