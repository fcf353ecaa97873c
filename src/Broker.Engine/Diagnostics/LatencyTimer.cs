using System.Diagnostics;

namespace Broker.Engine.Diagnostics;

/// <summary>How often something happens and how long it takes (Yammer's Timer), for what is rare: a lock guards it.
/// Thread-safe.</summary>
internal sealed class LatencyTimer
{
    /// <summary>Timestamps are nanoseconds; buckets begin at a microsecond.</summary>
    public const int Shift = 10;

    public static readonly double MsPerTimestamp = 1000.0 / Stopwatch.Frequency;

    private readonly Lock _lock = new();
    private readonly HistogramShard _shard = new(Shift);

    /// <param name="time">The broker's clock.</param>
    /// <param name="eventType">What happens.</param>
    public LatencyTimer(TimeProvider time, string eventType = "calls")
    {
        HistogramShard[] shards = [_shard];
        Meter = new Meter(time, eventType);
        Times = new Histogram(() => shards, MsPerTimestamp, Shift);
    }

    public Meter Meter { get; }

    public Histogram Times { get; }

    /// <summary>Enters one duration.</summary>
    /// <param name="elapsed">In units of <see cref="Stopwatch"/>.</param>
    public void Record(long elapsed)
    {
        Meter.Mark();
        lock (_lock)
        {
            _shard.Record(elapsed);
        }
    }

    public void Tick()
    {
        Meter.Tick();
        Times.Tick();
    }
}
