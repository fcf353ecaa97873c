using System.Collections.Concurrent;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Groups;

/// <summary>
/// Coordinates the groups whose partition of <c>__consumer_offsets</c> this broker leads. Each group has a lock of its own; what
/// it decides is in the log before it is answered. After Kafka's GroupCoordinator and GroupMetadataManager. Thread-safe.
/// </summary>
internal sealed partial class GroupCoordinator
{
    private readonly ConcurrentDictionary<string, ClassicGroup> _groups = new(StringComparer.Ordinal);

    /// <summary>Partitions of the offsets topic that this broker leads.</summary>
    private readonly ConcurrentDictionary<int, OwnedPartition> _owned = new();

    private readonly ReplicaManager _replicas;
    private readonly MetadataCache _metadata;
    private readonly WorkerThreads _workers;
    private readonly DelayedOperationPurgatory _rebalances;
    private readonly DelayedOperationPurgatory _heartbeats;
    private readonly MonotonicClock _clock;
    private readonly Random _random;
    private readonly ILogger _logger;
    private long _commits;
    private long _deletions;
    private long _expirations;
    private long _rebalancesDone;

    public GroupCoordinator(
        GroupOptions options, ReplicaManager replicas, MetadataCache metadata, WorkerThreads workers,
        DelayedOperationPurgatory rebalances, DelayedOperationPurgatory heartbeats, MonotonicClock clock, Random random, ILogger logger)
    {
        Options = options;
        _replicas = replicas;
        _metadata = metadata;
        _workers = workers;
        _rebalances = rebalances;
        _heartbeats = heartbeats;
        _clock = clock;
        _random = random;
        _logger = logger;
        Loads = new LoadTimes(clock.Time);
    }

    public GroupOptions Options { get; }

    /// <summary>Groups coordinated here.</summary>
    public ICollection<ClassicGroup> Groups => _groups.Values;

    /// <summary>The same; enumerating them takes no lock.</summary>
    public IEnumerable<ClassicGroup> EachGroup => _groups.Select(g => g.Value);

    /// <summary>How long partitions of the offsets topic took to load.</summary>
    public LoadTimes Loads { get; }

    /// <summary>Partitions of the offsets topic led here, and how many of them are still loading.</summary>
    public (int All, int Loading) Partitions => (_owned.Count, _owned.Count(p => !p.Value.IsLoaded));

    /// <summary>Offsets that clients deleted since the start.</summary>
    public long Deletions => Interlocked.Read(ref _deletions);

    /// <summary>Offsets that aged since the start.</summary>
    public long Expirations => Interlocked.Read(ref _expirations);

    /// <summary>Offsets committed since the start.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    /// <summary>Rebalances completed since the start.</summary>
    public long RebalancesCompleted => Interlocked.Read(ref _rebalancesDone);

    /// <summary>Partition of the offsets topic that a group's records go to; -1 while the topic is not there (trap 46).</summary>
    public int PartitionFor(string groupId) =>
        _metadata.Current.Topic(InternalTopics.ConsumerOffsets) is { Partitions.Length: > 0 and int count }
            ? (int)((uint)(JavaHash(groupId) & int.MaxValue) % (uint)count) : -1;

    /// <summary>String.hashCode of Java, over UTF-16 units.</summary>
    internal static int JavaHash(string text)
    {
        int hash = 0;
        foreach (char c in text)
        {
            hash = unchecked((31 * hash) + c);
        }
        return hash;
    }

    /// <summary>Whether this broker may speak for the group now.</summary>
    private ErrorCode Check(string groupId, bool emptyAllowed = false)
    {
        if (groupId.Length == 0 && !emptyAllowed)
        {
            return ErrorCode.InvalidGroupId;
        }
        int partition = PartitionFor(groupId);
        return partition < 0 ? ErrorCode.CoordinatorNotAvailable
            : !_owned.TryGetValue(partition, out OwnedPartition? owned) ? ErrorCode.NotCoordinator
            : owned.IsLoaded ? ErrorCode.None : ErrorCode.CoordinatorLoadInProgress;
    }

    /// <summary>Whether groups are still being loaded: what is told of all groups is not whole then.</summary>
    public bool IsLoading => _owned.Values.Any(o => !o.IsLoaded);

