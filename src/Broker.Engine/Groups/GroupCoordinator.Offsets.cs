using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Groups;

/// <summary>An offset to commit.</summary>
internal readonly record struct OffsetToCommit(TopicPartition Partition, CommittedOffset Offset);

/// <summary>Committing, reading, deleting and ageing of offsets.</summary>
internal sealed partial class GroupCoordinator
{
    /// <summary>Version from which a commit to a group that is not there says so (KIP-848).</summary>
    private const short GroupNotFoundVersion = 9;

    /// <summary>Most records that one batch takes offsets away with: it must fit into a batch.</summary>
    private const int ForgetBatch = 1_000;

    /// <summary>Commits offsets; answered once all in-sync replicas have them, and only then to be read.</summary>
    public async ValueTask<OffsetCommitResponse> CommitAsync(OffsetCommitRequest request, short version)
    {
        (OffsetCommitResponse response, ClassicGroup? group, GroupWrite write) = Commit(request, version);
        if (group is null)
        {
            return response;
        }
        ErrorCode error = await ReplicatedAsync(write).ConfigureAwait(false);
        lock (group.Lock)
        {
            Settle(group);
        }
        return error == ErrorCode.None ? response : CommitResponse(request, version, (_, _) => error);
    }

    /// <summary>Does what need not be waited for; the group is null when that is all.</summary>
    private (OffsetCommitResponse Response, ClassicGroup? Waiting, GroupWrite Write) Commit(OffsetCommitRequest request, short version)
    {
        ErrorCode error = Check(request.GroupId, emptyAllowed: true);
        if (error != ErrorCode.None)
        {
            return (CommitResponse(request, version, (_, _) => error), null, default);
        }
        ClassicGroup? group = _groups.GetValueOrDefault(request.GroupId);
        if (group is null)
        {
            if (request.GenerationIdOrMemberEpoch >= 0)
            {
                ErrorCode missing = version >= GroupNotFoundVersion ? ErrorCode.GroupIdNotFound : ErrorCode.IllegalGeneration;
                return (CommitResponse(request, version, (_, _) => missing), null, default);
            }
            group = GetOrAdd(request.GroupId);
        }
        lock (group.Lock)
        {
            error = IsInUse(group) ? CheckCommit(group, request) : ErrorCode.CoordinatorNotAvailable;
            if (error != ErrorCode.None)
            {
                return (CommitResponse(request, version, (_, _) => error), null, default);
            }
            if (group.Find(request.MemberId) is { } member)
            {
                member.Heartbeat.Set(member.SessionTimeoutMs);
            }
            return Store(group, request, version);
        }
    }

    /// <summary>After Kafka's ClassicGroup.validateOffsetCommit (trap 52).</summary>
    private static ErrorCode CheckCommit(ClassicGroup group, OffsetCommitRequest request)
    {
        int generation = request.GenerationIdOrMemberEpoch;
        if (generation < 0 && group.State == GroupState.Empty)
        {
            return ErrorCode.None;
        }
        if (generation < 0 && request.MemberId.Length == 0 && request.GroupInstanceId is null)
        {
            return ErrorCode.UnknownMemberId;   // a group with members takes commits of members only
        }
        ErrorCode error = CheckMember(group, request.MemberId, request.GroupInstanceId);
        return error != ErrorCode.None ? error
            : generation != group.Generation ? ErrorCode.IllegalGeneration
            : group.State == GroupState.CompletingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
    }

    private (OffsetCommitResponse Response, ClassicGroup? Waiting, GroupWrite Write) Store(ClassicGroup group, OffsetCommitRequest request, short version)
    {
        var accepted = new List<OffsetToCommit>();
        long now = _clock.UnixMs;
        OffsetCommitResponse response = CommitResponse(
            request, version,
            (partition, asked) =>
            {
                if (asked.CommittedMetadata?.Length > Options.MetadataBytesMax)   // characters, as Kafka counts
                {
                    return ErrorCode.OffsetMetadataTooLarge;
                }
                accepted.Add(new OffsetToCommit(partition, new CommittedOffset(
                    asked.CommittedOffset, asked.CommittedLeaderEpoch, asked.CommittedMetadata ?? "", now, Guid.Empty,
                    request.RetentionTimeMs < 0 ? -1 : now + request.RetentionTimeMs)));
                return ErrorCode.None;
            });
        if (accepted.Count == 0)
        {
            return (response, null, default);
        }
        GroupWrite write = Append(
            group,
            [.. accepted.Select(a => new OffsetsLog.Entry(OffsetsLog.OffsetKey(group.GroupId, a.Partition), OffsetsLog.OffsetValue(a.Offset)))]);
        if (write.Error != ErrorCode.None)
        {
            return (CommitResponse(request, version, (_, _) => write.Error), null, default);
        }
        group.PendingCommits.Enqueue(new PendingCommit(write, accepted));
        return Settle(group) ? (response, null, default) : (response, group, write);
    }

