using Broker.Engine.Groups;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Groups;

/// <summary>Rules of the classic protocol that take time or rare moments, on a clock that stands until it is moved.</summary>
public sealed class GroupRuleTests
{
    private static GroupOptions Options(int sizeMax = int.MaxValue, long retentionMs = 3_600_000) =>
        new() { InitialRebalanceDelayMs = 0, SizeMax = sizeMax, OffsetsRetentionMs = retentionMs };

    private static async Task<JoinGroupResponse> MemberAsync(GroupFixture group)
    {
        Task<JoinGroupResponse> joining = await group.JoinNew();
        group.Advance(300);
        JoinGroupResponse joined = await joining;
        await group.Sync(joined, (joined.MemberId, 1));
        return joined;
    }

    [Fact]
    public async Task Join_OfAStableGroupThatIsFull_IsTurnedAway_AndItsMembersStay()
    {
        using var group = new GroupFixture(Options(sizeMax: 1));
        JoinGroupResponse member = await MemberAsync(group);
        JoinGroupResponse refused = await group.Join();
        Assert.Equal((ErrorCode.GroupMaxSizeReached, ""), (refused.ErrorCode, refused.MemberId));
        Assert.Equal(ErrorCode.None, group.Heartbeat(member));
    }

    [Fact]
    public async Task Load_OfAGroupLargerThanAllowed_MakesItRebalance_AndTheLastAreTurnedAway()
    {
        using var group = new GroupFixture(Options());
        Task<JoinGroupResponse>[] joining = [await group.JoinNew(), await group.JoinNew()];
        group.Advance(300);
        JoinGroupResponse[] joined = await Task.WhenAll(joining);
        JoinGroupResponse leader = joined.Single(j => j.Members.Count > 0);
        await group.Sync(leader, (joined[0].MemberId, 1), (joined[1].MemberId, 2));
        group.MoveCoordinator(Options(sizeMax: 1));
        Assert.Equal(ErrorCode.RebalanceInProgress, group.Heartbeat(joined[0]));
        Task<JoinGroupResponse> first = group.Join(joined[0].MemberId);
        JoinGroupResponse second = await group.Join(joined[1].MemberId);
        Assert.Equal(ErrorCode.GroupMaxSizeReached, second.ErrorCode);
        group.Advance(20_300);
        Assert.Equal((ErrorCode.None, 2), ((await first).ErrorCode, (await first).GenerationId));
    }

    [Fact]
    public async Task Sync_ThatNeverComes_CostsTheMemberItsPlace()
    {
        using var group = new GroupFixture(Options());
        Task<JoinGroupResponse>[] joining = [await group.JoinNew(), await group.JoinNew()];
        group.Advance(300);
        JoinGroupResponse[] joined = await Task.WhenAll(joining);
        JoinGroupResponse leader = joined.Single(j => j.Members.Count > 0);
        JoinGroupResponse silent = joined.Single(j => j.Members.Count == 0);
        Task<SyncGroupResponse> synced = group.Sync(leader, (leader.MemberId, 1));
        Assert.Equal(ErrorCode.None, (await synced).ErrorCode);
        for (int i = 0; i < 4; i++)
        {
            group.Advance(5_100);
            Assert.True(group.Heartbeat(silent) is ErrorCode.None or ErrorCode.UnknownMemberId);   // it lives, but does not sync
            group.Heartbeat(leader);
        }
        Assert.Equal(ErrorCode.UnknownMemberId, group.Heartbeat(silent));
        Assert.Equal(ErrorCode.RebalanceInProgress, group.Heartbeat(leader));
    }

    [Fact]
    public async Task Trap47_PendingMember_IsForgottenAfterItsSessionTimeout()
    {
        using var group = new GroupFixture(Options());
        JoinGroupResponse asked = await group.Join(sessionMs: 6_000);
        group.Advance(6_200);
        Assert.Equal(ErrorCode.UnknownMemberId, (await group.Join(asked.MemberId)).ErrorCode);
    }

    [Fact]
    public async Task Trap50_FirstRebalance_WaitsOnForWhoComesMeanwhile_ButNotBeyondTheRebalanceTimeout()
    {
        using var group = new GroupFixture(new GroupOptions { InitialRebalanceDelayMs = 3_000 });
        Task<JoinGroupResponse> first = await group.JoinNew();
        group.Advance(2_900);
        Assert.False(first.IsCompleted);
        Task<JoinGroupResponse> second = await group.JoinNew();
        group.Advance(1_000);
        Assert.False(first.IsCompleted);   // somebody came: another delay
        group.Advance(2_400);
        Assert.Equal(1, (await first).GenerationId);
        Assert.Equal(1, (await second).GenerationId);
    }

    [Fact]
    public async Task Trap44_OffsetsOfAnEmptyGroup_AgeFromTheMomentItBecameEmpty()
    {
        using var group = new GroupFixture(Options(retentionMs: 60_000));
        group.Commit(5);
        JoinGroupResponse member = await MemberAsync(group);
        for (int i = 0; i < 10; i++)
        {
            group.Advance(9_000);
            group.Heartbeat(member);
        }
        group.Coordinator.ExpireOffsets();
        Assert.NotNull(group.Committed());   // members are there
        var leave = new LeaveGroupRequest { GroupId = "g" };
        leave.Members.Add(new() { MemberId = member.MemberId });
        group.Coordinator.Leave(leave, 5);
        group.Advance(59_000);
        group.Coordinator.ExpireOffsets();
        Assert.NotNull(group.Committed());
        group.Advance(2_000);
        group.Coordinator.ExpireOffsets();
        Assert.Null(group.Committed());
        Assert.Equal("Dead", group.Coordinator.Describe("g").GroupState);
        group.MoveCoordinator();
        Assert.Equal("Dead", group.Coordinator.Describe("g").GroupState);
    }

    [Fact]
    public void Trap44_RetentionThatAnOldClientGave_Holds_AlsoForTheNextCoordinator()
    {
        using var group = new GroupFixture(Options(retentionMs: 3_600_000));
        group.Commit(5, retentionMs: 1_000);
        group.MoveCoordinator();
        group.Coordinator.ExpireOffsets();
        Assert.NotNull(group.Committed());
        group.Advance(1_100);
        group.Coordinator.ExpireOffsets();
        Assert.Null(group.Committed());
    }

    [Fact]
    public async Task Resignation_TellsWhoWaits_AndKeepsNothing()
    {
        using var group = new GroupFixture(Options());
        await MemberAsync(group);
        Task<JoinGroupResponse> waiting = await group.JoinNew();
        group.Resign();
        Assert.Equal(ErrorCode.NotCoordinator, (await waiting).ErrorCode);
        Assert.Equal(ErrorCode.NotCoordinator, (await group.Join()).ErrorCode);
        Assert.Equal(ErrorCode.NotCoordinator, group.Commit(1));
        Assert.Empty(group.Coordinator.Groups);
    }
}
