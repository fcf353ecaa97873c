using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>
/// The broker's fetch sessions, at most max.incremental.fetch.session.cache.slots. A new one takes the place of one that
/// has been idle for two minutes, or of a smaller one as old; a follower's also of any consumer's as old (Kafka:
/// FetchSessionCache). Thread-safe.
/// </summary>
internal sealed class FetchSessionCache(int slotsMax, Random random)
{
    /// <summary>Milliseconds after which an idle session may be evicted (Kafka: KafkaBroker.MinIncrementalFetchSessionEvictionMs).</summary>
    public const long EvictionMs = 120_000;

    /// <summary>final_epoch of KIP-227: the request ends its session.</summary>
    public const int FinalEpoch = -1;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, FetchSession> _sessions = [];
    private long _evictions;

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _sessions.Count;
            }
        }
    }

    public int PartitionCount
    {
        get
        {
            lock (_lock)
            {
                return _sessions.Values.Sum(s => s.Count);
            }
        }
    }

    public long Evictions => Interlocked.Read(ref _evictions);

    /// <summary>Finds out what a request means by its session id and epoch.</summary>
    /// <param name="sessionId">0 for none.</param>
    /// <param name="epoch">0 begins, -1 ends or has no session.</param>
    /// <param name="byTopicId">Whether the request names topics by id.</param>
    /// <param name="partitions">Partitions named: a session is worth keeping only for some.</param>
    /// <param name="isFollower">Whether a follower asks: its session is worth more than a consumer's.</param>
    /// <param name="nowMs">Monotonic now.</param>
    public FetchContextResult Begin(int sessionId, int epoch, bool byTopicId, int partitions, bool isFollower, long nowMs)
    {
        lock (_lock)
        {
            if (epoch is 0 or FinalEpoch)
            {
                // A full request ends the session it names, if there is one.
                _sessions.Remove(sessionId);
                return epoch == FinalEpoch || partitions == 0
                    ? new FetchContextResult(FetchContext.Sessionless, null, ErrorCode.None)
                    : Make(byTopicId, partitions, isFollower, nowMs);
            }
            if (!_sessions.TryGetValue(sessionId, out FetchSession? session))
            {
                return new FetchContextResult(FetchContext.Error, null, ErrorCode.FetchSessionIdNotFound);
            }
            if (session.NextEpoch != epoch || session.InUse)
            {
                return new FetchContextResult(FetchContext.Error, null, ErrorCode.InvalidFetchSessionEpoch);
            }
            if (session.ByTopicId != byTopicId)
            {
                return new FetchContextResult(FetchContext.Error, null, ErrorCode.FetchSessionTopicIdError);
            }
            session.NextEpoch = FetchSession.After(epoch);
            session.LastUsedMs = nowMs;
            session.InUse = true;
            return new FetchContextResult(FetchContext.Incremental, session, ErrorCode.None);
        }
    }

    private FetchContextResult Make(bool byTopicId, int partitions, bool isFollower, long nowMs)
    {
        if (_sessions.Count >= slotsMax && !Evict(partitions, isFollower, nowMs))
        {
            return new FetchContextResult(FetchContext.Sessionless, null, ErrorCode.None);
        }
        int id;
        do
        {
            id = random.Next(1, int.MaxValue);
        }
        while (_sessions.ContainsKey(id));
        var session = new FetchSession(id, byTopicId, nowMs) { InUse = true, IsFollower = isFollower };
        _sessions.Add(id, session);
        return new FetchContextResult(FetchContext.Full, session, ErrorCode.None);
    }

    private bool Evict(int partitions, bool isFollower, long nowMs)
    {
        FetchSession? victim = null;
        foreach (FetchSession session in _sessions.Values)
        {
            bool stale = nowMs - session.LastUsedMs > EvictionMs;
            bool lesser = nowMs - session.CreatedMs > EvictionMs
                && (session.IsFollower == isFollower ? session.Count < partitions : isFollower);
            if ((stale || lesser) && !session.InUse && (victim is null || session.LastUsedMs < victim.LastUsedMs))
            {
                victim = session;
            }
        }
        if (victim is null)
        {
            return false;
        }
        _sessions.Remove(victim.Id);
        Interlocked.Increment(ref _evictions);
        return true;
    }

    /// <summary>The request is done with its session.</summary>
    public void Leave(FetchSession session)
    {
        lock (_lock)
        {
            session.InUse = false;
        }
    }

    /// <summary>Ends a session: a request of it was in vain, or it has no partition left.</summary>
    public void Remove(FetchSession session)
    {
        lock (_lock)
        {
            _sessions.Remove(session.Id);
        }
    }
}