    /// <summary>Lets offsets count that all in-sync replicas have, in the log's order; true when none is left.</summary>
    private bool Settle(ClassicGroup group)
    {
        while (group.PendingCommits.TryPeek(out PendingCommit? oldest))
        {
            if (!oldest.Write.IsDecided(out ErrorCode error))
            {
                return false;
            }
            group.PendingCommits.Dequeue();
            if (error is not (ErrorCode.None or ErrorCode.NotEnoughReplicasAfterAppend))
            {
                continue;   // another coordinator says what counts
            }
            foreach (OffsetToCommit one in oldest.Offsets)
            {
                group.Offsets[one.Partition] = one.Offset;
            }
            Interlocked.Add(ref _commits, oldest.Offsets.Count);
        }
        return true;
    }

    private OffsetCommitResponse CommitResponse(
        OffsetCommitRequest request, short version,
        Func<TopicPartition, OffsetCommitRequest.OffsetCommitRequestPartition, ErrorCode> decide)
    {
        MetadataImage image = _metadata.Current;
        var response = new OffsetCommitResponse();
        foreach (OffsetCommitRequest.OffsetCommitRequestTopic topic in request.Topics)
        {
            var answer = new OffsetCommitResponse.OffsetCommitResponseTopic { Name = topic.Name, TopicId = topic.TopicId };
            string? name = version >= 10 ? image.Topic(topic.TopicId)?.Name : topic.Name;
            foreach (OffsetCommitRequest.OffsetCommitRequestPartition partition in topic.Partitions)
            {
                ErrorCode error = name is null ? ErrorCode.UnknownTopicId
                    : image.Partition(name, partition.PartitionIndex) is null ? ErrorCode.UnknownTopicOrPartition
                    : decide(new TopicPartition(name, partition.PartitionIndex), partition);
                answer.Partitions.Add(new() { PartitionIndex = partition.PartitionIndex, ErrorCode = error });
            }
            response.Topics.Add(answer);
        }
        return response;
    }

    /// <summary>Reads a group's offsets.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="offsets">All of its offsets; empty for a group that is not there.</param>
    public ErrorCode Offsets(string groupId, out IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets)
    {
        offsets = new Dictionary<TopicPartition, CommittedOffset>();
        ErrorCode error = Check(groupId, emptyAllowed: true);
        if (error == ErrorCode.None && _groups.TryGetValue(groupId, out ClassicGroup? group))
        {
            lock (group.Lock)
            {
                offsets = new Dictionary<TopicPartition, CommittedOffset>(group.Offsets);
            }
        }
        return error;
    }

    /// <summary>Deletes committed offsets, but for topics that members of the group read.</summary>
    public OffsetDeleteResponse DeleteOffsets(OffsetDeleteRequest request)
    {
        var response = new OffsetDeleteResponse { ErrorCode = Check(request.GroupId) };
        if (response.ErrorCode != ErrorCode.None)
        {
            return response;
        }
        if (!_groups.TryGetValue(request.GroupId, out ClassicGroup? group))
        {
            response.ErrorCode = ErrorCode.GroupIdNotFound;
            return response;
        }
        lock (group.Lock)
        {
            if (group.State == GroupState.Dead || (group.State != GroupState.Empty && !group.IsConsumerGroup))
            {
                response.ErrorCode = group.State == GroupState.Dead ? ErrorCode.GroupIdNotFound : ErrorCode.NonEmptyGroup;
                return response;
            }
            var gone = new List<TopicPartition>();
            foreach (OffsetDeleteRequest.OffsetDeleteRequestTopic topic in request.Topics)
            {
                response.Topics.Add(Delete(topic, group, gone));
            }
            gone.RemoveAll(p => !group.Offsets.ContainsKey(p));
            response.ErrorCode = Forget(group, gone);
            Interlocked.Add(ref _deletions, response.ErrorCode == ErrorCode.None ? gone.Count : 0);
            return response;
        }
    }

    private OffsetDeleteResponse.OffsetDeleteResponseTopic Delete(
        OffsetDeleteRequest.OffsetDeleteRequestTopic topic, ClassicGroup group, List<TopicPartition> gone)
    {
        var answer = new OffsetDeleteResponse.OffsetDeleteResponseTopic { Name = topic.Name };
        foreach (OffsetDeleteRequest.OffsetDeleteRequestPartition partition in topic.Partitions)
        {
            ErrorCode error = _metadata.Current.Partition(topic.Name, partition.PartitionIndex) is null ? ErrorCode.UnknownTopicOrPartition
                : group.IsSubscribedTo(topic.Name) ? ErrorCode.GroupSubscribedToTopic : ErrorCode.None;
            if (error == ErrorCode.None)
            {
                gone.Add(new TopicPartition(topic.Name, partition.PartitionIndex));
            }
            answer.Partitions.Add(new() { PartitionIndex = partition.PartitionIndex, ErrorCode = error });
        }
        return answer;
    }

