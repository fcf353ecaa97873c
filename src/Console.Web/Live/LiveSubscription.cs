using Broker.Engine.Admin;

namespace WebConsole.Live;

/// <summary>
/// A component's ear at the engine: turns the feed's calls into refreshes on the circuit's dispatcher. Bursts collapse into
/// one refresh; nothing is refreshed while updates are paused (the first one after it catches up); and a refresh that was
/// dear is followed by four times as long a rest, so that a page of ten thousand rows cannot take the circuit for itself.
/// <see cref="Dispose"/> ends it. Calls of the feed come from any thread, all else from the dispatcher.
/// </summary>
public sealed class LiveSubscription : IDisposable
{
    private const int RestFactor = 4;

    /// <summary>A little less than the feed's own period, so that a feed on time is never made to wait.</summary>
    private const double PeriodSecondsMin = 0.75 / LiveFeed.PerSecondMax;

    private readonly LiveState _live;
    private readonly TimeProvider _time;
    private readonly Func<Action, Task> _dispatch;
    private readonly Action _refresh;
    private readonly IDisposable _feed;
    private readonly ITimer _timer;
    private long _restUntil;
    private int _isWaiting;
    private bool _isStale;
    private volatile bool _isDisposed;

    /// <param name="admin">Whom to listen to.</param>
    /// <param name="live">Whether to show what is heard.</param>
    /// <param name="time">The clock that rests are measured by.</param>
    /// <param name="subject">What to hear of.</param>
    /// <param name="dispatch">Runs an action on the circuit's dispatcher and reports its failure.</param>
    /// <param name="refresh">Reads and renders anew; runs on the dispatcher.</param>
    public LiveSubscription(
        IClusterAdmin admin, LiveState live, TimeProvider time, LiveSubject subject, Func<Action, Task> dispatch, Action refresh)
    {
        _live = live;
        _time = time;
        _dispatch = dispatch;
        _refresh = refresh;
        _timer = time.CreateTimer(_ => Dispatch(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _live.Changed += OnLiveChanged;
        _feed = admin.Subscribe(subject, OnFeed);
    }

    public void Dispose()
    {
        _isDisposed = true;
        _live.Changed -= OnLiveChanged;
        _feed.Dispose();
        _timer.Dispose();
    }

    private void OnFeed()
    {
        if (_isDisposed || Interlocked.Exchange(ref _isWaiting, 1) == 1)
        {
            return;
        }
        long rest = Interlocked.Read(ref _restUntil) - _time.GetTimestamp();
        if (rest <= 0)
        {
            Dispatch();
            return;
        }
        try
        {
            _timer.Change(TimeSpan.FromSeconds((double)rest / _time.TimestampFrequency), Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException) when (_isDisposed)
        {
            // The component went away between the two lines: there is nobody left to refresh.
        }
    }

    private void Dispatch() => _ = _dispatch(Run);

    private void Run()
    {
        Volatile.Write(ref _isWaiting, 0);
        if (_isDisposed)
        {
            return;
        }
        if (!_live.IsFlowing)
        {
            _isStale = true;
            return;
        }
        _isStale = false;
        long began = _time.GetTimestamp();
        _refresh();
        long took = _time.GetTimestamp() - began;
        long period = Math.Max(took * (1 + RestFactor), (long)(PeriodSecondsMin * _time.TimestampFrequency));
        Interlocked.Exchange(ref _restUntil, began + period);
    }

    private void OnLiveChanged()
    {
        if (_isStale && _live.IsFlowing)
        {
            _ = _dispatch(Run);
        }
    }
}
