using Broker.Protocol.Messages;

namespace Broker.Engine.Groups;

/// <summary>Joining a group, and the rebalance that gathers its members.</summary>
internal sealed partial class GroupCoordinator
{
    /// <summary>Version from which a member without an id is given one first (KIP-394, trap 47).</summary>
    private const short MemberIdRequiredVersion = 4;

    /// <summary>Version from which a static leader that returns may skip the assignment (KIP-814).</summary>
    private const short SkipAssignmentVersion = 9;

    public ValueTask<JoinGroupResponse> JoinAsync(JoinGroupRequest request, short version, string clientId, string clientHost)
    {
        ErrorCode error = Check(request.GroupId);
        if (error == ErrorCode.None
            && (request.SessionTimeoutMs < Options.SessionTimeoutMinMs || request.SessionTimeoutMs > Options.SessionTimeoutMaxMs))
        {
            error = ErrorCode.InvalidSessionTimeout;
        }
        if (error != ErrorCode.None)
        {
            return new(JoinError(request.MemberId, error));
        }
        bool isUnknown = request.MemberId.Length == 0;
        if (!_groups.TryGetValue(request.GroupId, out ClassicGroup? group))
        {
            if (!isUnknown)
            {
                return new(JoinError(request.MemberId, ErrorCode.UnknownMemberId));
            }
            group = GetOrAdd(request.GroupId);
        }
        lock (group.Lock)
        {
            if (!IsInUse(group))
            {
                return new(JoinError(request.MemberId, ErrorCode.CoordinatorNotAvailable));
            }
            if (!HasRoomFor(group, request.MemberId))
            {
                return new(TurnAway(group, request.MemberId));
            }
            var joiner = new Joiner(
                request, version, clientId, clientHost, [.. request.Protocols.Select(p => KeyValuePair.Create(p.Name, p.Metadata.ToArray()))]);
            if (!group.Supports(request.ProtocolType, joiner.Protocols))
            {
                return new(JoinError(request.MemberId, ErrorCode.InconsistentGroupProtocol));
            }
            return isUnknown ? JoinUnknown(group, joiner) : JoinKnown(group, joiner);
        }
    }

    /// <summary>Whether group.max.size lets somebody in. In a rebalance those count who have joined: of a group that is too
    /// large, the last to come are turned away (Kafka: GroupMetadataManager.acceptJoiningMember).</summary>
    private bool HasRoomFor(ClassicGroup group, string memberId) => group.State switch
    {
        GroupState.Empty => true,
        GroupState.PreparingRebalance => group.Find(memberId) is { Joining: not null } || group.AwaitingJoin < Options.SizeMax,
        _ => group.Find(memberId) is not null || group.Count < Options.SizeMax,
    };

    private static JoinGroupResponse TurnAway(ClassicGroup group, string memberId)
    {
        if (group.Find(memberId) is { } member)
        {
            member.Heartbeat.Cancel();
            group.Remove(member);
        }
        if (group.PendingMembers.Remove(memberId, out GroupTimer? pending))
        {
            pending.Cancel();
        }
        return JoinError("", ErrorCode.GroupMaxSizeReached);
    }

    private string NewMemberId(string name)
    {
        lock (_random)   // several workers may be here, for as many groups
        {
            return $"{name}-{Uuids.New(_random)}";
        }
    }

    private ValueTask<JoinGroupResponse> JoinUnknown(ClassicGroup group, Joiner joiner)
    {
        string? instance = joiner.Request.GroupInstanceId;
        string id = NewMemberId(instance ?? joiner.ClientId);
        if (instance is not null && group.MemberOf(instance) is { } oldId)
        {
            return ReplaceStatic(group, joiner, group.Find(oldId)!, id);
        }
        if (instance is null && joiner.Version >= MemberIdRequiredVersion)
        {
            GroupTimer timer = NewTimer(_heartbeats, group, () => DropPending(group, id), $"pending member {id} of {group.GroupId}");
            group.PendingMembers.Add(id, timer);
            timer.Set(joiner.Request.SessionTimeoutMs);
            return new(JoinError(id, ErrorCode.MemberIdRequired));
        }
        return AddMember(group, joiner, id);
    }

