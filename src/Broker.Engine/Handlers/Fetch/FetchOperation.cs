using System.Diagnostics;
using Broker.Engine.Purgatory;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>
/// One Fetch request, from its arrival through a wait, if it must wait, to its answer. The bytes are looked up only when the
/// answer is written, on the connection's thread. A connection's operations are used again, wait included, so that a long
/// poll allocates nothing.
/// </summary>
internal sealed class FetchOperation : PendingResponse
{
    private readonly FetchHandler _handler;
    private FetchTarget[] _own = new FetchTarget[4];
    private WatchList[] _watched = new WatchList[4];

    public FetchOperation(FetchHandler handler)
    {
        _handler = handler;
        Delayed = new DelayedFetch(this);
    }

    public bool BelongsTo(FetchHandler handler) => _handler == handler;

    public FetchRequest Request { get; } = new();

    public FetchResponse Response { get; } = new();

    public DelayedFetch Delayed { get; }

    public FetchContext Context { get; set; }

    public FetchSession? Session { get; set; }

    /// <summary>An error of the request as a whole.</summary>
    public ErrorCode Error { get; set; }

    /// <summary>The broker id of a follower, or -1 for a consumer.</summary>
    public int ReplicaId { get; set; }

    /// <summary>The follower's registration, or -1.</summary>
    public long ReplicaEpoch { get; set; }

    public override bool WorksWhileWriting => true;

    public override bool IsFollowerFetch => ReplicaId >= 0;

    public bool IsReadCommitted => Request.IsolationLevel == 1;

    /// <summary>Partitions to look at: the session's, or the request's own.</summary>
    public Span<FetchTarget> Targets => Session is { } session ? session.Targets.AsSpan(0, session.Count) : _own.AsSpan(0, OwnCount);

    public int OwnCount { get; private set; }

    public void Prepare()
    {
        OwnCount = 0;
        Session = null;
        Error = ErrorCode.None;
    }

    public ref FetchTarget AddOwn()
    {
        if (OwnCount == _own.Length)
        {
            Array.Resize(ref _own, OwnCount * 2);
        }
        _own[OwnCount] = default;
        return ref _own[OwnCount++];
    }

    /// <summary>What the fetch waits for: every partition's log.</summary>
    public ReadOnlySpan<WatchList> Watched()
    {
        Span<FetchTarget> targets = Targets;
        if (_watched.Length < targets.Length)
        {
            _watched = new WatchList[targets.Length * 2];
        }
        int count = 0;
        foreach (ref FetchTarget target in targets)
        {
            if (target.Replica is { } replica)
            {
                _watched[count++] = replica.FetchWatchers;
            }
        }
        return _watched.AsSpan(0, count);
    }

    /// <summary>Whether the answer need not wait any longer.</summary>
    public bool IsSatisfied() => _handler.IsSatisfied(this);

    protected internal override void Write(KafkaWriter writer)
    {
        _handler.FillResponse(this);
        Response.Write(writer, Arrival.Version);
    }

    protected internal override void CountErrors(IErrorCounter counter) => Response.CountErrors(counter, Arrival.Version);

    protected internal override void Release()
    {
        Array.Clear(_own, 0, OwnCount);
        if (Session is { } session)
        {
            Session = null;
            _handler.Sessions.Leave(session);
        }
        _handler.Return(this);
    }

    protected internal override bool TryAbandon()
    {
        if (!Delayed.Abandon())
        {
            return false;
        }
        Complete(Stopwatch.GetTimestamp());
        return true;
    }

    /// <summary>The wait of a fetch: for enough bytes, or for anything to be wrong, or for max_wait_ms.</summary>
    internal sealed class DelayedFetch(FetchOperation fetch) : DelayedOperation
    {
        protected override bool TryComplete() => fetch.IsSatisfied() && ForceComplete();

        protected override void OnComplete() => fetch.Complete(Stopwatch.GetTimestamp());

        protected override void OnExpiration() => fetch._handler.CountExpired(fetch.ReplicaId >= 0);

        protected internal override string Describe() =>
            $"Fetch by {fetch.Connection.ClientId}@{fetch.Connection.ClientHost}: {fetch.Targets.Length} partitions, " +
            $"min {fetch.Request.MinBytes} bytes";
    }
}
