using Broker.Engine.Purgatory;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Replication;

/// <summary>This broker's role in a partition, as the controller last set it. Immutable.</summary>
/// <param name="Leader">The leader's broker id, -1 for none.</param>
/// <param name="LeaderEpoch">Rises with every election.</param>
/// <param name="PartitionEpoch">Version of the partition's state in the tree.</param>
/// <param name="IsLeader">Whether it is this broker.</param>
/// <param name="AssignedReplicas">All replicas; the first is the preferred leader.</param>
/// <param name="InSyncReplicas">Those that have all acknowledged records.</param>
internal sealed record PartitionRole(
    int Leader, int LeaderEpoch, int PartitionEpoch, bool IsLeader, int[] AssignedReplicas, int[] InSyncReplicas)
{
    public static readonly PartitionRole None = new(-1, -1, -1, IsLeader: false, [], []);
}

/// <summary>
/// A partition that this broker holds a replica of: its log, its role and its high watermark. The owner thread appends; any
/// thread may read. After Kafka's Partition. Thread-safe.
/// </summary>
internal sealed class Partition
{
    private readonly Lock _roleLock = new();
    private PartitionRole _role = PartitionRole.None;
    private long _highWatermark;
    private PartitionLog _log;

    public Partition(HostedTopic topic, int index, PartitionLog log, int ownerThread, long highWatermark)
    {
        Topic = topic;
        Index = index;
        _log = log;
        OwnerThread = ownerThread;
        _highWatermark = Math.Clamp(highWatermark, log.LogStartOffset, log.LogEndOffset);
    }

    public HostedTopic Topic { get; }

    public int Index { get; }

    public TopicPartition Id => new(Topic.Name, Index);

    /// <summary>The log; another takes its place when it has moved to another log directory.</summary>
    public PartitionLog Log => Volatile.Read(ref _log);

    /// <summary>The log lies in another directory now. Nothing is appended to the old one while this is called, nor after.</summary>
    public void Replace(PartitionLog log) => Volatile.Write(ref _log, log);

    /// <summary>Appends to the log; one that moved away under the append is appended to where it is now.</summary>
    private AppendResult Append(Span<byte> records, short produceVersion, long nowMs, int leaderEpoch, bool isCoordinator)
    {
        while (true)
        {
            PartitionLog log = Log;
            AppendResult result = isCoordinator
                ? log.AppendFromCoordinator(records, nowMs, leaderEpoch) : log.AppendAsLeader(records, produceVersion, nowMs, leaderEpoch);
            if (result.Error != ErrorCode.NotLeaderOrFollower || log == Log)
            {
                return result;
            }
        }
    }

    /// <summary>The network thread that appends, or -1 when any may.</summary>
    public int OwnerThread { get; }

    public PartitionRole Role => Volatile.Read(ref _role);

    /// <summary>Below it every record is on all in-sync replicas: what consumers may see.</summary>
    public long HighWatermark => Volatile.Read(ref _highWatermark);

    /// <summary>Below it no transaction is open: what read_committed consumers may see.</summary>
    public long LastStableOffset => HighWatermark;

    /// <summary>Fetches that wait for the log to grow.</summary>
    public WatchList FetchWatchers { get; } = new();

    /// <summary>Produces that wait for the high watermark.</summary>
    public WatchList ProduceWatchers { get; } = new();

    /// <summary>Takes the role the controller gives; false when it is older than the one held.</summary>
    /// <returns>Whether the role was taken, and whether this broker became leader by it.</returns>
    public (bool Taken, bool BecameLeader) SetRole(PartitionRole role)
    {
        lock (_roleLock)
        {
            if (role.LeaderEpoch < _role.LeaderEpoch
                || (role.LeaderEpoch == _role.LeaderEpoch && role.PartitionEpoch < _role.PartitionEpoch))
            {
                return (false, false);
            }
            bool became = role.IsLeader && (!_role.IsLeader || role.LeaderEpoch > _role.LeaderEpoch);
            if (became)
            {
                Log.Epochs.Assign(role.LeaderEpoch, Log.LogEndOffset);
            }
            Volatile.Write(ref _role, role);
            if (role.IsLeader)
            {
                AdvanceHighWatermark(role);
            }
            return (true, became);
        }
    }

    /// <summary>Appends a client's batch, if this broker leads.</summary>
    public AppendResult AppendAsLeader(Span<byte> records, short produceVersion, long nowMs)
    {
        PartitionRole role = Role;
        if (!role.IsLeader)
        {
            return AppendResult.Failed(ErrorCode.NotLeaderOrFollower, null);
        }
        AppendResult result = Append(records, produceVersion, nowMs, role.LeaderEpoch, isCoordinator: false);
        if (result.Error == ErrorCode.None && !result.IsDuplicate)
        {
            AdvanceHighWatermark(role);
        }
        return result;
    }

    /// <summary>Appends a batch that one of this broker's coordinators built, if this broker leads.</summary>
    public AppendResult AppendFromCoordinator(Span<byte> batch, long nowMs)
    {
        PartitionRole role = Role;
        if (!role.IsLeader)
        {
            return AppendResult.Failed(ErrorCode.NotLeaderOrFollower, null);
        }
        AppendResult result = Append(batch, 0, nowMs, role.LeaderEpoch, isCoordinator: true);
        if (result.Error == ErrorCode.None)
        {
            AdvanceHighWatermark(role);
        }
        return result;
    }

    /// <summary>Lets what waits for the log or the high watermark see the change. Outside any lock.</summary>
    public void Wake()
    {
        FetchWatchers.CheckAndComplete();
        ProduceWatchers.CheckAndComplete();
    }

    /// <summary>With one in-sync replica the high watermark is the log's end.</summary>
    private void AdvanceHighWatermark(PartitionRole role)
    {
        if (role.InSyncReplicas.Length > 1)
        {
            return;
        }
        long end = Log.LogEndOffset;
        long seen = Volatile.Read(ref _highWatermark);
        while (seen < end)
        {
            long was = Interlocked.CompareExchange(ref _highWatermark, end, seen);
            if (was == seen)
            {
                return;
            }
            seen = was;
        }
    }

    /// <summary>Whether a request that names a leader epoch may be served (trap 39; Kafka Partition.checkCurrentLeaderEpoch).</summary>
    public ErrorCode CheckLeaderEpoch(int requested)
    {
        int current = Role.LeaderEpoch;
        return requested < 0 || requested == current ? ErrorCode.None
            : requested < current ? ErrorCode.FencedLeaderEpoch : ErrorCode.UnknownLeaderEpoch;
    }
}