    private ClassicGroup GetOrAdd(string groupId)
    {
        int partition = PartitionFor(groupId);
        return _groups.GetOrAdd(groupId, id => new ClassicGroup(id, partition));
    }

    /// <summary>Whether a group may be worked with, under its lock: it is not dead, and this broker did not resign between
    /// the look at its partition and the making of the group.</summary>
    private bool IsInUse(ClassicGroup group)
    {
        if (group.State == GroupState.Dead)
        {
            return false;
        }
        if (_owned.TryGetValue(group.Partition, out OwnedPartition? owned) && owned.IsLoaded)
        {
            return true;
        }
        group.MoveTo(GroupState.Dead, _clock.UnixMs);
        _groups.TryRemove(KeyValuePair.Create(group.GroupId, group));
        return false;
    }

    /// <summary>This broker leads a partition of the offsets topic: its groups are loaded in the background.</summary>
    public void OnBecameLeader(Partition partition)
    {
        var owned = new OwnedPartition();
        if (partition.Topic.Name == InternalTopics.ConsumerOffsets && _owned.TryAdd(partition.Index, owned))
        {
            _workers.Run(() => Load(partition, owned));
        }
    }

    /// <summary>This broker leads the partition no more: its groups are forgotten, their members told.</summary>
    public void OnResigned(TopicPartition partition)
    {
        if (partition.Topic != InternalTopics.ConsumerOffsets || !_owned.TryRemove(partition.Partition, out OwnedPartition? owned))
        {
            return;
        }
        lock (owned)
        {
            owned.IsOver = true;   // a load that still runs brings nothing in
            foreach (ClassicGroup group in _groups.Values.Where(g => g.Partition == partition.Partition))
            {
                Unload(group);
            }
        }
    }

    private void Unload(ClassicGroup group)
    {
        _groups.TryRemove(group.GroupId, out _);
        lock (group.Lock)
        {
            foreach (GroupMember member in group.Members)
            {
                member.Heartbeat.Cancel();
                member.AnswerJoin(JoinError(member.MemberId, ErrorCode.NotCoordinator));
                member.AnswerSync(new SyncGroupResponse { ErrorCode = ErrorCode.NotCoordinator });
            }
            foreach (GroupTimer pending in group.PendingMembers.Values)
            {
                pending.Cancel();
            }
            group.Rebalance?.Cancel();
            group.SyncDeadline?.Cancel();
            group.MoveTo(GroupState.Dead, _clock.UnixMs);
        }
    }

    private void Load(Partition partition, OwnedPartition owned)
    {
        long began = _clock.NowMs;
        var loader = new GroupLoader();
        try
        {
            loader.Read(partition.Log);
        }
        catch (IOException e)
        {
            LogLoadFailed(partition.Index, e.Message);
            return;   // stays in COORDINATOR_LOAD_IN_PROGRESS: nothing wrong is said
        }
        lock (owned)
        {
            if (owned.IsOver)
            {
                return;
            }
            foreach (string id in loader.Groups.Keys.Union(loader.Offsets.Where(o => o.Value.Count > 0).Select(o => o.Key)))
            {
                Restore(id, partition.Index, loader);
            }
            owned.IsLoaded = true;
        }
        Loads.Add(_clock.NowMs - began);
        LogLoaded(partition.Index, loader.Groups.Count, loader.Offsets.Values.Sum(o => o.Count), _clock.NowMs - began, loader.Unknown);
    }

    private void Restore(string id, int partitionIndex, GroupLoader loader)
    {
        var group = new ClassicGroup(id, partitionIndex);
        lock (group.Lock)
        {
            if (loader.Groups.TryGetValue(id, out GroupMetadataValue? value))
            {
                group.Generation = value.Generation;
                group.Protocol = value.Protocol;
                group.MoveTo(value.Members.Count == 0 ? GroupState.Empty : GroupState.Stable, value.CurrentStateTimestamp);
                foreach (GroupMetadataValue.MemberMetadata stored in value.Members)
                {
                    GroupMember member = NewMember(
                        group, stored.MemberId, stored.GroupInstanceId, stored.ClientId, stored.ClientHost, stored.SessionTimeout,
                        stored.RebalanceTimeout < 0 ? stored.SessionTimeout : stored.RebalanceTimeout, value.ProtocolType,
                        [KeyValuePair.Create(value.Protocol ?? "", stored.Subscription.ToArray())]);
                    member.Assignment = stored.Assignment.ToArray();
                    group.Add(member);
                    member.Heartbeat.Set(member.SessionTimeoutMs);
                }
                group.ProtocolType = value.ProtocolType;
                group.LeaderId = value.Leader;
                group.UpdateSubscribed();
            }
            foreach ((TopicPartition partition, CommittedOffset offset) in loader.Offsets.GetValueOrDefault(id, []))
            {
                group.Offsets[partition] = offset;
            }
            _groups[id] = group;
            if (group.Count > Options.SizeMax)
            {
                PrepareRebalance(group, $"it has more than the {Options.SizeMax} members that group.max.size allows");
            }
        }
    }

