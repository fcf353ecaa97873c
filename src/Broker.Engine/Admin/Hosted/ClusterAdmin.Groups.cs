using Broker.Engine.Groups;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Consumer groups.</summary>
internal sealed partial class ClusterAdmin
{
    /// <summary>The last version that names topics rather than their ids.</summary>
    private const short OffsetCommitVersion = 9;

    public Page<GroupSummary> Groups(GroupQuery query)
    {
        IEnumerable<GroupSummary> found = AllGroups().Select(g => g.Summary)
            .Where(g => query.Search is not { Length: > 0 } s || g.GroupId.Contains(s, StringComparison.OrdinalIgnoreCase))
            .Where(g => query.State is not { Length: > 0 } s || g.State.Equals(s, StringComparison.OrdinalIgnoreCase));
        Func<GroupSummary, IComparable> key = query.SortBy switch
        {
            GroupColumn.State => g => g.State,
            GroupColumn.Members => g => g.Members,
            GroupColumn.Lag => g => g.Lag,
            _ => g => g.GroupId,
        };
        return PageOf(found, key, g => g.GroupId, query.Descending, query.Skip, query.Take);
    }

    public GroupDetail Group(string groupId)
    {
        BrokerServer broker = CoordinatorOf(groupId);
        return broker.Groups.Find(groupId) is { } group ? DescribeLocked(broker, group) : throw GroupNotFound(groupId);
    }

    /// <summary>The broker that knows a group.</summary>
    private BrokerServer CoordinatorOf(string groupId) =>
        Running().FirstOrDefault(b => b.Groups?.Find(groupId) is not null) ?? throw GroupNotFound(groupId);

    private static AdminException GroupNotFound(string groupId) => new("GROUP_ID_NOT_FOUND", $"Group {groupId} not found.");

    public Task DeleteGroupAsync(string groupId, CancellationToken cancellationToken)
    {
        ErrorCode error = CoordinatorOf(groupId).Groups.Delete(groupId);
        return error == ErrorCode.None ? Task.CompletedTask : throw new AdminException(
            error.Name(), error == ErrorCode.NonEmptyGroup ? $"Group {groupId} has members." : $"Group {groupId} could not be deleted.");
    }

    public async Task<IReadOnlyList<CommittedPlace>> ResetOffsetsAsync(string groupId, OffsetReset reset, CancellationToken cancellationToken)
    {
        GroupCoordinator groups = CoordinatorOf(groupId).Groups;
        int[] partitions = reset.Partition is { } one ? [one] : [.. Enumerable.Range(0, Known(reset.Topic).Partitions.Length)];
        List<CommittedPlace> places = [.. partitions.Select(p => new CommittedPlace(reset.Topic, p, PlaceOf(reset, LeaderOrThrow(reset.Topic, p))))];
        OffsetCommitResponse response = await groups.CommitAsync(
            new OffsetCommitRequest
            {
                GroupId = groupId,
                Topics =
                [
                    new OffsetCommitRequest.OffsetCommitRequestTopic
                    {
                        Name = reset.Topic,
                        Partitions = [.. places.Select(p => new OffsetCommitRequest.OffsetCommitRequestPartition
                        {
                            PartitionIndex = p.Partition,
                            CommittedOffset = p.Offset,
                        })],
                    },
                ],
            },
            OffsetCommitVersion).ConfigureAwait(false);
        ErrorCode error = response.Topics.SelectMany(t => t.Partitions).Select(p => p.ErrorCode).FirstOrDefault(e => e != ErrorCode.None);
        return error switch
        {
            ErrorCode.None => places,
            ErrorCode.UnknownMemberId => throw new AdminException("NON_EMPTY_GROUP", $"Group {groupId} has members: only they may commit."),
            _ => throw new AdminException(error.Name(), $"The offsets of group {groupId} could not be committed."),
        };
    }

    private static long PlaceOf(OffsetReset reset, Replication.Partition partition) => reset.To switch
    {
        OffsetTarget.Earliest => partition.Log.LogStartOffset,
        OffsetTarget.Offset => Math.Clamp(reset.Offset, partition.Log.LogStartOffset, partition.HighWatermark),
        OffsetTarget.Timestamp => partition.Log.FindByTimestamp(
            (reset.Timestamp ?? throw new AdminException("INVALID_REQUEST", "To which time is not said.")).ToUnixTimeMilliseconds())?.Offset
            ?? partition.HighWatermark,
        _ => partition.HighWatermark,
    };

