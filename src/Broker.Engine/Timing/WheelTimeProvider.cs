using Microsoft.Extensions.Logging;

namespace Broker.Engine.Timing;

/// <summary>
/// The system's clock with timers on a timing wheel: one thread that sleeps until the next is due. The runtime's own timers
/// wake three times a second for as long as any exists, which is most of what a host at rest costs. Callbacks run on the
/// thread pool, as those of <see cref="TimeProvider.System"/> do. Thread-safe.
/// </summary>
public sealed class WheelTimeProvider : TimeProvider, IDisposable
{
    private readonly TimerThread _thread;
    private readonly EngineTimer _timer;

    /// <param name="logger">Where a callback's failure goes.</param>
    public WheelTimeProvider(ILogger logger)
    {
        _thread = new TimerThread("host-timer", new MonotonicClock(System), logger);
        _timer = _thread.NewTimer("host");
        _thread.Start();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new WheelTimer(_timer, callback, state, ExecutionContext.Capture());
        timer.Change(dueTime, period);
        return timer;
    }

    public void Dispose() => _thread.Dispose();

    private sealed class WheelTimer(EngineTimer timer, TimerCallback callback, object? state, ExecutionContext? context)
        : TimerTask, ITimer, IThreadPoolWorkItem
    {
        private readonly Lock _lock = new();
        private long _periodMs = -1;
        private bool _disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            long dueMs = Milliseconds(dueTime);
            long periodMs = Milliseconds(period);
            lock (_lock)
            {
                if (_disposed)
                {
                    return false;
                }
                _periodMs = periodMs == 0 ? -1 : periodMs;
                timer.Cancel(this);
                if (dueMs >= 0)
                {
                    timer.Add(this, dueMs);
                }
                return true;
            }
        }

        private static long Milliseconds(TimeSpan time)
        {
            long ms = (long)time.TotalMilliseconds;
            ArgumentOutOfRangeException.ThrowIfLessThan(ms, -1, nameof(time));
            return ms;
        }

        protected internal override void Expire(int arming)
        {
            lock (_lock)
            {
                if (_disposed || arming != Arming)
                {
                    return;
                }
                if (_periodMs > 0)
                {
                    timer.Add(this, _periodMs);
                }
            }
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Execute()
        {
            if (context is null)
            {
                callback(state);
            }
            else
            {
                ExecutionContext.Run(context, static s => ((WheelTimer)s!).Call(), this);
            }
        }

        private void Call() => callback(state);

        public void Dispose()
        {
            lock (_lock)
            {
                _disposed = true;
                timer.Cancel(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