    private void DropPending(ClassicGroup group, string memberId)
    {
        if (group.PendingMembers.Remove(memberId))
        {
            TryCompleteJoin(group);
        }
    }

    private ValueTask<JoinGroupResponse> JoinKnown(ClassicGroup group, Joiner joiner)
    {
        string id = joiner.Request.MemberId;
        if (group.PendingMembers.TryGetValue(id, out GroupTimer? pending))
        {
            if (joiner.Request.GroupInstanceId is not null)
            {
                return new(JoinError(id, ErrorCode.UnknownMemberId));   // ids are given out to dynamic members only
            }
            group.PendingMembers.Remove(id);
            pending.Cancel();
            return AddMember(group, joiner, id);
        }
        ErrorCode error = CheckMember(group, id, joiner.Request.GroupInstanceId);
        if (error != ErrorCode.None)
        {
            return new(JoinError(id, error));
        }
        GroupMember member = group.Find(id)!;
        bool same = member.HasSameProtocols(joiner.Protocols);
        return group.State switch
        {
            GroupState.PreparingRebalance => UpdateMember(group, member, joiner),
            GroupState.CompletingRebalance when same => new(CurrentGeneration(group, member, skipAssignment: false)),
            GroupState.CompletingRebalance => UpdateMember(group, member, joiner),
            GroupState.Stable when same && group.LeaderId != id => new(CurrentGeneration(group, member, skipAssignment: false)),
            GroupState.Stable => UpdateMember(group, member, joiner),
            _ => new(JoinError(id, ErrorCode.UnknownMemberId)),
        };
    }

    /// <summary>Whether somebody is who he says to be.</summary>
    private static ErrorCode CheckMember(ClassicGroup group, string memberId, string? instanceId)
    {
        if (instanceId is not null)
        {
            string? owner = group.MemberOf(instanceId);
            return owner is null ? ErrorCode.UnknownMemberId : owner != memberId ? ErrorCode.FencedInstanceId : ErrorCode.None;
        }
        return group.Find(memberId) is null ? ErrorCode.UnknownMemberId : ErrorCode.None;
    }

    private ValueTask<JoinGroupResponse> AddMember(ClassicGroup group, Joiner joiner, string id)
    {
        JoinGroupRequest request = joiner.Request;
        GroupMember member = NewMember(
            group, id, request.GroupInstanceId, joiner.ClientId, joiner.ClientHost, request.SessionTimeoutMs, joiner.RebalanceTimeoutMs,
            request.ProtocolType, joiner.Protocols);
        member.IsNew = true;
        group.Add(member);
        group.HasNewMember = true;
        ValueTask<JoinGroupResponse> answer = Wait(member);
        member.Heartbeat.Set(Options.NewMemberJoinTimeoutMs);
        PrepareRebalance(group, $"member {id} joins");
        return answer;
    }

    private ValueTask<JoinGroupResponse> UpdateMember(ClassicGroup group, GroupMember member, Joiner joiner)
    {
        Update(member, joiner);
        ValueTask<JoinGroupResponse> answer = Wait(member);
        PrepareRebalance(group, $"member {member.MemberId} joins again");
        return answer;
    }

    private static void Update(GroupMember member, Joiner joiner)
    {
        member.Protocols = joiner.Protocols;
        member.SessionTimeoutMs = joiner.Request.SessionTimeoutMs;
        member.RebalanceTimeoutMs = joiner.RebalanceTimeoutMs;
        member.ClientId = joiner.ClientId;
        member.ClientHost = joiner.ClientHost;
    }

    private static ValueTask<JoinGroupResponse> Wait(GroupMember member)
    {
        member.AnswerJoin(JoinError(member.MemberId, ErrorCode.UnknownMemberId));   // an older join of the same member
        member.Joining = new TaskCompletionSource<JoinGroupResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        return new(member.Joining.Task);
    }

