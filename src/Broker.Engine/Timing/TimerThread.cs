using Microsoft.Extensions.Logging;

namespace Broker.Engine.Timing;

/// <summary>
/// The one thread that moves all timers of a broker. It sleeps until the earliest filled bucket of any of them is due and
/// is woken only by a task that is due earlier; it never polls. In a simulation the clock's source wakes it, and there is no
/// thread. Thread-safe.
/// </summary>
internal sealed partial class TimerThread : IDisposable
{
    private readonly object _gate = new();
    private readonly MonotonicClock _clock;
    private readonly ILogger _logger;
    private readonly Thread? _thread;
    private readonly ITimer? _alarm;
    private EngineTimer[] _timers = [];
    private long _wakeAtMs = long.MaxValue;
    private bool _isStarted;
    private bool _stopped;

    /// <param name="name">The thread's name.</param>
    /// <param name="clock">What the timers count.</param>
    /// <param name="logger">Where failures go.</param>
    /// <param name="isThreadless">Whether timers of the clock's source wake it, in place of a thread.</param>
    public TimerThread(string name, MonotonicClock clock, ILogger logger, bool isThreadless = false)
    {
        _clock = clock;
        _logger = logger;
        if (isThreadless)
        {
            _alarm = clock.Time.CreateTimer(_ => Ring(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            return;
        }
        _thread = new Thread(Run, maxStackSize: 256 * 1024) { Name = name, IsBackground = true };
    }

    public MonotonicClock Clock => _clock;

    public IReadOnlyList<EngineTimer> Timers => Volatile.Read(ref _timers);

    /// <summary>Makes a timer that this thread moves.</summary>
    public EngineTimer NewTimer(string name)
    {
        var timer = new EngineTimer(name, _clock) { Earlier = Wake };
        lock (_gate)
        {
            Volatile.Write(ref _timers, [.. _timers, timer]);
        }
        return timer;
    }

    public void Start()
    {
        _thread?.Start();
        _isStarted = true;
        if (_alarm is not null)
        {
            Ring();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.Pulse(_gate);
        }
        _alarm?.Dispose();
        if (_thread is { IsAlive: true } && Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }
    }

    private void Wake(long dueMs)
    {
        // Most additions are due after what the thread waits for; they do not touch the lock. The fence stands against the
        // one in Run: either the thread sees the new deadline, or this sees that the thread waits for none.
        Interlocked.MemoryBarrier();
        if (dueMs >= Volatile.Read(ref _wakeAtMs))
        {
            return;
        }
        lock (_gate)
        {
            if (dueMs < _wakeAtMs)
            {
                Volatile.Write(ref _wakeAtMs, dueMs);
                Monitor.Pulse(_gate);
                SetAlarm();
            }
        }
    }

    /// <summary>What the thread does, where there is none.</summary>
    private void Ring()
    {
        _wakeAtMs = long.MaxValue;
        long next = AdvanceAll();
        _wakeAtMs = Math.Min(next, _wakeAtMs);
        SetAlarm();
    }

    private void SetAlarm()
    {
        if (_alarm is not null && _isStarted && _wakeAtMs != long.MaxValue)
        {
            // The clock counts whole milliseconds: with one more it has come when the alarm rings.
            _alarm.Change(TimeSpan.FromMilliseconds(Math.Max(0, _wakeAtMs - _clock.NowMs) + 1), Timeout.InfiniteTimeSpan);
        }
    }

    private void Run()
    {
        while (true)
        {
            // Until the new deadline is known, every addition must wake the thread: so it stands at infinity.
            Interlocked.Exchange(ref _wakeAtMs, long.MaxValue);
            long next = AdvanceAll();
            lock (_gate)
            {
                if (_stopped)
                {
                    return;
                }
                next = Math.Min(next, _wakeAtMs);
                Volatile.Write(ref _wakeAtMs, next);
                // A deadline may have passed meanwhile: -1 ms is not Monitor's -1, which is for ever.
                long wait = next - _clock.NowMs;
                if (next == long.MaxValue)
                {
                    Monitor.Wait(_gate);
                }
                else if (wait > 0)
                {
                    Monitor.Wait(_gate, (int)Math.Min(wait, int.MaxValue));
                }
            }
        }
    }

    private long AdvanceAll()
    {
        long next = long.MaxValue;
        foreach (EngineTimer timer in Volatile.Read(ref _timers))
        {
            try
            {
                next = Math.Min(next, timer.NextDueMs <= _clock.NowMs ? timer.Advance(_clock.NowMs) : timer.NextDueMs);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // One operation's fault must not stop the broker's clock.
                LogExpiryFailed(timer.Name, e);
                next = Math.Min(next, timer.NextDueMs);
            }
        }
        return next;
    }

    [LoggerMessage(9001, LogLevel.Error, "a delayed operation of {Timer} failed as it expired", EventName = "TimerExpiryFailed")]
    private partial void LogExpiryFailed(string timer, Exception exception);
}
