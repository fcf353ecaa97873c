using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Replication;

/// <summary>Following: taking what the leader has, and cutting what it does not have. Called by the partition's one fetcher.</summary>
internal sealed partial class Partition
{
    /// <summary>Whether what is fetched counts by the followers' quota.</summary>
    public bool CountsByFollowerQuota => _context.FollowerQuota is { IsLimited: true }
        && Log.Config.FollowerThrottledReplicas.Contains(Index, _context.BrokerId);

    private PartitionRole Follow(PartitionRole asked)
    {
        Log.EndReign();
        Volatile.Write(ref _role, asked);
        return asked;
    }

    /// <summary>Appends what the leader sent and follows its marks (Kafka: ReplicaFetcherThread.processPartitionData).</summary>
    /// <param name="records">Batches; the last may be cut.</param>
    /// <param name="leaderHighWatermark">The leader's high watermark.</param>
    /// <param name="leaderLogStartOffset">The leader's first offset.</param>
    public FollowerAppend AppendAsFollower(ReadOnlySpan<byte> records, long leaderHighWatermark, long leaderLogStartOffset)
    {
        FollowerAppend appended = records.IsEmpty ? default : Log.AppendAsFollower(records, _context.Clock.UnixMs);
        if (appended.Error != ErrorCode.None)
        {
            return appended;
        }
        bool advanced = Log.AdvanceHighWatermark(leaderHighWatermark);
        Log.FollowLogStart(leaderLogStartOffset);
        if (advanced)
        {
            FetchWatchers.CheckAndComplete();   // consumers that read from this replica
        }
        return appended;
    }

    /// <summary>Cuts what the leader does not have. What lies below the high watermark goes only after an unclean election.</summary>
    public void TruncateTo(long offset) => Log.TruncateTo(offset);

    /// <summary>Begins anew where the leader's log begins.</summary>
    public void TruncateFullyAndStartAt(long offset) => Log.TruncateFullyAndStartAt(offset);

    /// <summary>Where this log parts from the leader's, by the leader's answer on the epoch last fetched (KIP-101, KIP-279, KIP-595;
    /// Kafka: AbstractFetcherThread.getOffsetTruncationState). Another round may follow: an epoch that only one of the two knows
    /// is cut off first.</summary>
    /// <param name="leaderEpoch">The greatest epoch of the leader that is not above the one asked for, -1 for none.</param>
    /// <param name="leaderEndOffset">Where it ends in the leader's log, -1 where that is not known.</param>
    /// <returns>The offset to cut at.</returns>
    public long FindTruncation(int leaderEpoch, long leaderEndOffset)
    {
        long end = Log.LogEndOffset;
        if (leaderEndOffset < 0)
        {
            return HighWatermark;
        }
        if (leaderEpoch < 0)
        {
            return Math.Min(leaderEndOffset, end);
        }
        (int ownEpoch, long ownEnd) = Log.Epochs.EndOffsetFor(leaderEpoch, end);
        return ownEpoch < 0 ? Math.Min(leaderEndOffset, end)
            : ownEpoch == leaderEpoch ? Math.Min(Math.Min(ownEnd, leaderEndOffset), end) : Math.Min(ownEnd, end);
    }
}
