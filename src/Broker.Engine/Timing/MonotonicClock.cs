namespace Broker.Engine.Timing;

/// <summary>
/// Milliseconds since the clock was made, from a source that never goes back; deadlines are counted on it, so that a
/// change of the wall clock moves none. Thread-safe.
/// </summary>
internal sealed class MonotonicClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private readonly double _msPerTick = 1000.0 / time.TimestampFrequency;

    /// <summary>Whole milliseconds since the clock was made.</summary>
    public long NowMs => (long)((time.GetTimestamp() - _start) * _msPerTick);

    /// <summary>Milliseconds since 1970 on the wall clock: what timestamps in records are.</summary>
    public long UnixMs => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>The source, for code that measures durations itself.</summary>
    public TimeProvider Time => time;
}
