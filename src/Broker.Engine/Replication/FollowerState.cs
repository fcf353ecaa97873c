namespace Broker.Engine.Replication;

/// <summary>
/// What a leader knows of one follower, from its fetches: how far its log reaches and when it last had all. After Kafka's
/// Replica. Changed under the partition's lock; the log end may be read at any time.
/// </summary>
internal sealed class FollowerState(int brokerId)
{
    public const long Unknown = -1;

    /// <summary>It was never caught up in this reign.</summary>
    private const long Never = long.MinValue / 2;

    private long _logEndOffset = Unknown;
    private long _logStartOffset = Unknown;
    private long _leaderEndAtLastFetch = Unknown;
    private long _lastFetchMs = Never;
    private long _lastCaughtUpMs = Never;
    private long _toldHighWatermark = Unknown;

    public int BrokerId => brokerId;

    public long LogEndOffset => Volatile.Read(ref _logEndOffset);

    public long LogStartOffset => Volatile.Read(ref _logStartOffset);

    /// <summary>When it last had every record that the leader had, on the monotonic clock; far in the past for never.</summary>
    public long LastCaughtUpMs => Volatile.Read(ref _lastCaughtUpMs);

    /// <summary>Whether it was caught up at any time of this reign.</summary>
    public bool WasCaughtUp => LastCaughtUpMs > Never;

    public long LastFetchMs => Volatile.Read(ref _lastFetchMs);

    /// <summary>Number of its registration, as it said; -1 where it does not.</summary>
    public long BrokerEpoch { get; private set; } = -1;

    /// <summary>The high watermark that the last answer told it.</summary>
    public long ToldHighWatermark
    {
        get => Volatile.Read(ref _toldHighWatermark);
        set => Volatile.Write(ref _toldHighWatermark, value);
    }

    /// <summary>Takes a fetch in: a follower that asks from an offset has everything before it.</summary>
    /// <param name="fetchOffset">What it asks for next.</param>
    /// <param name="logStartOffset">Where its log begins.</param>
    /// <param name="nowMs">Monotonic now.</param>
    /// <param name="leaderEndOffset">The leader's log end when the fetch was read.</param>
    /// <param name="brokerEpoch">Its registration, or -1.</param>
    /// <returns>Whether its log end moved.</returns>
    public bool OnFetch(long fetchOffset, long logStartOffset, long nowMs, long leaderEndOffset, long brokerEpoch)
    {
        // One that reaches the end of the last fetch's time was caught up at that time: else a busy partition's follower,
        // always a fetch behind, would never be.
        if (fetchOffset >= leaderEndOffset)
        {
            Volatile.Write(ref _lastCaughtUpMs, Math.Max(_lastCaughtUpMs, nowMs));
        }
        else if (fetchOffset >= _leaderEndAtLastFetch)
        {
            Volatile.Write(ref _lastCaughtUpMs, Math.Max(_lastCaughtUpMs, _lastFetchMs));
        }
        bool moved = _logEndOffset != fetchOffset;
        Volatile.Write(ref _logStartOffset, logStartOffset);
        Volatile.Write(ref _logEndOffset, fetchOffset);
        _leaderEndAtLastFetch = Math.Max(leaderEndOffset, _leaderEndAtLastFetch);
        Volatile.Write(ref _lastFetchMs, nowMs);
        BrokerEpoch = brokerEpoch;
        return moved;
    }

    /// <summary>A leader epoch begins. A new leader knows nothing of the follower but whether it is in sync; one that goes on
    /// leading keeps what it knows.</summary>
    public void Reset(long nowMs, long leaderEndOffset, bool isNewLeader, bool isInSync)
    {
        Volatile.Write(ref _lastCaughtUpMs, isInSync ? nowMs : Never);
        _toldHighWatermark = Unknown;
        if (isNewLeader)
        {
            Volatile.Write(ref _logStartOffset, Unknown);
            Volatile.Write(ref _logEndOffset, Unknown);
            _leaderEndAtLastFetch = Unknown;
            Volatile.Write(ref _lastFetchMs, Never);
            BrokerEpoch = -1;
            return;
        }
        _leaderEndAtLastFetch = leaderEndOffset;
        Volatile.Write(ref _lastFetchMs, isInSync ? nowMs : Never);
    }

    /// <summary>Whether it has everything, or had within replica.lag.time.max.ms.</summary>
    public bool IsCaughtUp(long leaderEndOffset, long nowMs, long lagTimeMaxMs) =>
        _logEndOffset == leaderEndOffset || nowMs - _lastCaughtUpMs <= lagTimeMaxMs;
}