    /// <summary>Writes records of a group to its partition, and does not wait for the other replicas; the error is the one that
    /// clients understand.</summary>
    private ErrorCode Write(ClassicGroup group, IReadOnlyList<OffsetsLog.Entry> entries) => Append(group, entries).Error;

    private GroupWrite Append(ClassicGroup group, IReadOnlyList<OffsetsLog.Entry> entries)
    {
        if (_replicas.Partitions.Find(new TopicPartition(InternalTopics.ConsumerOffsets, group.Partition)) is not { } partition)
        {
            return new GroupWrite(ErrorCode.NotCoordinator, null, 0, 0);
        }
        AppendResult result = OffsetsLog.Append(partition, entries, _clock.UnixMs);
        return new GroupWrite(ErrorOf(result.Error), partition, result.LastOffset + 1, result.LeaderEpoch);
    }

    private static ErrorCode ErrorOf(ErrorCode append) => append switch
    {
        ErrorCode.NotLeaderOrFollower or ErrorCode.KafkaStorageError => ErrorCode.NotCoordinator,
        ErrorCode.UnknownTopicOrPartition or ErrorCode.NotEnoughReplicas or ErrorCode.NotEnoughReplicasAfterAppend
            => ErrorCode.CoordinatorNotAvailable,
        ErrorCode.MessageTooLarge or ErrorCode.RecordListTooLarge => ErrorCode.UnknownServerError,
        _ => append,
    };

    private ErrorCode WriteGroup(ClassicGroup group, IReadOnlyDictionary<string, byte[]>? assignments) =>
        AppendGroup(group, assignments).Error;

    private GroupWrite AppendGroup(ClassicGroup group, IReadOnlyDictionary<string, byte[]>? assignments) =>
        Append(group, [new OffsetsLog.Entry(OffsetsLog.GroupKey(group.GroupId), OffsetsLog.GroupValue(group, assignments))]);

    /// <summary>Waits until all in-sync replicas have what was written (offsets.commit.timeout.ms).</summary>
    private async ValueTask<ErrorCode> ReplicatedAsync(GroupWrite write) => write.Error != ErrorCode.None ? write.Error
        : ErrorOf(await write.Partition!.WhenReplicatedAsync(
            write.RequiredOffset, write.LeaderEpoch, Options.CommitTimeoutMs).ConfigureAwait(false));

    /// <summary>A partition of the offsets topic that this broker leads, until it resigns. <see cref="IsOver"/> belongs to
    /// its own monitor.</summary>
    private sealed class OwnedPartition
    {
        private volatile bool _isLoaded;

        public bool IsLoaded
        {
            get => _isLoaded;
            set => _isLoaded = value;
        }

        public bool IsOver { get; set; }
    }

    [LoggerMessage(5001, LogLevel.Information, "offsets partition {Partition}: {Groups} groups and {Offsets} offsets loaded in {Ms} ms ({Unknown} records of unknown types left alone)", EventName = "GroupsLoaded")]
    private partial void LogLoaded(int partition, int groups, int offsets, long ms, int unknown);

    [LoggerMessage(5002, LogLevel.Error, "offsets partition {Partition} could not be loaded: {Reason}", EventName = "GroupsLoadFailed")]
    private partial void LogLoadFailed(int partition, string reason);

    [LoggerMessage(5003, LogLevel.Information, "group {Group}: generation {Generation} with {Members} members ({Reason})", EventName = "Rebalanced")]
    private partial void LogGeneration(string group, int generation, int members, string reason);

    [LoggerMessage(5004, LogLevel.Information, "group {Group}: member {Member} is gone ({Reason})", EventName = "MemberGone")]
    private partial void LogMemberGone(string group, string member, string reason);
}