    private IEnumerable<GroupDetail> AllGroups()
    {
        foreach (BrokerServer broker in Running().Where(b => b.Groups is not null))
        {
            foreach (ClassicGroup group in broker.Groups.Groups)
            {
                yield return DescribeLocked(broker, group);
            }
        }
    }

    private GroupDetail DescribeLocked(BrokerServer broker, ClassicGroup group)
    {
        lock (group.Lock)
        {
            return Describe(broker, group);
        }
    }

    private GroupDetail Describe(BrokerServer broker, ClassicGroup group)
    {
        List<GroupMemberView> members = [.. group.Members.Select(m => Describe(broker, group, m))];
        var owners = new Dictionary<TopicPartition, GroupMemberView>();
        members.ForEach(m => m.Assignment.ToList().ForEach(p => owners[p] = m));
        List<GroupPartitionView> partitions =
        [
            .. group.Offsets.Keys.Union(owners.Keys).OrderBy(p => p.Topic, StringComparer.Ordinal).ThenBy(p => p.Partition)
                .Select(p => Describe(group.Offsets.GetValueOrDefault(p), p, owners.GetValueOrDefault(p))),
        ];
        return new GroupDetail
        {
            Summary = new GroupSummary
            {
                GroupId = group.GroupId,
                State = group.State.ToString(),
                ProtocolType = group.ProtocolType ?? "",
                Protocol = group.Protocol ?? "",
                Coordinator = broker.Id,
                Members = group.Count,
                Generation = group.Generation,
                Topics = partitions.Select(p => p.Topic).Distinct().Count(),
                Lag = partitions.Sum(p => p.Lag ?? 0),
            },
            Members = members,
            Partitions = partitions,
        };
    }

    private GroupPartitionView Describe(CommittedOffset? committed, TopicPartition id, GroupMemberView? member)
    {
        long end = Leader(id)?.Partition.HighWatermark ?? -1;
        return new GroupPartitionView
        {
            Topic = id.Topic,
            Partition = id.Partition,
            CommittedOffset = committed?.Offset ?? -1,
            Metadata = committed?.Metadata ?? "",
            CommittedAt = committed is null ? null : DateTimeOffset.FromUnixTimeMilliseconds(committed.CommitMs),
            LogEndOffset = end,
            Lag = committed is null || end < 0 ? null : Math.Max(0, end - committed.Offset),
            MemberId = member?.MemberId,
            ClientId = member?.ClientId,
            Host = member?.Host,
        };
    }

    private static GroupMemberView Describe(BrokerServer broker, ClassicGroup group, GroupMember member) => new()
    {
        MemberId = member.MemberId,
        GroupInstanceId = member.InstanceId,
        ClientId = member.ClientId,
        Host = member.ClientHost,
        SessionTimeoutMs = member.SessionTimeoutMs,
        RebalanceTimeoutMs = member.RebalanceTimeoutMs,
        IsLeader = group.LeaderId == member.MemberId,
        Assignment = Assignment(member.Assignment),
        HeartbeatDueInMs = member.Heartbeat.IsSet ? Math.Max(0, member.Heartbeat.DueMs - broker.Clock.NowMs) : -1,
    };

    /// <summary>The partitions that a consumer's assignment names; none for other kinds of groups.</summary>
    private static List<TopicPartition> Assignment(byte[] bytes)
    {
        if (bytes.Length < 2)
        {
            return [];
        }
        try
        {
            var reader = new KafkaReader(bytes, 0, bytes.Length);
            short version = reader.ReadInt16();
            var assignment = new ConsumerProtocolAssignment();
            assignment.Read(ref reader, Math.Clamp(version, (short)0, (short)3));
            return [.. assignment.AssignedPartitions.SelectMany(t => t.Partitions.Select(p => new TopicPartition(t.Topic, p)))];
        }
        catch (MalformedRequestException)
        {
            return [];
        }
    }
}
