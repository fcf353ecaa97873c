using Broker.Engine.Timing;

namespace Broker.Engine.Replication;

/// <summary>
/// The bytes a second that throttled replicas may take, on the leader's side or on the follower's, measured over the last windows
/// (replication.quota.window.num and .size.seconds). After Kafka's ReplicationQuotaManager. Thread-safe.
/// </summary>
internal sealed class ReplicationQuota
{
    public const long Unlimited = long.MaxValue;

    private readonly Lock _lock = new();
    private readonly MonotonicClock _clock;
    private readonly long[] _windows;
    private readonly long _windowMs;
    private long _bytesPerSecondMax = Unlimited;
    private long _first = -1;
    private long _current = -1;

    /// <param name="windows">replication.quota.window.num.</param>
    /// <param name="windowSeconds">replication.quota.window.size.seconds.</param>
    /// <param name="clock">The broker's.</param>
    public ReplicationQuota(int windows, int windowSeconds, MonotonicClock clock)
    {
        _windows = new long[Math.Max(1, windows)];
        _windowMs = windowSeconds * 1_000L;
        _clock = clock;
    }

    /// <summary>leader. or follower.replication.throttled.rate; may change.</summary>
    public long BytesPerSecondMax
    {
        get => Volatile.Read(ref _bytesPerSecondMax);
        set => Volatile.Write(ref _bytesPerSecondMax, value);
    }

    public bool IsLimited => BytesPerSecondMax != Unlimited;

    /// <summary>Bytes a second over the windows.</summary>
    public double Rate
    {
        get
        {
            lock (_lock)
            {
                return RateNow();
            }
        }
    }

    /// <summary>Whether nothing more may go now.</summary>
    public bool IsExceeded => IsLimited && Rate > BytesPerSecondMax;

    /// <summary>Milliseconds to wait before more may go, 0 when it may go now. Not beyond the end of the current window, for with
    /// the next the oldest is forgotten, and there may be more to wait for or less.</summary>
    public long WaitMs
    {
        get
        {
            long most = BytesPerSecondMax;
            if (most == Unlimited)
            {
                return 0;
            }
            lock (_lock)
            {
                if (RateNow() <= most)
                {
                    return 0;
                }
                double enoughMs = _windows.Sum() * 1000.0 / Math.Max(1, most);
                return (long)Math.Clamp(Math.Ceiling(enoughMs) - ElapsedMs(), 1, _windowMs - (_clock.NowMs % _windowMs));
            }
        }
    }

    /// <summary>Counts bytes of throttled replicas.</summary>
    public void Record(long bytes)
    {
        lock (_lock)
        {
            MoveOn();
            _windows[_current % _windows.Length] += bytes;
        }
    }

    private double RateNow()
    {
        if (_first < 0)
        {
            return 0;
        }
        MoveOn();
        return _windows.Sum() * 1000.0 / ElapsedMs();
    }

    /// <summary>The time that the windows in use cover, the current one as far as it has come; never less than one window.</summary>
    private long ElapsedMs() => Math.Max(_windowMs, _clock.NowMs - (Math.Max(_first, _current - _windows.Length + 1) * _windowMs));

    private void MoveOn()
    {
        long now = _clock.NowMs / _windowMs;
        if (_first < 0 || now - _current >= _windows.Length)
        {
            Array.Clear(_windows);
            _first = _current = now;   // nothing went for as long as is remembered
            return;
        }
        while (_current < now)
        {
            _windows[++_current % _windows.Length] = 0;
        }
    }
}
