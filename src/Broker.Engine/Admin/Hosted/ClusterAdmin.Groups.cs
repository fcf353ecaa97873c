using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Groups;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Consumer groups.</summary>
internal sealed partial class ClusterAdmin
{
    /// <summary>The last version that names topics rather than their ids.</summary>
    private const short OffsetCommitVersion = 9;

    public GroupList Groups(GroupQuery query)
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
        Page<GroupSummary> page = PageOf(found, key, g => g.GroupId, query.Descending, query.Skip, query.Take);
        return new GroupList(page.Items, page.Total, page.Skipped, UnknownGroups());
    }

    /// <summary>Why groups may be missing from what is told; nothing where all are known.</summary>
    private List<string> UnknownGroups()
    {
        List<string> reasons =
        [
            .. Remote().Order().Select(_remoteGroups.Silence).OfType<string>()
                .Select(why => $"{why.TrimEnd('.')}. The groups that it coordinates are not known."),
        ];
        MetadataImage image = Image;
        if (image.Topic(InternalTopics.ConsumerOffsets) is { } offsets
            && offsets.Partitions.Count(p => p is null || !IsServed(p.Leader, image)) is > 0 and var without)
        {
            reasons.Add(
                $"{without} of {offsets.Partitions.Length} partitions of {InternalTopics.ConsumerOffsets} have no leader that runs: "
                    + "the groups there are not known.");
        }
        return reasons;
    }

    /// <summary>Whether a broker is there: of this host by its own word, of another one as it is registered.</summary>
    private bool IsServed(int broker, MetadataImage image) => IsHere(broker) ? Running().Any(b => b.Id == broker) : image.IsAlive(broker);

    /// <summary>The broker that speaks for a group, by where its offsets belong; -1 for none.</summary>
    private int CoordinatorOf(string groupId) => Informed()?.Groups?.PartitionFor(groupId) is { } partition and >= 0
        ? LeaderOf(new TopicPartition(InternalTopics.ConsumerOffsets, partition)) : -1;

    public GroupDetail Group(string groupId) => Coordinator(groupId) is { } broker && broker.Groups.Find(groupId) is { } group
        ? DescribeLocked(broker, group) : Describe(RemoteGroupOrThrow(groupId));

    /// <summary>The broker of this host that knows a group, or null.</summary>
    private BrokerServer? Coordinator(string groupId) => Running().FirstOrDefault(b => b.Groups?.Find(groupId) is not null);

    /// <summary>A group that is in no list: there is none, or who would know does not say.</summary>
    private AdminException GroupNotFound(string groupId)
    {
        MetadataImage image = Image;
        if (image.Topic(InternalTopics.ConsumerOffsets) is null)
        {
            return new AdminException("GROUP_ID_NOT_FOUND", $"Group {groupId} not found.");
        }
        int coordinator = CoordinatorOf(groupId);
        string? unknown = !IsServed(coordinator, image) ? "No broker that runs leads the partition of the offsets of such a group."
            : IsHere(coordinator) ? null : _remoteGroups.Silence(coordinator);
        return unknown is null ? new AdminException("GROUP_ID_NOT_FOUND", $"Group {groupId} not found.")
            : new AdminException("COORDINATOR_NOT_AVAILABLE", $"Whether there is a group {groupId} is not known. {unknown}");
    }

    public async Task DeleteGroupAsync(string groupId, CancellationToken cancellationToken)
    {
        ErrorCode error = await DeleteAsync(groupId, cancellationToken).ConfigureAwait(false);
        if (error != ErrorCode.None)
        {
            throw new AdminException(
                error.Name(), error == ErrorCode.NonEmptyGroup ? $"Group {groupId} has members." : $"Group {groupId} could not be deleted.");
        }
    }

    public async Task<IReadOnlyList<CommittedPlace>> ResetOffsetsAsync(string groupId, OffsetReset reset, CancellationToken cancellationToken)
    {
        if (Coordinator(groupId) is null)
        {
            _ = await RemoteGroupAsync(groupId, cancellationToken).ConfigureAwait(false);
        }
        int[] partitions = reset.Partition is { } one ? [one] : [.. Enumerable.Range(0, Known(reset.Topic).Partitions.Length)];
        var places = new List<CommittedPlace>();
        foreach (int partition in partitions)
        {
            RecordSource source = SourceOrThrow(reset.Topic, partition);
            places.Add(new CommittedPlace(reset.Topic, partition, await PlaceOfAsync(reset, source, cancellationToken).ConfigureAwait(false)));
        }
        OffsetCommitResponse response = await CommitAsync(
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
            cancellationToken).ConfigureAwait(false);
        ErrorCode error = response.Topics.SelectMany(t => t.Partitions).Select(p => p.ErrorCode).FirstOrDefault(e => e != ErrorCode.None);
        return error switch
        {
            ErrorCode.None => places,
            ErrorCode.UnknownMemberId => throw new AdminException("NON_EMPTY_GROUP", $"Group {groupId} has members: only they may commit."),
            _ => throw new AdminException(error.Name(), $"The offsets of group {groupId} could not be committed."),
        };
    }

    private static async ValueTask<long> PlaceOfAsync(OffsetReset reset, RecordSource source, CancellationToken cancellationToken)
    {
        (long start, long end) = await source.BoundsAsync(cancellationToken).ConfigureAwait(false);
        return reset.To switch
        {
            OffsetTarget.Earliest => start,
            OffsetTarget.Offset => Math.Clamp(reset.Offset, start, end),
            OffsetTarget.Timestamp => await source.FindByTimestampAsync(
                (reset.Timestamp ?? throw new AdminException("INVALID_REQUEST", "To which time is not said.")).ToUnixTimeMilliseconds(),
                cancellationToken).ConfigureAwait(false) ?? end,
            _ => end,
        };
    }

    private IEnumerable<GroupDetail> AllGroups()
    {
        foreach (BrokerServer broker in Running().Where(b => b.Groups is not null))
        {
            foreach (ClassicGroup group in broker.Groups.Groups)
            {
                yield return DescribeLocked(broker, group);
            }
        }
        foreach (RemoteGroup group in _remoteGroups.Groups.Where(g => Coordinator(g.Described.GroupId) is null))
        {
            yield return Describe(group);
        }
    }

    /// <summary>The partitions that groups of this host's coordinators have committed or are assigned.</summary>
    private IEnumerable<TopicPartition> ReadHere()
    {
        foreach (ClassicGroup group in Running().Where(b => b.Groups is not null).SelectMany(b => b.Groups.EachGroup))
        {
            TopicPartition[] read;
            lock (group.Lock)
            {
                read = [.. group.Offsets.Keys, .. group.Members.SelectMany(m => Assignment(m.Assignment))];
            }
            foreach (TopicPartition partition in read)
            {
                yield return partition;
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

    private GroupDetail Describe(BrokerServer broker, ClassicGroup group) => Describe(
        new GroupSummary
        {
            GroupId = group.GroupId,
            State = group.State.ToString(),
            ProtocolType = group.ProtocolType ?? "",
            Protocol = group.Protocol ?? "",
            Coordinator = broker.Id,
            Members = group.Count,
            Generation = group.Generation,
            Topics = 0,
            Lag = 0,
            UnknownLags = 0,
        },
        [.. group.Members.Select(m => Describe(broker, group, m))], group.Offsets);

    private GroupDetail Describe(
        GroupSummary summary, List<GroupMemberView> members, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets)
    {
        var owners = new Dictionary<TopicPartition, GroupMemberView>();
        members.ForEach(m => m.Assignment.ToList().ForEach(p => owners[p] = m));
        List<GroupPartitionView> partitions =
        [
            .. offsets.Keys.Union(owners.Keys).OrderBy(p => p.Topic, StringComparer.Ordinal).ThenBy(p => p.Partition)
                .Select(p => Describe(offsets.GetValueOrDefault(p), p, owners.GetValueOrDefault(p))),
        ];
        return new GroupDetail
        {
            Summary = summary with
            {
                Topics = partitions.Select(p => p.Topic).Distinct().Count(),
                Lag = partitions.Sum(p => p.Lag ?? 0),
                UnknownLags = partitions.Count(IsLagUnknown),
            },
            Members = members,
            Partitions = partitions,
        };
    }

    private static bool IsLagUnknown(GroupPartitionView partition) => partition is { CommittedOffset: >= 0, Lag: null };

    private GroupPartitionView Describe(CommittedOffset? committed, TopicPartition id, GroupMemberView? member)
    {
        long end = Leader(id)?.Partition.HighWatermark ?? _remoteGroups.EndOf(id);
        return new GroupPartitionView
        {
            Topic = id.Topic,
            Partition = id.Partition,
            CommittedOffset = committed?.Offset ?? -1,
            Metadata = committed?.Metadata ?? "",
            CommittedAt = committed is not { CommitMs: >= 0 } ? null : DateTimeOffset.FromUnixTimeMilliseconds(committed.CommitMs),
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
    internal static List<TopicPartition> Assignment(byte[] bytes)
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
