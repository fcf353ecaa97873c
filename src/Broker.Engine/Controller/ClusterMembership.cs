using Broker.Client;
using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>
/// A broker's place in the cluster: its session, its registration and its candidacy for controller. When the session expires
/// all three are taken up anew. Thread-safe.
/// </summary>
internal sealed partial class ClusterMembership : IAsyncDisposable
{
    /// <summary>Pause between attempts to return to the cluster.</summary>
    private static readonly TimeSpan s_retryPause = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _changing = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ICoordinationStore _store;
    private readonly int _brokerId;
    private readonly TimeSpan _sessionTimeout;
    private readonly TimeSpan _socketTimeout;
    private readonly ControllerSetup _setup;
    private readonly TimeProvider _time;
    private readonly Dialer _dialer;
    private readonly ILogger _logger;
    private volatile ICoordinationSession? _session;
    private volatile ClusterController? _controller;
    private ITimer? _heartbeat;
    private BrokerImage? _self;
    private long _epoch = -1;
    private long _firstEpoch = -1;

    /// <param name="store">The tree.</param>
    /// <param name="brokerId">This broker.</param>
    /// <param name="sessionTimeout">zookeeper.session.timeout.ms.</param>
    /// <param name="socketTimeout">controller.socket.timeout.ms.</param>
    /// <param name="setup">What this broker goes by as the controller.</param>
    /// <param name="time">The clock.</param>
    /// <param name="dialer">Opens the controller's lines to the brokers.</param>
    /// <param name="logger">The broker's log.</param>
    public ClusterMembership(
        ICoordinationStore store, int brokerId, TimeSpan sessionTimeout, TimeSpan socketTimeout, ControllerSetup setup, TimeProvider time,
        Dialer dialer, ILogger logger)
    {
        _setup = setup;
        _store = store;
        _brokerId = brokerId;
        _sessionTimeout = sessionTimeout;
        _socketTimeout = socketTimeout;
        _time = time;
        _dialer = dialer;
        _logger = logger;
        Metrics = new ControllerMetrics(time);
    }

    public ICoordinationSession Session => _session ?? throw new InvalidOperationException("the broker has no session yet");

    /// <summary>Why the store cannot be reached; null while it can.</summary>
    public string? StoreFailure => _session?.Outage;

    /// <summary>What the controller did, over all its terms.</summary>
    public ControllerMetrics Metrics { get; }

    public ClusterController? Controller => _controller;

    /// <summary>Number of the broker's registration; -1 before it.</summary>
    public long BrokerEpoch => Interlocked.Read(ref _epoch);

    /// <summary>Called with each new session, before the broker registers on it.</summary>
    public Func<ICoordinationSession, Task>? SessionOpened { get; set; }

    /// <summary>Called when another broker, or none, has become the controller.</summary>
    public Action? ControllerChanged { get; set; }

