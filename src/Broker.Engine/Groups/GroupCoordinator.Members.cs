using Broker.Protocol.Messages;

namespace Broker.Engine.Groups;

/// <summary>Assignments, heartbeats, and leaving.</summary>
internal sealed partial class GroupCoordinator
{
    public ValueTask<SyncGroupResponse> SyncAsync(SyncGroupRequest request)
    {
        ErrorCode error = Check(request.GroupId);
        if (error != ErrorCode.None)
        {
            // A group that is still loading cannot have this generation any more: the client rejoins (Kafka does the same).
            return new(SyncError(error == ErrorCode.CoordinatorLoadInProgress ? ErrorCode.RebalanceInProgress : error));
        }
        if (!_groups.TryGetValue(request.GroupId, out ClassicGroup? group))
        {
            return new(SyncError(ErrorCode.UnknownMemberId));
        }
        lock (group.Lock)
        {
            error = CheckSync(group, request);
            if (error != ErrorCode.None)
            {
                return new(SyncError(error));
            }
            GroupMember member = group.Find(request.MemberId)!;
            switch (group.State)
            {
                case GroupState.PreparingRebalance:
                    return new(SyncError(ErrorCode.RebalanceInProgress));
                case GroupState.Stable:
                    SyncArrived(group, member);
                    return new(Assigned(group, member));
                case GroupState.CompletingRebalance:
                    SyncArrived(group, member);
                    return Await(group, member, request);
                default:
                    return new(SyncError(ErrorCode.UnknownMemberId));
            }
        }
    }

    private static ErrorCode CheckSync(ClassicGroup group, SyncGroupRequest request)
    {
        if (group.State == GroupState.Dead)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
        ErrorCode error = CheckMember(group, request.MemberId, request.GroupInstanceId);
        return error != ErrorCode.None ? error
            : request.GenerationId != group.Generation ? ErrorCode.IllegalGeneration
            : (request.ProtocolType is { } type && type != group.ProtocolType) || (request.ProtocolName is { } name && name != group.Protocol)
                ? ErrorCode.InconsistentGroupProtocol : ErrorCode.None;
    }

    private static void SyncArrived(ClassicGroup group, GroupMember member)
    {
        group.PendingSyncs.Remove(member.MemberId);
        if (group.PendingSyncs.Count == 0)
        {
            group.SyncDeadline?.Cancel();
        }
        member.Heartbeat.Set(member.SessionTimeoutMs);
    }

    private ValueTask<SyncGroupResponse> Await(ClassicGroup group, GroupMember member, SyncGroupRequest request)
    {
        member.AnswerSync(SyncError(ErrorCode.RebalanceInProgress));
        member.Syncing = new TaskCompletionSource<SyncGroupResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<SyncGroupResponse> answer = member.Syncing.Task;
        if (group.LeaderId == member.MemberId)
        {
            var assignments = new Dictionary<string, byte[]>(StringComparer.Ordinal);
            foreach (SyncGroupRequest.SyncGroupRequestAssignment one in request.Assignments)
            {
                assignments[one.MemberId] = one.Assignment.ToArray();
            }
            GroupWrite write = AppendGroup(group, assignments);
            if (write.IsDecided(out ErrorCode error))
            {
                CompleteSyncs(group, assignments, error);
            }
            else
            {
                _ = CompleteSyncsLaterAsync(group, assignments, write);
            }
        }
        return new(answer);
    }

    /// <summary>The assignment holds once all in-sync replicas have it: no member acts on one that may be lost.</summary>
    private async Task CompleteSyncsLaterAsync(ClassicGroup group, Dictionary<string, byte[]> assignments, GroupWrite write)
    {
        int generation = group.Generation;
        ErrorCode error = await ReplicatedAsync(write).ConfigureAwait(false);
        lock (group.Lock)
        {
            if (group.State == GroupState.CompletingRebalance && group.Generation == generation)
            {
                CompleteSyncs(group, assignments, error);
            }
        }
    }

    private void CompleteSyncs(ClassicGroup group, Dictionary<string, byte[]> assignments, ErrorCode error)
    {
        if (error != ErrorCode.None)
        {
            EndSyncs(group, error);
            PrepareRebalance(group, "the assignment could not be stored");
            return;
        }
        foreach (GroupMember one in group.Members)
        {
            one.Assignment = assignments.GetValueOrDefault(one.MemberId, []);
        }
        group.MoveTo(GroupState.Stable, _clock.UnixMs);
        Interlocked.Increment(ref _rebalancesDone);
        foreach (GroupMember one in group.Members)
        {
            if (one.Syncing is not null)
            {
                one.AnswerSync(Assigned(group, one));
                one.Heartbeat.Set(one.SessionTimeoutMs);
            }
        }
    }

