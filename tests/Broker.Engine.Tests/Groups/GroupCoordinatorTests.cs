using Broker.Engine.Groups;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Groups;

public sealed class GroupCoordinatorTests : IDisposable
{
    private readonly GroupFixture _group = new();

    public void Dispose() => _group.Dispose();

    private async Task<JoinGroupResponse> FirstMemberAsync()
    {
        Task<JoinGroupResponse> joining = await _group.JoinNew();
        _group.Advance(300);
        JoinGroupResponse joined = await joining;
        SyncGroupResponse synced = await _group.Sync(joined, (joined.MemberId, 1));
        Assert.Equal(ErrorCode.None, synced.ErrorCode);
        return joined;
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("polygenelubricants", int.MinValue)]
    [InlineData("abc", 96354)]
    public void Trap46_HashOfAGroup_IsJavas(string group, int hash) => Assert.Equal(hash, GroupCoordinator.JavaHash(group));

    [Fact]
    public void Trap46_GroupWhoseHashIsTheLeastInteger_GoesToPartition0() =>
        Assert.Equal(0, _group.Coordinator.PartitionFor("polygenelubricants"));

    [Fact]
    public async Task Trap47_MemberWithoutId_IsGivenOneFirst()
    {
        JoinGroupResponse asked = await _group.Join();
        Assert.Equal(ErrorCode.MemberIdRequired, asked.ErrorCode);
        Assert.StartsWith("client-", asked.MemberId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trap47_OldClient_JoinsWithoutHandshake()
    {
        Task<JoinGroupResponse> joining = _group.Join(version: 3);
        _group.Advance(300);
        Assert.Equal(ErrorCode.None, (await joining).ErrorCode);
    }

    [Theory]
    [InlineData(5_999)]
    [InlineData(1_800_001)]
    public async Task Trap49_SessionTimeoutOutOfBounds_IsRefused(int sessionMs) =>
        Assert.Equal(ErrorCode.InvalidSessionTimeout, (await _group.Join(sessionMs: sessionMs)).ErrorCode);

    [Fact]
    public async Task Trap50_OnlyTheLeader_GetsTheMembers()
    {
        Task<JoinGroupResponse> one = await _group.JoinNew();
        Task<JoinGroupResponse> two = await _group.JoinNew();
        _group.Advance(300);
        JoinGroupResponse[] joined = await Task.WhenAll(one, two);
        JoinGroupResponse leader = joined.Single(j => j.Leader == j.MemberId);
        JoinGroupResponse follower = joined.Single(j => j.Leader != j.MemberId);
        Assert.Equal(2, leader.Members.Count);
        Assert.Empty(follower.Members);
        Task<SyncGroupResponse> waiting = _group.Sync(follower);
        Assert.False(waiting.IsCompleted);
        await _group.Sync(leader, (leader.MemberId, 1), (follower.MemberId, 2));
        Assert.Equal([2], (await waiting).Assignment.ToArray());
    }

    [Fact]
    public async Task Trap51_OtherProtocol_IsInconsistent()
    {
        await FirstMemberAsync();
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (await _group.Join(protocol: "sticky")).ErrorCode);
    }

    [Fact]
    public async Task Trap52_Commit_IsHeldToTheGeneration()
    {
        Assert.Equal(ErrorCode.None, _group.Commit(1));   // nobody is in the group
        JoinGroupResponse member = await FirstMemberAsync();
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Commit(2));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Commit(2, member.GenerationId, "somebody"));
        Assert.Equal(ErrorCode.IllegalGeneration, _group.Commit(2, member.GenerationId + 1, member.MemberId));
        Assert.Equal(ErrorCode.None, _group.Commit(2, member.GenerationId, member.MemberId));
        Assert.Equal(2, _group.Committed()!.Offset);
    }

    [Fact]
    public async Task Commit_WhileTheAssignmentIsAwaited_IsToldToWait()
    {
        Task<JoinGroupResponse> joining = await _group.JoinNew();
        _group.Advance(300);
        JoinGroupResponse joined = await joining;
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Commit(2, joined.GenerationId, joined.MemberId));
    }

    [Fact]
    public void Trap43_MetadataTooLarge_IsRefused_AndUnknownTopicsAreNamed()
    {
        Assert.Equal(ErrorCode.OffsetMetadataTooLarge, _group.Commit(1, metadata: new string('x', 4097)));
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, _group.Commit(1, topic: "nowhere"));
        Assert.Null(_group.Committed());
    }

    [Fact]
    public void Trap43_LeaderEpochAndMetadata_AreGivenBack_AlsoByTheNextCoordinator()
    {
        _group.Commit(42, metadata: "note");
        _group.MoveCoordinator();
        CommittedOffset committed = _group.Committed()!;
        Assert.Equal((42L, 3, "note"), (committed.Offset, committed.LeaderEpoch, committed.Metadata));
    }

    [Fact]
    public async Task Coordinator_ThatTakesOver_KnowsTheMembersAndTheGeneration()
    {
        JoinGroupResponse member = await FirstMemberAsync();
        _group.MoveCoordinator();
        Assert.Equal(ErrorCode.None, _group.Heartbeat(member));
        Assert.Equal("Stable", _group.Coordinator.Describe("g").GroupState);
    }

    [Fact]
    public async Task Member_WithoutHeartbeat_IsGoneAfterItsSession()
    {
        JoinGroupResponse member = await FirstMemberAsync();
        _group.Advance(9_000);
        Assert.Equal(ErrorCode.None, _group.Heartbeat(member));
        _group.Advance(9_000);
        Assert.Equal(ErrorCode.None, _group.Heartbeat(member));
        _group.Advance(10_200);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Heartbeat(member));
        Assert.Equal("Empty", _group.Coordinator.Describe("g").GroupState);
    }

    [Fact]
    public async Task SecondMember_MakesTheFirstRejoin_AndTheRebalanceTimeoutDropsWhoDoesNot()
    {
        JoinGroupResponse first = await FirstMemberAsync();
        Task<JoinGroupResponse> second = await _group.JoinNew();
        Assert.Equal(ErrorCode.RebalanceInProgress, _group.Heartbeat(first));
        for (int i = 0; i < 4; i++)
        {
            _group.Advance(5_000);
            _group.Heartbeat(first);   // alive, but it never joins again
        }
        _group.Advance(500);
        JoinGroupResponse joined = await second;
        Assert.Equal(2, joined.GenerationId);
        Assert.Equal(joined.MemberId, Assert.Single(joined.Members).MemberId);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Heartbeat(first));
    }

    [Fact]
    public async Task StaticMember_ThatReturns_KeepsItsPlaceWithoutARebalance_AndTheOldOneIsFenced()
    {
        Task<JoinGroupResponse> joining = _group.Join(instance: "i");
        _group.Advance(300);
        JoinGroupResponse first = await joining;
        await _group.Sync(first, (first.MemberId, 7));
        JoinGroupResponse back = await _group.Join(instance: "i");
        Assert.Equal(first.GenerationId, back.GenerationId);
        Assert.NotEqual(first.MemberId, back.MemberId);
        Assert.True(back.SkipAssignment);
        Assert.Equal([7], (await _group.Sync(back)).Assignment.ToArray());
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Heartbeat(first, "i"));
    }

    [Fact]
    public async Task Leave_OfTheLastMember_EmptiesTheGroup_WhichMayThenBeDeleted()
    {
        JoinGroupResponse member = await FirstMemberAsync();
        Assert.Equal(ErrorCode.NonEmptyGroup, _group.Coordinator.Delete("g"));
        var leave = new LeaveGroupRequest { GroupId = "g" };
        leave.Members.Add(new() { MemberId = member.MemberId });
        Assert.Equal(ErrorCode.None, _group.Coordinator.Leave(leave, 5).Members[0].ErrorCode);
        Assert.Equal(ErrorCode.None, _group.Coordinator.Delete("g"));
        Assert.Equal(ErrorCode.GroupIdNotFound, _group.Coordinator.Delete("g"));
    }

    [Fact]
    public void Trap44_OffsetsOfNobody_AreForgottenAfterTheirRetention()
    {
        _group.Commit(5);
        _group.Coordinator.ExpireOffsets();
        Assert.NotNull(_group.Committed());
        using var soon = new GroupFixture(new GroupOptions { OffsetsRetentionMs = 50 });
        soon.Commit(5);
        soon.Advance(100);
        soon.Coordinator.ExpireOffsets();
        Assert.Null(soon.Committed());
        soon.MoveCoordinator();
        Assert.Null(soon.Committed());
    }

    [Fact]
    public async Task TwoHundredMembers_SettleInOneGeneration()
    {
        var joining = new List<Task<JoinGroupResponse>>();
        for (int i = 0; i < 200; i++)
        {
            joining.Add(await _group.JoinNew());
        }
        _group.Advance(300);
        JoinGroupResponse[] joined = await Task.WhenAll(joining);
        Assert.All(joined, j => Assert.Equal((ErrorCode.None, 1), (j.ErrorCode, j.GenerationId)));
        Assert.Equal(200, joined.Single(j => j.Leader == j.MemberId).Members.Count);
    }
}
