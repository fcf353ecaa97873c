using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;

namespace Simulation.World;

/// <summary>
/// The coordination store as one process reaches it: over the simulated network. A request that is cut off waits for the line
/// to heal, as a client library that connects anew makes it seem; a session whose heartbeats do not arrive expires at the
/// store, and its owner learns of it when the line is there again. Not thread-safe.
/// </summary>
internal sealed class SimStore(SimNetwork network, SimProcess process, Func<(SimProcess Process, EmbeddedStore Store)> target)
    : ICoordinationStore
{
    public ValueTask<ICoordinationSession> OpenSessionAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        (SimProcess storeProcess, EmbeddedStore store) = target();
        var line = new SimLine(network, process, storeProcess);
        return new(line.CallAsync(
            () => (ICoordinationSession)new SimSession(line, store.OpenSessionAsync(timeout, CancellationToken.None).Result), cancellationToken));
    }

    public ValueTask DisposeAsync() => default;
}

/// <summary>A session's line to the store: requests and events in order. Not thread-safe.</summary>
internal sealed class SimLine
{
    private readonly SimConnection _connection;
    private readonly HashSet<Action> _waiting = [];

    public SimLine(SimNetwork network, SimProcess near, SimProcess far)
    {
        _connection = network.ConnectReliably(near, far);
        _connection.NearReset = Lose;
    }

    /// <summary>The store is gone, and with it the session.</summary>
    public bool IsLost { get; private set; }

    public Action? Lost { get; set; }

    private void Lose()
    {
        IsLost = true;
        foreach (Action waiting in _waiting.ToArray())
        {
            waiting();
        }
        Lost?.Invoke();
    }

    public async Task<T> CallAsync<T>(Func<T> atStore, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<T>();
        Action lose = () => answer.TrySetException(new CoordinationException(CoordinationError.ConnectionLoss, "the store is gone"));
        if (IsLost)
        {
            lose();
        }
        _waiting.Add(lose);
        _connection.SendToFar(() =>
        {
            T result = atStore();
            _connection.SendToNear(() => answer.TrySetResult(result));
        });
        using CancellationTokenRegistration given = cancellationToken.Register(() => answer.TrySetCanceled(cancellationToken));
        try
        {
            return await answer.Task;
        }
        finally
        {
            _waiting.Remove(lose);
        }
    }

    public void SendToFar(Action arrival) => _connection.SendToFar(arrival);

    public void SendToNear(Action arrival) => _connection.SendToNear(arrival);
}

/// <summary>A session, from afar. Not thread-safe.</summary>
internal sealed class SimSession : ICoordinationSession
{
    private readonly SimLine _line;
    private readonly ICoordinationSession _session;
    private readonly CancellationTokenSource _ended = new();

    public SimSession(SimLine line, ICoordinationSession session)
    {
        _line = line;
        _session = session;
        session.Ended.Register(() => line.SendToNear(_ended.Cancel));
        line.Lost = _ended.Cancel;
    }

    public long Id => _session.Id;

    public TimeSpan Timeout => _session.Timeout;

    public CancellationToken Ended => _ended.Token;

    private async ValueTask<T> CallAsync<T>(Func<ValueTask<T>> call, T lost, CancellationToken cancellationToken) =>
        _line.IsLost ? lost : await _line.CallAsync(() => call().Result, cancellationToken);

    public ValueTask<CreateResult> CreateAsync(
        string path, ReadOnlyMemory<byte> data, CreateMode mode, CancellationToken cancellationToken) => CallAsync(
        () => _session.CreateAsync(path, data, mode, default),
        new CreateResult(CoordinationError.SessionExpired, path, default), cancellationToken);

    public ValueTask<GetResult> GetAsync(string path, CancellationToken cancellationToken) => CallAsync(
        () => _session.GetAsync(path, default), new GetResult(CoordinationError.SessionExpired, default, default), cancellationToken);

    public ValueTask<StatResult> SetAsync(
        string path, ReadOnlyMemory<byte> data, int version, CancellationToken cancellationToken) => CallAsync(
        () => _session.SetAsync(path, data, version, default), new StatResult(CoordinationError.SessionExpired, default), cancellationToken);

    public ValueTask<StatResult> DeleteAsync(string path, int version, CancellationToken cancellationToken) => CallAsync(
        () => _session.DeleteAsync(path, version, default), new StatResult(CoordinationError.SessionExpired, default), cancellationToken);

    public ValueTask<StatResult> ExistsAsync(string path, CancellationToken cancellationToken) => CallAsync(
        () => _session.ExistsAsync(path, default), new StatResult(CoordinationError.SessionExpired, default), cancellationToken);

    public ValueTask<ChildrenResult> GetChildrenAsync(string path, CancellationToken cancellationToken) => CallAsync(
        () => _session.GetChildrenAsync(path, default), new ChildrenResult(CoordinationError.SessionExpired, [], default), cancellationToken);

    public ValueTask<MultiResult> MultiAsync(
        IReadOnlyList<CoordinationOperation> operations, CancellationToken cancellationToken) => CallAsync(
        () => _session.MultiAsync(operations, default), new MultiResult(CoordinationError.SessionExpired, 0, []), cancellationToken);

    public async ValueTask<IDisposable> WatchAsync(
        string path, WatchKinds kinds, Action<WatchEvent> handler, CancellationToken cancellationToken)
    {
        var watch = new Watch(_line);
        CoordinationException? refused = await _line.CallAsync(
            () =>
            {
                try
                {
                    ValueTask<IDisposable> made = _session.WatchAsync(
                        path, kinds,
                        what => _line.SendToNear(() =>
                        {
                            if (!watch.IsOff)
                            {
                                handler(what);
                            }
                        }),
                        default);
                    watch.AtStore = made.Result;
                    return null;
                }
                catch (CoordinationException e)
                {
                    return e;
                }
            },
            cancellationToken);
        return refused is null ? watch : throw refused;
    }

    public ValueTask<CoordinationError> HeartbeatAsync(CancellationToken cancellationToken) => CallAsync(
        () => _session.HeartbeatAsync(default), CoordinationError.SessionExpired, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (!_line.IsLost)
        {
            // As a client library: the end is told, and waited for, but not for ever.
            _line.SendToFar(() => _ = _session.DisposeAsync());
        }
        await _ended.CancelAsync();
    }

    private sealed class Watch(SimLine line) : IDisposable
    {
        public bool IsOff { get; private set; }

        public IDisposable? AtStore { get; set; }

        public void Dispose()
        {
            IsOff = true;
            line.SendToFar(() => AtStore?.Dispose());
        }
    }
}