    private static void EndSyncs(ClassicGroup group, ErrorCode error)
    {
        foreach (GroupMember member in group.Members)
        {
            member.Assignment = [];
            member.AnswerSync(SyncError(error));
        }
    }

    private static SyncGroupResponse Assigned(ClassicGroup group, GroupMember member) =>
        new() { ProtocolType = group.ProtocolType, ProtocolName = group.Protocol, Assignment = member.Assignment };

    private static SyncGroupResponse SyncError(ErrorCode error) => new() { ErrorCode = error };

    private void OnSyncDeadline(ClassicGroup group)
    {
        if (group.State is not (GroupState.CompletingRebalance or GroupState.Stable))
        {
            return;
        }
        foreach (string late in group.PendingSyncs.ToArray())
        {
            if (group.Find(late) is { } member)
            {
                RemoveMember(group, member, "it did not sync in time");
            }
        }
    }

    public ErrorCode Heartbeat(HeartbeatRequest request)
    {
        ErrorCode error = Check(request.GroupId);
        if (error != ErrorCode.None)
        {
            return error == ErrorCode.CoordinatorLoadInProgress ? ErrorCode.None : error;   // it is alive; the rest is seen later
        }
        if (!_groups.TryGetValue(request.GroupId, out ClassicGroup? group))
        {
            return ErrorCode.UnknownMemberId;
        }
        lock (group.Lock)
        {
            if (group.State == GroupState.Dead)
            {
                return ErrorCode.CoordinatorNotAvailable;
            }
            error = CheckMember(group, request.MemberId, request.GroupInstanceId);
            if (error == ErrorCode.None && group.State == GroupState.Empty)
            {
                error = ErrorCode.UnknownMemberId;
            }
            if (error == ErrorCode.None && request.GenerationId != group.Generation)
            {
                error = ErrorCode.IllegalGeneration;
            }
            if (error != ErrorCode.None)
            {
                return error;
            }
            GroupMember member = group.Find(request.MemberId)!;
            member.Heartbeat.Set(member.SessionTimeoutMs);
            return group.State == GroupState.PreparingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
        }
    }

    private void OnHeartbeatMissing(ClassicGroup group, GroupMember member)
    {
        if (group.Find(member.MemberId) != member)
        {
            return;
        }
        if (!member.IsNew && (member.Joining is not null || member.Syncing is not null))
        {
            member.Heartbeat.Set(member.SessionTimeoutMs);   // it waits for us, not we for it
            return;
        }
        RemoveMember(group, member, $"no heartbeat for {member.SessionTimeoutMs} ms");
    }

    private void RemoveMember(ClassicGroup group, GroupMember member, string reason)
    {
        LogMemberGone(group.GroupId, member.MemberId, reason);
        member.Heartbeat.Cancel();
        member.AnswerJoin(JoinError(member.MemberId, ErrorCode.UnknownMemberId));
        member.AnswerSync(SyncError(ErrorCode.UnknownMemberId));
        group.Remove(member);
        if (group.State is GroupState.Stable or GroupState.CompletingRebalance)
        {
            PrepareRebalance(group, $"member {member.MemberId} is gone");
        }
        else
        {
            TryCompleteJoin(group);
        }
    }

    public LeaveGroupResponse Leave(LeaveGroupRequest request, short version)
    {
        var response = new LeaveGroupResponse { ErrorCode = Check(request.GroupId) };
        if (response.ErrorCode != ErrorCode.None)
        {
            return response;
        }
        _groups.TryGetValue(request.GroupId, out ClassicGroup? group);
        if (version < 3)
        {
            response.ErrorCode = Leave(group, request.MemberId, null);
            return response;
        }
        foreach (LeaveGroupRequest.MemberIdentity member in request.Members)
        {
            response.Members.Add(new()
            {
                MemberId = member.MemberId,
                GroupInstanceId = member.GroupInstanceId,
                ErrorCode = Leave(group, member.MemberId, member.GroupInstanceId),
            });
        }
        return response;
    }

    private ErrorCode Leave(ClassicGroup? group, string memberId, string? instanceId)
    {
        if (group is null)
        {
            return ErrorCode.UnknownMemberId;
        }
        lock (group.Lock)
        {
            if (group.State == GroupState.Dead)
            {
                return ErrorCode.CoordinatorNotAvailable;
            }
            if (group.PendingMembers.Remove(memberId, out GroupTimer? pending))
            {
                pending.Cancel();
                TryCompleteJoin(group);
                return ErrorCode.None;
            }
            // An administrator names the instance alone.
            string id = instanceId is not null && memberId.Length == 0 ? group.MemberOf(instanceId) ?? "" : memberId;
            ErrorCode error = CheckMember(group, id, instanceId);
            if (error == ErrorCode.None)
            {
                RemoveMember(group, group.Find(id)!, "it left");
            }
            return error;
        }
    }
}
