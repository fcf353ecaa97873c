using System.Threading.Channels;
using Broker.Client;
using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>
/// The controller: every broker runs one, the one that made <c>/controller</c> leads the cluster. Everything happens in one
/// event loop. What it decides it first writes to the tree, on condition that its epoch still stands, and then tells the
/// brokers. After Kafka's KafkaController in ZooKeeper mode. Thread-safe.
/// </summary>
internal sealed partial class ClusterController : IAsyncDisposable
{
    /// <summary>Pause before another try where the tree did not answer.</summary>
    private static readonly TimeSpan s_returnDelay = TimeSpan.FromMilliseconds(500);

    private readonly Channel<ControllerEvent> _events =
        Channel.CreateUnbounded<ControllerEvent>(new UnboundedChannelOptions { SingleReader = true });

    private readonly CancellationTokenSource _stopping = new();
    private readonly int _brokerId;
    private readonly ICoordinationSession _session;
    private readonly TimeSpan _socketTimeout;
    private readonly ControllerMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly Dialer _dialer;
    private readonly ILogger _logger;
    private readonly List<IDisposable> _watches = [];
    private readonly Dictionary<string, IDisposable> _brokerWatches = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ControlledTopic> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, string> _names = [];
    private readonly Dictionary<int, BrokerChannel> _channels = [];
    private readonly HashSet<string> _deleting = new(StringComparer.Ordinal);
    private readonly HashSet<int> _shuttingDown = [];
    private readonly ControllerSetup _setup;
    private IDisposable? _electionWatch;
    private Task _running = Task.CompletedTask;
    private int _epoch;
    private int _epochVersion;
    private bool _standsBack;
    private bool _hasActed;
    private volatile bool _isActive;
    private volatile BrokerChannel[] _lines = [];
    private int _disposed;
    private volatile DeletionCounts _deletions = DeletionCounts.None;

    /// <param name="brokerId">This broker.</param>
    /// <param name="session">Its session.</param>
    /// <param name="socketTimeout">controller.socket.timeout.ms.</param>
    /// <param name="setup">What it goes by.</param>
    /// <param name="metrics">The broker's counts of what its controllers do.</param>
    /// <param name="time">The clock.</param>
    /// <param name="dialer">Opens the lines to the brokers.</param>
    /// <param name="logger">The broker's log.</param>
    public ClusterController(
        int brokerId, ICoordinationSession session, TimeSpan socketTimeout, ControllerSetup setup, ControllerMetrics metrics,
        TimeProvider time, Dialer dialer, ILogger logger)
    {
        _setup = setup;
        _brokerId = brokerId;
        _session = session;
        _socketTimeout = socketTimeout;
        _metrics = metrics;
        _time = time;
        _dialer = dialer;
        _logger = logger;
    }

    /// <summary>Whether this broker leads the cluster now.</summary>
    public bool IsActive => _isActive;

    /// <summary>The epoch this controller was elected in; 0 before the first time.</summary>
    public int Epoch => _epoch;

    /// <summary>The lines to the brokers while it leads.</summary>
    public IReadOnlyList<BrokerChannel> Lines => _lines;

    /// <summary>The deletions under way.</summary>
    public DeletionCounts Deletions => _deletions;

    /// <summary>Called when <c>/controller</c> has changed; must not block.</summary>
    public Action? ControllerChanged { get; init; }

    private CancellationToken Stopping => _stopping.Token;

    /// <summary>Takes part in the election from now on.</summary>
    public async Task StartAsync()
    {
        _electionWatch = await _session.WatchAsync(
            ClusterPaths.Controller, WatchKinds.Node,
            _ =>
            {
                ControllerChanged?.Invoke();
                Post(ControllerActivity.ControllerChange, ElectAsync);
            },
            Stopping).ConfigureAwait(false);
        _running = Task.Run(RunAsync);
        Post(ControllerActivity.ControllerChange, ElectAsync);
    }

    private bool Post(ControllerActivity activity, Func<Task> work) =>
        _events.Writer.TryWrite(new ControllerEvent(activity, work, _metrics.Queued()));

    /// <summary>Has the event loop answer a question; <paramref name="refused"/> answers it where this broker does not lead the
    /// cluster, or ceases to before it is done (NOT_CONTROLLER), and where the work fails before it has changed anything
    /// (UNKNOWN_SERVER_ERROR).</summary>
    private async Task<T> AskAsync<T>(ControllerActivity activity, Func<Task<T>> work, Func<ErrorCode, T> refused)
    {
        if (!_isActive)
        {
            return refused(ErrorCode.NotController);
        }
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isQueued = Post(activity, async () =>
        {
            try
            {
                answer.TrySetResult(_isActive ? await work().ConfigureAwait(false) : refused(ErrorCode.NotController));
            }
            catch (Exception e) when (!_hasActed && IsUnexpected(e))
            {
                LogAskedFailed(activity, e);
                answer.TrySetResult(refused(ErrorCode.UnknownServerError));
            }
            finally
            {
                answer.TrySetResult(refused(ErrorCode.NotController));   // the next controller, or this one, is asked again
            }
        });
        using CancellationTokenRegistration stop = Stopping.UnsafeRegister(
            _ => answer.TrySetResult(refused(ErrorCode.NotController)), null);
        return isQueued ? await answer.Task.ConfigureAwait(false) : refused(ErrorCode.NotController);
    }

    private static bool IsUnexpected(Exception e) => e is not (CoordinationException or OperationCanceledException or OutOfMemoryException);