    /// <summary>A static member that restarted takes its place back; while the protocol stays, nobody else notices.</summary>
    private ValueTask<JoinGroupResponse> ReplaceStatic(ClassicGroup group, Joiner joiner, GroupMember member, string newId)
    {
        string oldId = member.MemberId;
        bool wasLeader = group.LeaderId == oldId;
        (var protocols, int sessionMs, int rebalanceMs) = (member.Protocols, member.SessionTimeoutMs, member.RebalanceTimeoutMs);
        member.AnswerJoin(JoinError(oldId, ErrorCode.FencedInstanceId));
        member.AnswerSync(new SyncGroupResponse { ErrorCode = ErrorCode.FencedInstanceId });
        group.Replace(member, newId);
        Update(member, joiner);
        member.Heartbeat.Cancel();
        member.Heartbeat = HeartbeatTimer(group, member);
        member.Heartbeat.Set(member.SessionTimeoutMs);
        if (group.State == GroupState.Stable && group.SelectProtocol() == group.Protocol)
        {
            ErrorCode error = WriteGroup(group, assignments: null);
            if (error != ErrorCode.None)
            {
                // Nobody else would know of the new id: the old one stands.
                group.Replace(member, oldId);
                (member.Protocols, member.SessionTimeoutMs, member.RebalanceTimeoutMs) = (protocols, sessionMs, rebalanceMs);
                return new(JoinError("", error));
            }
            bool skip = wasLeader && joiner.Version >= SkipAssignmentVersion;
            JoinGroupResponse current = CurrentGeneration(group, member, skip);
            if (wasLeader && !skip)
            {
                current.Leader = oldId;   // it must not assign anew
                current.Members.Clear();
            }
            return new(current);
        }
        ValueTask<JoinGroupResponse> answer = Wait(member);
        PrepareRebalance(group, $"static member {member.InstanceId} returns");
        return answer;
    }

    /// <summary>Begins a rebalance, or lets one that runs see what changed.</summary>
    private void PrepareRebalance(ClassicGroup group, string reason)
    {
        if (group.State == GroupState.PreparingRebalance)
        {
            TryCompleteJoin(group);
            return;
        }
        if (group.State == GroupState.CompletingRebalance)
        {
            EndSyncs(group, ErrorCode.RebalanceInProgress);
        }
        group.SyncDeadline?.Cancel();
        bool wasEmpty = group.State == GroupState.Empty;
        group.MoveTo(GroupState.PreparingRebalance, _clock.UnixMs);
        group.Rebalance ??= NewTimer(_rebalances, group, () => OnRebalanceDeadline(group), $"rebalance of {group.GroupId}");
        group.IsGathering = wasEmpty;
        if (wasEmpty)
        {
            int delay = Options.InitialRebalanceDelayMs;
            group.GatheringLeftMs = Math.Max(group.RebalanceTimeoutMs - delay, 0);
            group.HasNewMember = false;
            group.Rebalance.Set(delay);
            return;
        }
        group.Rebalance.Set(group.RebalanceTimeoutMs);
        LogGeneration(group.GroupId, group.Generation, group.Count, reason);
        TryCompleteJoin(group);
    }

    private void TryCompleteJoin(ClassicGroup group)
    {
        if (group.State == GroupState.PreparingRebalance && !group.IsGathering && group.HasAllJoined)
        {
            CompleteJoin(group);
        }
    }

    private void OnRebalanceDeadline(ClassicGroup group)
    {
        if (group.State != GroupState.PreparingRebalance)
        {
            return;
        }
        if (group is { IsGathering: true, HasNewMember: true, GatheringLeftMs: > 0 })
        {
            // Somebody came while the first were gathered: others may be on their way.
            group.HasNewMember = false;
            int delay = Math.Min(Options.InitialRebalanceDelayMs, group.GatheringLeftMs);
            group.GatheringLeftMs -= delay;
            group.Rebalance!.Set(delay);
            return;
        }
        CompleteJoin(group);
    }

