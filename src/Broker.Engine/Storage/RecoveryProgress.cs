using Broker.Engine.Timing;

namespace Broker.Engine.Storage;

/// <summary>How far the recovery of a log directory is, for the log (a line a second at most), the metrics and the console.
/// Thread-safe.</summary>
internal sealed class RecoveryProgress(MonotonicClock clock, string directory)
{
    /// <summary>Least time between two lines, milliseconds.</summary>
    private const long IntervalMs = 1_000;

    private int _logs;
    private int _segments;
    private long _beganMs;
    private long _toldMs;

    public string Directory => directory;

    public bool IsRunning { get; private set; }

    public int RemainingLogs => Volatile.Read(ref _logs);

    public int RemainingSegments => Math.Max(0, Volatile.Read(ref _segments));

    public long ElapsedMs => clock.NowMs - _beganMs;

    public void Begin(int logs, int segments)
    {
        IsRunning = true;
        _logs = logs;
        _segments = segments;
        _beganMs = _toldMs = clock.NowMs;
    }

    /// <summary>Counts what is done; true when it is time to tell.</summary>
    public bool Done(int logs, int segments)
    {
        if (!IsRunning)
        {
            return false;
        }
        Interlocked.Add(ref _logs, -logs);
        Interlocked.Add(ref _segments, -segments);
        long told = Volatile.Read(ref _toldMs);
        long now = clock.NowMs;
        return now - told >= IntervalMs && Interlocked.CompareExchange(ref _toldMs, now, told) == told;
    }
}