    private async Task RunAsync()
    {
        try
        {
            await foreach (ControllerEvent next in _events.Reader.ReadAllAsync(Stopping).ConfigureAwait(false))
            {
                long began = _metrics.Begin(next.Activity, next.QueuedAt);
                await RunOneAsync(next.Work).ConfigureAwait(false);
                _metrics.End(next.Activity, began);
            }
        }
        catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
        {
            // stopped
        }
    }

    private async Task RunOneAsync(Func<Task> work)
    {
        _hasActed = false;
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (CoordinationException e) when (e.Error == CoordinationError.BadVersion)
        {
            LogMoved();   // the epoch in the tree is another controller's
            await ResignAsync().ConfigureAwait(false);
            Post(ControllerActivity.ControllerChange, ElectAsync);
        }
        catch (CoordinationException e) when (e.Error == CoordinationError.SessionExpired)
        {
            await ResignAsync().ConfigureAwait(false);   // the broker opens a new session, with a new controller
        }
        catch (CoordinationException e)
        {
            // What was written is not known: all is read anew, in an epoch of its own.
            LogEventFailed(e);
            await ResignAsync().ConfigureAwait(false);
            _ = ReturnAsync();
        }
        catch (Exception e) when (IsUnexpected(e))
        {
            LogEventFailed(e);
            await StandBackAsync().ConfigureAwait(false);
        }
    }

    /// <summary>What this controller knows may be half of what there is, and what it would decide by that could cost data: another
    /// broker, or this one after a pause, reads all anew.</summary>
    private async Task StandBackAsync()
    {
        await ResignAsync().ConfigureAwait(false);
        _standsBack = true;   // others go first
        _ = ReturnAsync();
        try
        {
            GetResult found = await _session.GetAsync(ClusterPaths.Controller, Stopping).ConfigureAwait(false);
            if (found.Error == CoordinationError.None && found.Stat.EphemeralOwner == _session.Id)
            {
                _ = await _session.DeleteAsync(ClusterPaths.Controller, found.Stat.Version, Stopping).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not (OperationCanceledException or OutOfMemoryException))
        {
            LogNotGivenUp(e.Message);   // the next election does it
        }
    }

    private async Task ReturnAsync()
    {
        try
        {
            await Task.Delay(s_returnDelay, _time, Stopping).ConfigureAwait(false);
            Post(ControllerActivity.ControllerChange, () =>
            {
                _standsBack = false;
                return ElectAsync();
            });
        }
        catch (OperationCanceledException)
        {
            // stopped
        }
    }

    private ControllerSender NewSender()
    {
        _hasActed = true;
        return new ControllerSender(
            _brokerId, _epoch, _channels, (partition, broker) => _channels.ContainsKey(broker) && HasDisk(partition, broker),
            topic => topic.Undeleted is not null)
        { RolesAnswered = OnRolesAnswered, DeletesAnswered = OnDeletesAnswered };
    }

    /// <summary>Writes to the tree: from here on an event that fails has changed something.</summary>
    private ValueTask<MultiResult> WriteAsync(IReadOnlyList<CoordinationOperation> operations)
    {
        _hasActed = true;
        return _session.MultiAsync(operations, Stopping);
    }

    private bool IsCurrent(int epoch) => _isActive && _epoch == epoch;

    private async Task ResignAsync()
    {
        _isActive = false;
        _watches.ForEach(w => w.Dispose());
        _watches.Clear();
        foreach (IDisposable watch in _brokerWatches.Values)
        {
            watch.Dispose();
        }
        _brokerWatches.Clear();
        foreach (IDisposable watch in _unreadable.Values)
        {
            watch.Dispose();
        }
        _unreadable.Clear();
        foreach (ControlledTopic topic in _topics.Values)
        {
            topic.Watch.Dispose();
        }
        _topics.Clear();
        _names.Clear();
        _reassigning.Clear();
        _offline.Clear();
        _hasOffline = false;
        _shuttingDown.Clear();
        _deletions = DeletionCounts.None;
        _balance?.Dispose();
        _balance = null;
        _deleting.Clear();
        BrokerChannel[] channels = [.. _channels.Values];
        _channels.Clear();
        _lines = [];
        foreach (BrokerChannel channel in channels)
        {
            await channel.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        _electionWatch?.Dispose();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        await ResignAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    /// <summary>Something for the event loop to do.</summary>
    private readonly record struct ControllerEvent(ControllerActivity Activity, Func<Task> Work, long QueuedAt);

    [LoggerMessage(7011, LogLevel.Warning, "another broker has become the controller; this one stands back", EventName = "Moved")]
    private partial void LogMoved();

    [LoggerMessage(7012, LogLevel.Error, "the controller failed to carry out an event", EventName = "EventFailed")]
    private partial void LogEventFailed(Exception exception);

    [LoggerMessage(7013, LogLevel.Error, "the controller failed to answer a request ({Activity}); nothing was changed", EventName = "AskedFailed")]
    private partial void LogAskedFailed(ControllerActivity activity, Exception exception);

    [LoggerMessage(7014, LogLevel.Warning, "the office of the controller could not be given up yet: {Reason}", EventName = "NotGivenUp")]
    private partial void LogNotGivenUp(string reason);
}

/// <summary>Deletions of topics that are under way, and how many of them wait for a broker that is away. Immutable.</summary>
internal sealed record DeletionCounts(int Topics, int Replicas, int IneligibleTopics, int IneligibleReplicas)
{
    public static readonly DeletionCounts None = new(0, 0, 0, 0);
}
