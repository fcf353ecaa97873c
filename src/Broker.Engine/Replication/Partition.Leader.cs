using Broker.Protocol.Messages;

namespace Broker.Engine.Replication;

/// <summary>
/// Leading: how far the followers are, who of them is in sync, and by that the high watermark. Every change of these is made
/// under the partition's lock; only a partition without followers moves its high watermark as it appends, under the log's.
/// </summary>
internal sealed partial class Partition
{
    /// <summary>Steps of the in-sync history that are kept.</summary>
    private const int HistoryMax = 64;

    private const string SetByController = "set by the controller";
    private const string WithALeader = "as broker ";

    private readonly Queue<IsrChange> _history = new();

    /// <summary>The last changes of the in-sync replicas that this broker saw as leader, oldest first.</summary>
    public IReadOnlyList<IsrChange> IsrHistory
    {
        get
        {
            lock (_roleLock)
            {
                return [.. _history];
            }
        }
    }

    /// <summary>Whether a change came with a role, so that this leader does not know its cause.</summary>
    internal static bool CameWithARole(string cause) => cause == SetByController || cause.StartsWith(WithALeader, StringComparison.Ordinal);

    /// <summary>The least offset at which a live replica's log begins: what DeleteRecords waits for.</summary>
    public long LowWatermark
    {
        get
        {
            long low = Log.LogStartOffset;
            foreach (FollowerState follower in Role.Followers)
            {
                if (follower.LogStartOffset < low && _context.IsAlive(follower.BrokerId))
                {
                    low = follower.LogStartOffset;
                }
            }
            return low;
        }
    }

    /// <summary>min.insync.replicas, at most the replicas there are.</summary>
    public int EffectiveMinIsr(PartitionRole role) => Math.Min(Log.Config.MinInSyncReplicas, role.AssignedReplicas.Length);

    public bool IsUnderMinIsr(PartitionRole role) => role.InSyncReplicas.Length < EffectiveMinIsr(role);

    /// <summary>Milliseconds since a follower had every record.</summary>
    public long SinceCaughtUpMs(FollowerState follower) => Math.Max(0, _context.Clock.NowMs - follower.LastCaughtUpMs);

    /// <summary>Whether what a follower takes counts by the leaders' quota.</summary>
    public bool CountsByLeaderQuota => _context.LeaderQuota is { IsLimited: true }
        && Log.Config.LeaderThrottledReplicas.Contains(Index, _context.BrokerId);

    /// <summary>Whether a follower gets nothing now because the leaders' quota is used up. One in sync is never held up.</summary>
    public bool IsThrottled(int followerId) => CountsByLeaderQuota
        && Array.IndexOf(Role.InSyncReplicas, followerId) < 0 && _context.LeaderQuota!.IsExceeded;

    private PartitionRole Lead(PartitionRole held, PartitionRole asked)
    {
        bool newEpoch = !held.IsLeader || asked.LeaderEpoch > held.LeaderEpoch;
        if (!newEpoch && asked.PartitionEpoch == held.PartitionEpoch)
        {
            return held;   // told again: what was decided since stands
        }
        int[] others = Array.FindAll(asked.AssignedReplicas, r => r != _context.BrokerId);
        FollowerState[] followers = Array.ConvertAll(others, r => held.Follower(r) ?? new FollowerState(r));
        long start = Log.BeginReign(asked.LeaderEpoch, isAlone: followers.Length == 0);
        if (newEpoch)
        {
            long now = _context.Clock.NowMs;
            // An epoch that this broker never heard of was another's: its followers were cut by that leader, and may be shorter now.
            bool knowsFollowers = held.IsLeader && asked.LeaderEpoch == held.LeaderEpoch + 1;
            foreach (FollowerState follower in followers)
            {
                follower.Reset(now, start, isNewLeader: !knowsFollowers, Array.IndexOf(asked.InSyncReplicas, follower.BrokerId) >= 0);
            }
        }
        if (held.LeaderEpoch >= 0)
        {
            Remember(
                held.InSyncReplicas, asked.InSyncReplicas,
                held.IsLeader ? SetByController : $"{WithALeader}{asked.Leader} became leader in epoch {asked.LeaderEpoch}");
        }
        PartitionRole role = asked with
        {
            ReignEpoch = held.IsLeader ? held.ReignEpoch : asked.LeaderEpoch,
            EpochStartOffset = newEpoch ? start : held.EpochStartOffset,
            Followers = followers,
        };
        Volatile.Write(ref _role, role);
        TryAdvance(role);
        return role;
    }

    private void AdvanceAfterAppend()
    {
        if (Role.Followers.Length == 0)
        {
            return;   // the log has moved its high watermark as it appended
        }
        // The role is read after the append is visible: whoever changes it later sees the append.
        Interlocked.MemoryBarrier();
        PartitionRole role = Role;
        long end = Log.LogEndOffset;
        foreach (int replica in role.MaximalInSyncReplicas)
        {
            if (replica != _context.BrokerId && role.Follower(replica) is { } follower && follower.LogEndOffset < end)
            {
                return;   // the usual case: a follower has to fetch first
            }
        }
        bool advanced;
        lock (_roleLock)
        {
            advanced = TryAdvance(_role);
        }
        if (advanced)
        {
            ProduceWatchers.CheckAndComplete();
        }
    }

