using Broker.Engine.Purgatory;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Replication;

/// <summary>
/// A partition that this broker holds a replica of: its log and its role. A leader's owner thread appends, a follower's fetcher
/// does; any thread may read. This part holds the state and appends; the others lead and follow. After Kafka's Partition.
/// Thread-safe.
/// </summary>
internal sealed partial class Partition
{
    /// <summary>acks of a producer that waits for all in-sync replicas.</summary>
    public const short AllReplicas = -1;

    private readonly Lock _roleLock = new();
    private readonly ReplicationContext _context;
    private PartitionRole _role = PartitionRole.None;

    public Partition(HostedTopic topic, int index, PartitionLog log, int ownerThread, long highWatermark, ReplicationContext context)
    {
        Topic = topic;
        Index = index;
        Log = log;
        OwnerThread = ownerThread;
        _context = context;
        log.AdvanceHighWatermark(highWatermark);
    }

    public HostedTopic Topic { get; }

    public int Index { get; }

    public TopicPartition Id => new(Topic.Name, Index);

    public PartitionLog Log { get; }

    /// <summary>The network thread that appends, or -1 when any may.</summary>
    public int OwnerThread { get; }

    public PartitionRole Role => Volatile.Read(ref _role);

    /// <summary>Below it every record is on all in-sync replicas: what consumers may see.</summary>
    public long HighWatermark => Log.HighWatermark;

    /// <summary>Below it no transaction is open: what read_committed consumers may see.</summary>
    public long LastStableOffset => Log.LastStableOffset;

    /// <summary>Fetches that wait for the log to grow, or for the high watermark.</summary>
    public WatchList FetchWatchers { get; } = new();

    /// <summary>Produces that wait for the high watermark.</summary>
    public WatchList ProduceWatchers { get; } = new();

    /// <summary>Deletions of records that wait for the replicas' logs to begin later.</summary>
    public WatchList DeleteWatchers { get; } = new();

    /// <summary>Appends a client's batch, if this broker leads.</summary>
    public AppendResult AppendAsLeader(Span<byte> records, short produceVersion, long nowMs, short acks)
    {
        PartitionRole role = Role;
        while (true)
        {
            if (CheckAppend(role, acks) is var error && error != ErrorCode.None)
            {
                return AppendResult.Failed(error, null);
            }
            AppendResult result = Log.AppendAsLeader(records, produceVersion, nowMs, role.LeaderEpoch);
            if (!IsOvertaken(result, ref role))
            {
                return Appended(result, role);
            }
        }
    }

    /// <summary>Appends a batch that one of this broker's coordinators built, if this broker leads.</summary>
    public AppendResult AppendFromCoordinator(Span<byte> batch, long nowMs)
    {
        PartitionRole role = Role;
        while (true)
        {
            if (CheckAppend(role, AllReplicas) is var error && error != ErrorCode.None)
            {
                return AppendResult.Failed(error, null);
            }
            AppendResult result = Log.AppendFromCoordinator(batch, nowMs, role.LeaderEpoch);
            if (!IsOvertaken(result, ref role))
            {
                return Appended(result, role);
            }
        }
    }

    /// <summary>Whether a batch came between two epochs of one reign: then it belongs to the second.</summary>
    private bool IsOvertaken(in AppendResult result, ref PartitionRole role)
    {
        if (result.Error != ErrorCode.NotLeaderOrFollower)
        {
            return false;
        }
        lock (_roleLock)
        {
            bool overtaken = _role.IsLeader && _role.LeaderEpoch != role.LeaderEpoch;
            role = _role;
            return overtaken;
        }
    }

    private AppendResult Appended(AppendResult result, PartitionRole role)
    {
        result.LeaderEpoch = role.LeaderEpoch;
        if (result.Error == ErrorCode.None && !result.IsDuplicate)
        {
            AdvanceAfterAppend();
        }
        return result;
    }

    /// <summary>Waits until all in-sync replicas have what was appended.</summary>
    /// <param name="requiredOffset">The offset after the last record.</param>
    /// <param name="leaderEpoch">The epoch in which it was appended.</param>
    /// <param name="timeoutMs">How long.</param>
    public ValueTask<ErrorCode> WhenReplicatedAsync(long requiredOffset, int leaderEpoch, long timeoutMs)
    {
        if (IsDecided(requiredOffset, leaderEpoch, out ErrorCode error) || _context.ProducePurgatory is not { } purgatory)
        {
            return new(error);
        }
        var wait = new ReplicatedWait(this, requiredOffset, leaderEpoch);
        purgatory.TryCompleteElseWatch(wait, [ProduceWatchers], timeoutMs);
        return new(wait.Done);
    }

    private ErrorCode CheckAppend(PartitionRole role, short acks) =>
        !role.IsLeader ? ErrorCode.NotLeaderOrFollower
        : acks == AllReplicas && IsUnderMinIsr(role) ? ErrorCode.NotEnoughReplicas : ErrorCode.None;

    /// <summary>Lets what waits for the log to grow see an append. Outside any lock.</summary>
    public void WakeFetches() => FetchWatchers.CheckAndComplete();

    /// <summary>Lets what waits for the log or the high watermark see the change. Outside any lock.</summary>
    public void Wake()
    {
        FetchWatchers.CheckAndComplete();
        ProduceWatchers.CheckAndComplete();
        DeleteWatchers.CheckAndComplete();
    }

    /// <summary>Whether a request that names a leader epoch may be served (trap 39; Kafka Partition.checkCurrentLeaderEpoch).</summary>
    public ErrorCode CheckLeaderEpoch(int requested)
    {
        int current = Role.LeaderEpoch;
        return requested < 0 || requested == current ? ErrorCode.None
            : requested < current ? ErrorCode.FencedLeaderEpoch : ErrorCode.UnknownLeaderEpoch;
    }

    /// <summary>Takes the role the controller gives; not when it is older than the one held. The caller has stopped fetching for
    /// the partition and calls <see cref="Wake"/> afterwards.</summary>
    public RoleChange SetRole(PartitionRole asked)
    {
        lock (_roleLock)
        {
            PartitionRole held = _role;
            if (asked.LeaderEpoch < held.LeaderEpoch
                || (asked.LeaderEpoch == held.LeaderEpoch && asked.PartitionEpoch < held.PartitionEpoch))
            {
                return new RoleChange(IsTaken: false, held, held);
            }
            PartitionRole taken = asked.IsLeader ? Lead(held, asked) : Follow(asked);
            return new RoleChange(IsTaken: true, held, taken);
        }
    }
}

/// <summary>What a role given did.</summary>
/// <param name="IsTaken">False for one that is older than the one held.</param>
/// <param name="Before">The role before.</param>
/// <param name="After">The role now.</param>
internal readonly record struct RoleChange(bool IsTaken, PartitionRole Before, PartitionRole After)
{
    /// <summary>A reign began: the first, or one of another epoch.</summary>
    public bool BecameLeader => IsTaken && After.IsLeader && (!Before.IsLeader || After.LeaderEpoch > Before.LeaderEpoch);

    public bool Resigned => IsTaken && Before.IsLeader && !After.IsLeader;
}