    /// <summary>Opens the session; the broker is not registered yet.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        ICoordinationSession session = await _store.OpenSessionAsync(_sessionTimeout, cancellationToken).ConfigureAwait(false);
        _session = session;
        foreach (string path in ClusterPaths.Persistent)
        {
            await session.EnsurePathAsync(path, cancellationToken).ConfigureAwait(false);
        }
        _ = await session.CreateAsync(ClusterPaths.Feature, ClusterJson.Feature(), CreateMode.Persistent, cancellationToken).ConfigureAwait(false);
        session.Ended.UnsafeRegister(_ => OnSessionEnded(session), null);
        TimeSpan period = _sessionTimeout / 3;
        _heartbeat ??= _time.CreateTimer(_ => Beat(), null, period, period);
        if (SessionOpened is { } opened)
        {
            await opened(session).ConfigureAwait(false);
        }
    }

    private void Beat()
    {
        ValueTask<CoordinationError> beat = _session!.HeartbeatAsync(CancellationToken.None);
        if (!beat.IsCompletedSuccessfully)
        {
            _ = beat.AsTask();
        }
    }

    /// <summary>Enters the cluster: clients and the controller see the broker from now on.</summary>
    /// <exception cref="CoordinationException">Another broker has the id.</exception>
    public async Task RegisterAsync(BrokerImage self, CancellationToken cancellationToken)
    {
        _self = self;
        ICoordinationSession session = Session;
        CreateResult created = await CreateNodeAsync(session, self, cancellationToken).ConfigureAwait(false);
        if (created.Error == CoordinationError.NodeExists)
        {
            // After kill -9 the session of the life before goes on for a while.
            LogWaitingForEarlier(_brokerId);
            await WaitUntilGoneAsync(session, cancellationToken).ConfigureAwait(false);
            created = await CreateNodeAsync(session, self, cancellationToken).ConfigureAwait(false);
        }
        created.Error.ThrowIfFailed(ClusterPaths.Broker(_brokerId));
        Interlocked.Exchange(ref _epoch, created.Stat.Czxid);
        _firstEpoch = _firstEpoch < 0 ? created.Stat.Czxid : _firstEpoch;
        var controller = new ClusterController(_brokerId, session, _socketTimeout, _setup, Metrics, _time, _dialer, _logger)
        { ControllerChanged = ControllerChanged };
        _controller = controller;
        await controller.StartAsync().ConfigureAwait(false);
    }

    /// <summary>Tells the controller that a log directory has failed under partitions of this broker. A controller that does not
    /// hear of it now does by what the broker answers to its next word.</summary>
    public async Task TellOfFailedDirectoryAsync()
    {
        try
        {
            CreateResult told = await Session.CreateAsync(
                ClusterPaths.LogDirEventPrefix, ClusterJson.LogDirEvent(_brokerId), CreateMode.PersistentSequential, _stopping.Token)
                .ConfigureAwait(false);
            told.Error.ThrowIfFailed(ClusterPaths.LogDirEventPrefix);
        }
        catch (Exception e) when (e is CoordinationException or ObjectDisposedException or OperationCanceledException)
        {
            LogUntold(e.Message);
        }
    }

    private ValueTask<CreateResult> CreateNodeAsync(ICoordinationSession session, BrokerImage self, CancellationToken cancellationToken) =>
        session.CreateAsync(
            ClusterPaths.Broker(_brokerId), ClusterJson.Broker(self, _time.GetUtcNow().ToUnixTimeMilliseconds(), _firstEpoch),
            CreateMode.Ephemeral, cancellationToken);

    /// <summary>Waits for the end of this broker's earlier registration, for as long as its session may last.</summary>
    private async Task WaitUntilGoneAsync(ICoordinationSession session, CancellationToken cancellationToken)
    {
        string path = ClusterPaths.Broker(_brokerId);
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable watch = await session.WatchAsync(
            path, WatchKinds.Node, _ => gone.TrySetResult(), cancellationToken).ConfigureAwait(false);
        if ((await session.ExistsAsync(path, cancellationToken).ConfigureAwait(false)).Error == CoordinationError.None)
        {
            try
            {
                await gone.Task.WaitAsync(_sessionTimeout * 1.5, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // it lives: the caller says so
            }
        }
    }

    private void OnSessionEnded(ICoordinationSession session)
    {
        if (!_stopping.IsCancellationRequested)
        {
            _ = Task.Run(() => ReturnAsync(session));
        }
    }

    private async Task ReturnAsync(ICoordinationSession lost)
    {
        try
        {
            await _changing.WaitAsync(_stopping.Token).ConfigureAwait(false);
            try
            {
                if (_session != lost)
                {
                    return;   // one that came after it is there already
                }
                LogReturning();
                while (!await TryReturnAsync().ConfigureAwait(false))
                {
                    await Task.Delay(s_retryPause, _time, _stopping.Token).ConfigureAwait(false);
                }
            }
            finally
            {
                _changing.Release();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // the broker stops
        }
        catch (ObjectDisposedException e)
        {
            LogLost(e.Message);   // the host's store is closed
        }
    }

    private async Task<bool> TryReturnAsync()
    {
        try
        {
            if (_controller is { } old)
            {
                _controller = null;
                await old.DisposeAsync().ConfigureAwait(false);
            }
            await OpenAsync(_stopping.Token).ConfigureAwait(false);
            if (_self is { } self)
            {
                await RegisterAsync(self, _stopping.Token).ConfigureAwait(false);
            }
            LogReturned(_brokerId, BrokerEpoch);
            return true;
        }
        catch (Exception e) when (e is CoordinationException || (e is OperationCanceledException && !_stopping.IsCancellationRequested))
        {
            LogLost(e.Message);
            await Session.DisposeAsync().ConfigureAwait(false);
            return false;
        }
    }

    /// <summary>Takes no part in leading the cluster any more: before all brokers stop, when nobody is left to lead it and nothing
    /// needs to change hands.</summary>
    public async Task StandDownAsync()
    {
        if (_controller is { } controller)
        {
            await controller.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Leaves the cluster at once: the registration and the session are gone when this returns.</summary>
    public async ValueTask DisposeAsync()
    {
        if (await AbandonAsync().ConfigureAwait(false) is { } session)
        {
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Goes without a word: the session and with it the registration stay until they expire.</summary>
    /// <returns>The session, or null when there is none or this was done before.</returns>
    public async Task<ICoordinationSession?> AbandonAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return null;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _changing.WaitAsync().ConfigureAwait(false);
        _heartbeat?.Dispose();
        if (_controller is { } controller)
        {
            await controller.DisposeAsync().ConfigureAwait(false);
        }
        return _session;
    }

    [LoggerMessage(7040, LogLevel.Warning, "the coordination session has expired; the broker returns with a new one", EventName = "SessionExpired")]
    private partial void LogReturning();

    [LoggerMessage(7042, LogLevel.Warning, "broker {Id} is registered already; waiting for that session to end, if it is of an earlier life", EventName = "WaitingForEarlier")]
    private partial void LogWaitingForEarlier(int id);

    [LoggerMessage(7041, LogLevel.Warning, "the broker could not return to the cluster, and tries again: {Reason}", EventName = "MembershipLost")]
    private partial void LogLost(string reason);

    [LoggerMessage(7043, LogLevel.Information, "broker {Id} is registered again, epoch {Epoch}", EventName = "MembershipRegained")]
    private partial void LogReturned(int id, long epoch);

    [LoggerMessage(7044, LogLevel.Warning, "the controller could not be told of a failed log directory: {Reason}", EventName = "FailedDirectoryUntold")]
    private partial void LogUntold(string reason);
}