    /// <summary>Moves the high watermark to where all in-sync replicas are, and those that are about to become so
    /// (Kafka: Partition.maybeIncrementLeaderHW). Under the lock.</summary>
    private bool TryAdvance(PartitionRole role)
    {
        if (!role.IsLeader || IsUnderMinIsr(role))
        {
            return false;
        }
        long end = Log.LogEndOffset;
        long offset = end;
        foreach (FollowerState follower in role.Followers)
        {
            if (follower.LogEndOffset < offset
                && (role.MaximalInSyncReplicas.Contains(follower.BrokerId) || MayJoin(follower, end)))
            {
                offset = follower.LogEndOffset;
            }
        }
        return Log.AdvanceHighWatermark(offset);
    }

    private bool MayJoin(FollowerState follower, long end) =>
        follower.IsCaughtUp(end, _context.Clock.NowMs, _context.LagTimeMaxMs) && _context.IsAlive(follower.BrokerId);

    /// <summary>Takes a follower's fetch in: it has everything before the offset that it asks for.</summary>
    /// <param name="brokerId">The follower.</param>
    /// <param name="fetchOffset">Within the log.</param>
    /// <param name="logStartOffset">Where its log begins.</param>
    /// <param name="leaderEndOffset">This log's end when the fetch was looked at.</param>
    /// <param name="brokerEpoch">Its registration, or -1.</param>
    /// <param name="leaderEpoch">The epoch in which it asks, or -1: in another since, it may have been cut.</param>
    public void OnFollowerFetch(
        int brokerId, long fetchOffset, long logStartOffset, long leaderEndOffset, long brokerEpoch, int leaderEpoch = -1)
    {
        bool advanced = false;
        bool proposed = false;
        bool startMoved;
        lock (_roleLock)
        {
            PartitionRole role = _role;
            if (!role.IsLeader || role.Follower(brokerId) is not { } follower
                || (brokerEpoch >= 0 && brokerEpoch < follower.BrokerEpoch)
                || (leaderEpoch >= 0 && leaderEpoch != role.LeaderEpoch))
            {
                return;
            }
            startMoved = follower.LogStartOffset != logStartOffset;
            bool moved = follower.OnFetch(fetchOffset, logStartOffset, _context.Clock.NowMs, leaderEndOffset, brokerEpoch);
            if (role.Proposal is null && Array.IndexOf(role.InSyncReplicas, brokerId) < 0 && MayExpand(role, follower))
            {
                _role = role = role with
                {
                    Proposal = new IsrProposal(
                        [.. role.InSyncReplicas, brokerId], isExpansion: true, [brokerId], $"caught up at offset {fetchOffset}"),
                };
                proposed = true;
            }
            if (moved)
            {
                advanced = TryAdvance(role);
            }
        }
        if (proposed)
        {
            _context.Propose?.Invoke(this);
        }
        if (advanced)
        {
            Wake();
        }
        else if (startMoved)
        {
            DeleteWatchers.CheckAndComplete();
        }
    }

    /// <summary>Whether a follower has all that may be acknowledged, and all of earlier epochs.</summary>
    private bool MayExpand(PartitionRole role, FollowerState follower) =>
        follower.LogEndOffset >= HighWatermark && follower.LogEndOffset >= role.EpochStartOffset && _context.IsAlive(follower.BrokerId);

    /// <summary>Looks anew at whom the high watermark waits for: a follower that has died, or has been behind for too long, is waited
    /// for no more, and nothing else may come by to notice.</summary>
    public void Reconsider()
    {
        if (Role is not { IsLeader: true, Followers.Length: > 0 })
        {
            return;
        }
        bool advanced;
        lock (_roleLock)
        {
            advanced = TryAdvance(_role);
        }
        if (advanced)
        {
            Wake();
        }
    }

    /// <summary>Looks for in-sync replicas that have not been caught up for too long, and asks for their removal. From time to
    /// time.</summary>
    public void MaybeShrinkIsr()
    {
        lock (_roleLock)
        {
            PartitionRole role = _role;
            if (!role.IsLeader || role.Proposal is not null || role.InSyncReplicas.Length == 1)
            {
                return;
            }
            long end = Log.LogEndOffset;
            long now = _context.Clock.NowMs;
            int[] late = Array.FindAll(role.InSyncReplicas, r =>
                r != _context.BrokerId && !(role.Follower(r)?.IsCaughtUp(end, now, _context.LagTimeMaxMs) ?? false));
            if (late.Length == 0)
            {
                return;
            }
            FollowerState? first = role.Follower(late[0]);
            string cause = first is null ? "no longer assigned"
                : $"not caught up for {(first.WasCaughtUp ? now - first.LastCaughtUpMs : now)} ms: at offset {first.LogEndOffset} of {end}" +
                    (now - first.LastFetchMs > _context.LagTimeMaxMs ? ", and no longer fetching" : "");
            _role = role with
            {
                Proposal = new IsrProposal([.. role.InSyncReplicas.Except(late)], isExpansion: false, late, cause),
            };
        }
        _context.Propose?.Invoke(this);
    }