    private void CompleteJoin(ClassicGroup group)
    {
        group.IsGathering = false;
        group.Rebalance?.Cancel();
        foreach (GroupMember late in group.Members.Where(m => m.Joining is null && !m.IsStatic).ToArray())
        {
            LogMemberGone(group.GroupId, late.MemberId, "it did not join again in time");
            late.Heartbeat.Cancel();
            group.Remove(late);
        }
        if (group.Count > 0 && !group.EnsureLeaderJoined())
        {
            group.Rebalance!.Set(group.RebalanceTimeoutMs);   // static members only, and none is back yet
            return;
        }
        group.NextGeneration(_clock.UnixMs);
        LogGeneration(group.GroupId, group.Generation, group.Count, "all have joined");
        if (group.Count == 0)
        {
            _ = WriteGroup(group, assignments: null);
            return;
        }
        foreach (GroupMember member in group.Members)
        {
            member.IsNew = false;
            member.Heartbeat.Set(member.SessionTimeoutMs);
            group.PendingSyncs.Add(member.MemberId);
        }
        foreach (GroupMember member in group.Members)
        {
            member.AnswerJoin(CurrentGeneration(group, member, skipAssignment: false));
        }
        group.SyncDeadline ??= NewTimer(_rebalances, group, () => OnSyncDeadline(group), $"sync of {group.GroupId}");
        group.SyncDeadline.Set(group.RebalanceTimeoutMs);
    }

    private static JoinGroupResponse CurrentGeneration(ClassicGroup group, GroupMember member, bool skipAssignment)
    {
        var response = new JoinGroupResponse
        {
            GenerationId = group.Generation,
            ProtocolType = group.ProtocolType,
            ProtocolName = group.Protocol,
            Leader = group.LeaderId ?? "",
            MemberId = member.MemberId,
            SkipAssignment = skipAssignment,
        };
        if (group.LeaderId == member.MemberId)
        {
            foreach (GroupMember one in group.Members)
            {
                response.Members.Add(new()
                {
                    MemberId = one.MemberId,
                    GroupInstanceId = one.InstanceId,
                    Metadata = one.MetadataOf(group.Protocol ?? ""),
                });
            }
        }
        return response;
    }

    private static JoinGroupResponse JoinError(string memberId, ErrorCode error) => new() { MemberId = memberId, ErrorCode = error };

    private GroupMember NewMember(
        ClassicGroup group, string id, string? instance, string clientId, string clientHost, int sessionTimeoutMs, int rebalanceTimeoutMs,
        string protocolType, IReadOnlyList<KeyValuePair<string, byte[]>> protocols)
    {
        var member = new GroupMember
        {
            MemberId = id,
            InstanceId = instance,
            ClientId = clientId,
            ClientHost = clientHost,
            SessionTimeoutMs = sessionTimeoutMs,
            RebalanceTimeoutMs = rebalanceTimeoutMs,
            ProtocolType = protocolType,
            Protocols = protocols,
            Heartbeat = null!,
        };
        member.Heartbeat = HeartbeatTimer(group, member);
        return member;
    }

    private GroupTimer HeartbeatTimer(ClassicGroup group, GroupMember member) =>
        NewTimer(_heartbeats, group, () => OnHeartbeatMissing(group, member), $"heartbeat of {member.MemberId} in {group.GroupId}");

    private GroupTimer NewTimer(Purgatory.DelayedOperationPurgatory purgatory, ClassicGroup group, Action expired, string what) =>
        new(purgatory, group.Lock, work => _workers.Run(work), expired, what);

    /// <summary>Who asks to join.</summary>
    private sealed record Joiner(
        JoinGroupRequest Request, short Version, string ClientId, string ClientHost, IReadOnlyList<KeyValuePair<string, byte[]>> Protocols)
    {
        /// <summary>Version 0 has no rebalance timeout: the session's stands in (trap 49).</summary>
        public int RebalanceTimeoutMs => Version == 0 || Request.RebalanceTimeoutMs < 0 ? Request.SessionTimeoutMs : Request.RebalanceTimeoutMs;
    }
}
