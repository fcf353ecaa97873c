using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>Who may read a partition, and how far: followers of it to the log's end, consumers to the high watermark or the last
/// stable offset; consumers that can be sent to followers also where this broker does not lead (KIP-392).</summary>
internal sealed partial class FetchHandler
{
    /// <summary>First version whose consumers may read from followers.</summary>
    private const short FollowerReadVersion = 11;

    /// <summary>What a look at a partition found.</summary>
    /// <param name="Error">Why it cannot be read.</param>
    /// <param name="End">Nothing at or beyond it is read.</param>
    /// <param name="Divergence">Where the fetcher's log parts from this one: nothing is read then (KIP-595).</param>
    /// <param name="PreferredReplica">The replica in the consumer's rack that it is sent to, or -1: nothing is read then.</param>
    private readonly record struct ReadCheck(
        ErrorCode Error, long End = 0, (int Epoch, long EndOffset)? Divergence = null, int PreferredReplica = -1);

    private ReadCheck Check(in FetchTarget target, FetchOperation operation)
    {
        if (target.Replica is not { } replica)
        {
            return new ReadCheck(MissingError(target, operation));
        }
        ErrorCode error = replica.CheckLeaderEpoch(target.CurrentLeaderEpoch);
        if (error == ErrorCode.None)
        {
            error = CheckReader(replica.Role, target, operation);
        }
        if (error == ErrorCode.None && replica.Log.IsFailed)
        {
            error = ErrorCode.KafkaStorageError;
        }
        (int, long)? divergence = null;
        if (error == ErrorCode.None)
        {
            error = replica.CheckDivergence(target.LastFetchedEpoch, target.FetchOffset, out divergence);
        }
        if (error != ErrorCode.None || divergence is not null)
        {
            return new ReadCheck(error, 0, divergence);
        }
        long logEnd = replica.Log.LogEndOffset;
        if (target.FetchOffset < replica.Log.LogStartOffset || target.FetchOffset > logEnd)
        {
            return new ReadCheck(ErrorCode.OffsetOutOfRange);
        }
        return new ReadCheck(
            ErrorCode.None,
            operation.IsFollowerFetch ? logEnd : operation.IsReadCommitted ? replica.LastStableOffset : replica.HighWatermark,
            PreferredReplica: PreferredReplica(replica.Role, target, operation));
    }

    private int PreferredReplica(PartitionRole role, in FetchTarget target, FetchOperation operation)
    {
        if (_rackOf is null || !role.IsLeader || operation.IsFollowerFetch || operation.Request.RackId.Length == 0
            || operation.Arrival.Version < FollowerReadVersion)
        {
            return -1;
        }
        return RackAwareReplicaSelector.Select(role, operation.Request.RackId, target.FetchOffset, _rackOf);
    }

    /// <summary>Whether a follower that is behind gets nothing now, because the leaders' quota is used up.</summary>
    private static bool IsThrottled(in FetchTarget target, FetchOperation operation) =>
        operation.IsFollowerFetch && target.Replica!.IsThrottled(operation.ReplicaId);

    /// <summary>How long a fetch waits. A follower that the quota holds up is answered when that lets it go on: nothing else would
    /// wake it before its long poll ends, and in the meantime the throttle would not be used.</summary>
    private long WaitMs(FetchOperation operation)
    {
        long waitMs = operation.Request.MaxWaitMs;
        if (operation.IsFollowerFetch && _replicas.Context.LeaderQuota is { WaitMs: > 0 and var quotaMs } && quotaMs < waitMs)
        {
            foreach (ref FetchTarget target in operation.Targets)
            {
                if (target.Replica is not null && IsThrottled(target, operation))
                {
                    return quotaMs;
                }
            }
        }
        return waitMs;
    }

    private static ErrorCode CheckReader(PartitionRole role, in FetchTarget target, FetchOperation operation)
    {
        if (!role.IsLeader)
        {
            return operation.IsFollowerFetch || operation.Arrival.Version < FollowerReadVersion || role.Leader < 0
                ? ErrorCode.NotLeaderOrFollower : ErrorCode.None;
        }
        if (operation.IsFollowerFetch && role.Follower(operation.ReplicaId) is null)
        {
            // Perhaps a reassignment has added it, and this broker has not heard of it yet: one that names the epoch asks again.
            return target.CurrentLeaderEpoch >= 0 ? ErrorCode.UnknownLeaderEpoch : ErrorCode.NotLeaderOrFollower;
        }
        return ErrorCode.None;
    }

    /// <summary>A follower's fetch says how far it is.</summary>
    private void TakeFollower(FetchOperation operation)
    {
        foreach (ref FetchTarget target in operation.Targets)
        {
            if (target.Replica is { } replica)
            {
                // The end before the check: what is appended meanwhile does not make the follower late.
                long end = replica.Log.LogEndOffset;
                if (Check(target, operation) is { Error: ErrorCode.None, Divergence: null })
                {
                    replica.OnFollowerFetch(
                        operation.ReplicaId, target.FetchOffset, target.LogStartOffset, end, operation.ReplicaEpoch, target.CurrentLeaderEpoch);
                }
            }
        }
    }

    /// <summary>Whether a follower is to hear of a new high watermark at once: consumers read from it.</summary>
    private bool TellsHighWatermark(in FetchTarget target, FetchOperation operation) =>
        operation.IsFollowerFetch && _replicas.Context.TellsHighWatermarkAtOnce
        && target.Replica!.Role.Follower(operation.ReplicaId) is { } follower
        && follower.ToldHighWatermark < target.Replica.HighWatermark;
}