    /// <summary>Takes offsets away, in the log and here.</summary>
    private ErrorCode Forget(ClassicGroup group, IReadOnlyCollection<TopicPartition> partitions)
    {
        foreach (TopicPartition[] some in partitions.Chunk(ForgetBatch))
        {
            ErrorCode error = Write(
                group, [.. some.Select(p => new OffsetsLog.Entry(OffsetsLog.OffsetKey(group.GroupId, p), null))]);
            if (error != ErrorCode.None)
            {
                return error;
            }
            Array.ForEach(some, p => group.Offsets.Remove(p));
        }
        return ErrorCode.None;
    }

    /// <summary>Topics are gone: so are the offsets in them.</summary>
    public void OnTopicsDeleted(IReadOnlySet<string> topics)
    {
        foreach (ClassicGroup group in _groups.Values)
        {
            lock (group.Lock)
            {
                _ = Forget(group, [.. group.Offsets.Keys.Where(p => topics.Contains(p.Topic))]);
            }
        }
    }

    /// <summary>Ages offsets and lets go of groups with nothing left (KIP-211, trap 44): an empty group's offsets age from the
    /// moment it became empty, those of a group that never had members, and of topics that a stable one reads no more, from
    /// their commit; where an old client said when an offset ends, that holds.</summary>
    public void ExpireOffsets()
    {
        long now = _clock.UnixMs;
        foreach (ClassicGroup group in _groups.Values)
        {
            lock (group.Lock)
            {
                if (Check(group.GroupId, emptyAllowed: true) == ErrorCode.None)
                {
                    TopicPartition[] expired = [.. group.Offsets.Where(o => IsExpired(group, o.Key, o.Value, now)).Select(o => o.Key)];
                    if (Forget(group, expired) == ErrorCode.None)
                    {
                        Interlocked.Add(ref _expirations, expired.Length);
                    }
                    if (group is { State: GroupState.Empty, Offsets.Count: 0, PendingMembers.Count: 0, Count: 0 })
                    {
                        _ = Bury(group);
                    }
                }
            }
        }
    }

    private bool IsExpired(ClassicGroup group, TopicPartition partition, CommittedOffset offset, long now)
    {
        bool ages = group.ProtocolType is null || group.State == GroupState.Empty
            || (group is { State: GroupState.Stable, IsConsumerGroup: true, Subscribed: not null });
        if (!ages || group.IsSubscribedTo(partition.Topic))
        {
            return false;
        }
        if (offset.ExpireMs >= 0)
        {
            return now >= offset.ExpireMs;
        }
        bool fromState = group is { ProtocolType: not null, State: GroupState.Empty, StateSinceMs: >= 0 };
        return now - (fromState ? group.StateSinceMs : offset.CommitMs) >= Options.OffsetsRetentionMs;
    }

    /// <summary>An empty group ends: its record is taken away.</summary>
    private ErrorCode Bury(ClassicGroup group)
    {
        ErrorCode error = group.Generation == 0 && group.ProtocolType is null
            ? ErrorCode.None : Write(group, [new OffsetsLog.Entry(OffsetsLog.GroupKey(group.GroupId), null)]);
        if (error == ErrorCode.None)
        {
            foreach (GroupTimer pending in group.PendingMembers.Values)
            {
                pending.Cancel();
            }
            group.MoveTo(GroupState.Dead, _clock.UnixMs);
            _groups.TryRemove(KeyValuePair.Create(group.GroupId, group));
        }
        return error;
    }

    public ErrorCode Delete(string groupId)
    {
        ErrorCode error = Check(groupId, emptyAllowed: true);
        if (error != ErrorCode.None)
        {
            return error;
        }
        if (!_groups.TryGetValue(groupId, out ClassicGroup? group))
        {
            return ErrorCode.GroupIdNotFound;
        }
        lock (group.Lock)
        {
            if (group.State == GroupState.Dead)
            {
                return ErrorCode.GroupIdNotFound;
            }
            if (group.State != GroupState.Empty)
            {
                return ErrorCode.NonEmptyGroup;
            }
            error = Forget(group, [.. group.Offsets.Keys]);
            return error == ErrorCode.None ? Bury(group) : error;
        }
    }
}
