namespace Broker.Engine.Coordination.Embedded;

/// <summary>A party of the embedded tree. Calls complete at once; events are told one at a time on the thread pool.
/// Thread-safe.</summary>
internal sealed class EmbeddedSession(EmbeddedStore store, long id, TimeSpan timeout) : ICoordinationSession
{
    private readonly CancellationTokenSource _ended = new();
    private readonly Queue<(EmbeddedStore.Watch Watch, WatchEvent What)> _events = new();
    private bool _isTelling;

    public long Id { get; } = id;

    public TimeSpan Timeout { get; } = timeout;

    public CancellationToken Ended => _ended.Token;

    public bool HasEnded => _ended.IsCancellationRequested;

    /// <summary>When the party was last heard of, milliseconds of the store's clock.</summary>
    internal long HeardMs { get; set; }

    public ValueTask<CreateResult> CreateAsync(
        string path, ReadOnlyMemory<byte> data, CreateMode mode, CancellationToken cancellationToken)
    {
        MultiResult result = store.Execute(this, [CoordinationOperation.Create(path, data, mode)]);
        return new(result.Error == CoordinationError.None
            ? new CreateResult(CoordinationError.None, result.Results[0].Path, result.Results[0].Stat)
            : new CreateResult(result.Error, path, default));
    }

    public ValueTask<GetResult> GetAsync(string path, CancellationToken cancellationToken) => new(store.Get(this, path));

    public ValueTask<StatResult> SetAsync(
        string path, ReadOnlyMemory<byte> data, int version, CancellationToken cancellationToken) =>
        One(CoordinationOperation.Set(path, data, version));

    public ValueTask<StatResult> DeleteAsync(string path, int version, CancellationToken cancellationToken) =>
        One(CoordinationOperation.Delete(path, version));

    private ValueTask<StatResult> One(CoordinationOperation operation)
    {
        MultiResult result = store.Execute(this, [operation]);
        return new(new StatResult(result.Error, result.Error == CoordinationError.None ? result.Results[0].Stat : default));
    }

    public ValueTask<StatResult> ExistsAsync(string path, CancellationToken cancellationToken)
    {
        GetResult found = store.Get(this, path);
        return new(new StatResult(found.Error, found.Stat));
    }

    public ValueTask<ChildrenResult> GetChildrenAsync(string path, CancellationToken cancellationToken) =>
        new(store.Children(this, path));

    public ValueTask<MultiResult> MultiAsync(
        IReadOnlyList<CoordinationOperation> operations, CancellationToken cancellationToken) =>
        new(store.Execute(this, operations));

    public ValueTask<IDisposable> WatchAsync(
        string path, WatchKinds kinds, Action<WatchEvent> handler, CancellationToken cancellationToken) =>
        new(store.AddWatch(this, path, kinds, handler));

    public ValueTask<CoordinationError> HeartbeatAsync(CancellationToken cancellationToken) => new(store.Heartbeat(this));

    public ValueTask DisposeAsync()
    {
        store.Close(this);
        return default;
    }

    internal void End() => _ended.Cancel();

    internal void Enqueue(EmbeddedStore.Watch watch, WatchEvent what)
    {
        lock (_events)
        {
            _events.Enqueue((watch, what));
            if (_isTelling)
            {
                return;
            }
            _isTelling = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(static session => session.TellAll(), this, preferLocal: false);
    }

    private void TellAll()
    {
        while (true)
        {
            (EmbeddedStore.Watch Watch, WatchEvent What) next;
            lock (_events)
            {
                if (!_events.TryDequeue(out next))
                {
                    _isTelling = false;
                    return;
                }
            }
            next.Watch.Tell(next.What);
        }
    }
}
