using Broker.Engine.Storage.Files;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Coordination.Embedded;

/// <summary>
/// The tree inside the host. Its parties live in the same process, so what they see is one lock away; what must outlive the
/// host is in the journal before it is answered. Ephemeral nodes and sessions end with the host. Thread-safe.
/// </summary>
internal sealed partial class EmbeddedStore : ICoordinationStore
{
    private readonly Lock _lock = new();
    private readonly NodeTree _tree = new();
    private readonly PendingChanges _pending;
    private readonly Dictionary<long, EmbeddedSession> _sessions = [];
    private readonly Journal _journal;
    private readonly MonotonicClock _clock;
    private readonly ITimer _expiry;
    private readonly ILogger _logger;
    private long _nextSession;
    private long _checkedMs;
    private bool _disposed;

    private const int ExpiryCheckMs = 1000;

    /// <param name="disk">The disk.</param>
    /// <param name="directory">Where the journal lies; this process alone uses it.</param>
    /// <param name="clock">For session timeouts and times of nodes.</param>
    /// <param name="logger">The host's log.</param>
    /// <exception cref="CoordinationStoreException">The directory is in use, not writable, or damaged.</exception>
    public EmbeddedStore(Disk disk, string directory, MonotonicClock clock, ILogger logger)
    {
        _clock = clock;
        _logger = logger;
        _journal = Journal.Open(disk, directory, _tree);
        _pending = new PendingChanges(_tree);
        _nextSession = _tree.Zxid;
        _checkedMs = clock.NowMs;
        TimeSpan period = TimeSpan.FromMilliseconds(ExpiryCheckMs);
        _expiry = clock.Time.CreateTimer(_ => ExpireSessions(), null, period, period);
    }

    public ValueTask<ICoordinationSession> OpenSessionAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var session = new EmbeddedSession(this, ++_nextSession, timeout) { HeardMs = _clock.NowMs };
            _sessions.Add(session.Id, session);
            return new ValueTask<ICoordinationSession>(session);
        }
    }

    /// <summary>Carries operations out as one transaction.</summary>
    /// <param name="session">Who asks.</param>
    /// <param name="operations">What.</param>
    /// <param name="guard">Holds access lists against who asks; the host's own brokers, who have none, may do everything.</param>
    internal MultiResult Execute(EmbeddedSession session, IReadOnlyList<CoordinationOperation> operations, AccessGuard? guard = null)
    {
        lock (_lock)
        {
            if (session.HasEnded)
            {
                return new MultiResult(CoordinationError.SessionExpired, 0, []);
            }
            session.HeardMs = _clock.NowMs;
            var changes = new List<Change>(operations.Count);
            CoordinationError error = _pending.TryAccept(session.Id, operations, changes, out int failed, guard);
            if (error != CoordinationError.None)
            {
                _pending.Clear();
                return new MultiResult(error, failed, []);
            }
            var results = new OperationResult[changes.Count];
            error = Commit(changes, results);
            return new MultiResult(error, error == CoordinationError.None ? -1 : 0, error == CoordinationError.None ? results : []);
        }
    }

    private CoordinationError Commit(List<Change> changes, OperationResult[]? results)
    {
        var transaction = new Transaction(_tree.Zxid + 1, _clock.UnixMs, changes);
        _pending.Clear();
        if (changes.Exists(c => JournalFormat.IsStored(c)))
        {
            try
            {
                _journal.Append(transaction, _tree);
            }
            catch (IOException e)
            {
                LogJournalFailed(e.Message);
                return CoordinationError.ConnectionLoss;
            }
        }
        for (int i = 0; i < changes.Count; i++)
        {
            NodeStat stat = _tree.Apply(changes[i], transaction.Zxid, transaction.TimeMs);
            if (results is not null)
            {
                results[i] = new OperationResult(CoordinationError.None, changes[i].Path, stat);
            }
        }
        _tree.Advance(transaction.Zxid);
        foreach (Change change in changes)
        {
            Tell(change);
            Committed?.Invoke(change);
        }
        return CoordinationError.None;
    }

    internal GetResult Get(EmbeddedSession session, string path)
    {
        lock (_lock)
        {
            return !Hear(session) ? new GetResult(CoordinationError.SessionExpired, default, default)
                : _tree.Find(path) is { } node ? new GetResult(CoordinationError.None, node.Data, node.Stat)
                : new GetResult(CoordinationError.NoNode, default, default);
        }
    }

    internal ChildrenResult Children(EmbeddedSession session, string path)
    {
        lock (_lock)
        {
            if (!Hear(session))
            {
                return new ChildrenResult(CoordinationError.SessionExpired, [], default);
            }
            if (_tree.Find(path) is not { } node)
            {
                return new ChildrenResult(CoordinationError.NoNode, [], default);
            }
            string[] names = node.Children is null ? [] : [.. node.Children];
            Array.Sort(names, StringComparer.Ordinal);
            return new ChildrenResult(CoordinationError.None, names, node.Stat);
        }
    }

    private bool Hear(EmbeddedSession session)
    {
        session.HeardMs = _clock.NowMs;
        return !session.HasEnded;
    }

    internal CoordinationError Heartbeat(EmbeddedSession session)
    {
        lock (_lock)
        {
            return Hear(session) ? CoordinationError.None : CoordinationError.SessionExpired;
        }
    }

    internal void Close(EmbeddedSession session)
    {
        lock (_lock)
        {
            if (!_sessions.Remove(session.Id))
            {
                return;
            }
            var changes = new List<Change>();
            _pending.AcceptClose(session.Id, changes);
            Commit(changes, results: null);
            DropWatches(session);
        }
        session.End();
    }

    /// <summary>Ends sessions that were not heard of for their timeout. When the process itself stood still (a suspended
    /// machine, SIGSTOP), nobody could have been heard: all get their time anew.</summary>
    internal void ExpireSessions()
    {
        List<EmbeddedSession> expired = [];
        lock (_lock)
        {
            long now = _clock.NowMs;
            bool stoodStill = now - _checkedMs > 5 * ExpiryCheckMs;
            _checkedMs = now;
            foreach (EmbeddedSession session in _sessions.Values)
            {
                if (stoodStill)
                {
                    session.HeardMs = now;
                }
                else if (now - session.HeardMs > session.Timeout.TotalMilliseconds)
                {
                    expired.Add(session);
                }
            }
        }
        foreach (EmbeddedSession session in expired)
        {
            LogExpired(session.Id, session.Timeout.TotalMilliseconds);
            Close(session);
        }
    }

    public ValueTask DisposeAsync()
    {
        EmbeddedSession[] open;
        lock (_lock)
        {
            if (_disposed)
            {
                return default;
            }
            _disposed = true;
            open = [.. _sessions.Values];
        }
        _expiry.Dispose();
        Array.ForEach(open, Close);
        lock (_lock)
        {
            _journal.Dispose();
        }
        return default;
    }

    [LoggerMessage(8001, LogLevel.Critical, "the cluster's journal failed, no change of cluster state is possible any more: {Reason}", EventName = "JournalFailed")]
    private partial void LogJournalFailed(string reason);

    [LoggerMessage(8002, LogLevel.Warning, "session {Session} was not heard of for {TimeoutMs} ms and has expired", EventName = "SessionExpired")]
    private partial void LogExpired(long session, double timeoutMs);
}