    /// <summary>The controller's answer to a proposal (Kafka: Partition.handleAlterPartitionUpdate and -Error).</summary>
    /// <returns>Whether to ask again.</returns>
    public bool OnProposalAnswered(IsrProposal proposal, ErrorCode error, int leaderEpoch, int partitionEpoch, int[] inSyncReplicas)
    {
        bool advanced;
        lock (_roleLock)
        {
            PartitionRole role = _role;
            if (!ReferenceEquals(role.Proposal, proposal))
            {
                return false;   // decided otherwise since
            }
            if (error is ErrorCode.OperationNotAttempted or ErrorCode.IneligibleReplica)
            {
                // Surely not done: who was proposed need not be waited for any more.
                _context.IsrUpdateFailed?.Invoke();
                _role = role with { Proposal = null };
                advanced = TryAdvance(_role);
            }
            else if (error != ErrorCode.None)
            {
                _context.IsrUpdateFailed?.Invoke();
                // What can only be known from a role that is on its way is left until it comes.
                return error is not (ErrorCode.FencedLeaderEpoch or ErrorCode.InvalidUpdateVersion or ErrorCode.InvalidRequest
                    or ErrorCode.NewLeaderElected or ErrorCode.UnknownTopicOrPartition or ErrorCode.UnknownTopicId);
            }
            else if (leaderEpoch > role.LeaderEpoch || partitionEpoch < role.PartitionEpoch)
            {
                return false;
            }
            else
            {
                if (Remember(role.InSyncReplicas, inSyncReplicas, proposal.Cause))
                {
                    _context.IsrChanged?.Invoke(proposal.IsExpansion);
                }
                role = role with { InSyncReplicas = inSyncReplicas, PartitionEpoch = partitionEpoch, Proposal = null };
                Volatile.Write(ref _role, role);
                advanced = TryAdvance(role);
            }
        }
        if (advanced)
        {
            Wake();
        }
        return false;
    }

    /// <summary>Enters who left and who joined; false when that is nobody.</summary>
    private bool Remember(int[] before, int[] after, string cause)
    {
        long now = _context.Clock.UnixMs;
        int had = _history.Count;
        foreach (int gone in before.Except(after))
        {
            _history.Enqueue(new IsrChange(now, gone, Joined: false, cause));
        }
        foreach (int joined in after.Except(before))
        {
            _history.Enqueue(new IsrChange(now, joined, Joined: true, cause));
        }
        bool changed = _history.Count > had;
        while (_history.Count > HistoryMax)
        {
            _history.Dequeue();
        }
        return changed;
    }

    /// <summary>Whether what was appended up to an offset is acknowledged by all in-sync replicas, or never will be by this
    /// leader.</summary>
    /// <param name="requiredOffset">The offset after the last record.</param>
    /// <param name="leaderEpoch">The epoch in which it was appended.</param>
    /// <param name="error">What to answer, when it need not be waited for.</param>
    public bool IsDecided(long requiredOffset, int leaderEpoch, out ErrorCode error)
    {
        bool replicated = HighWatermark >= requiredOffset;
        // After the high watermark: a reign that has not ended by now had not ended then.
        PartitionRole role = Role;
        if (!role.IsLeader || role.ReignEpoch > leaderEpoch)
        {
            error = ErrorCode.NotLeaderOrFollower;
            return true;
        }
        error = replicated && role.MaximalInSyncReplicas.Length < EffectiveMinIsr(role) ? ErrorCode.NotEnoughReplicasAfterAppend
            : Log.IsFailed ? ErrorCode.KafkaStorageError : ErrorCode.None;
        return replicated || Log.IsFailed;
    }

    /// <summary>Whether a fetcher's log parts from this one before the offset that it asks for (KIP-595).</summary>
    /// <param name="lastFetchedEpoch">Epoch of the last record that it has, -1 when it does not say.</param>
    /// <param name="fetchOffset">What it asks for.</param>
    /// <param name="divergence">Where to look next: the greatest epoch not above its own, and that epoch's end here.</param>
    /// <returns>None, whether it diverges or not; OffsetOutOfRange where that cannot be told.</returns>
    public ErrorCode CheckDivergence(int lastFetchedEpoch, long fetchOffset, out (int Epoch, long EndOffset)? divergence)
    {
        divergence = null;
        if (lastFetchedEpoch < 0)
        {
            return ErrorCode.None;
        }
        (int epoch, long endOffset) = Log.Epochs.EndOffsetFor(lastFetchedEpoch, Log.LogEndOffset);
        if (epoch < 0 || endOffset < 0 || fetchOffset < Log.LogStartOffset)
        {
            return ErrorCode.OffsetOutOfRange;
        }
        if (epoch < lastFetchedEpoch || endOffset < fetchOffset)
        {
            divergence = (epoch, endOffset);
        }
        return ErrorCode.None;
    }
}
