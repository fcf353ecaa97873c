namespace Broker.Engine.Diagnostics;

/// <summary>How fast a count rose over the last half minute, as Kafka's SampledStat windows tell it. It remembers what it was
/// told at the sampler's ticks alone, so whoever asks, and when, changes nothing. Thread-safe.</summary>
internal sealed class RateWindow
{
    private const int SamplesMax = 30 / Meter.TickSeconds;

    private readonly Lock _lock = new();
    private readonly (long Count, long At)[] _samples = new (long, long)[SamplesMax];
    private int _taken;

    /// <summary>Takes a sample.</summary>
    /// <param name="count">The count, which only rises.</param>
    /// <param name="at">Timestamp of the count, of whatever clock.</param>
    public void Sample(long count, long at)
    {
        lock (_lock)
        {
            _samples[_taken++ % SamplesMax] = (count, at);
        }
    }

    /// <summary>Rise for one unit of the clock between the oldest sample kept and now; not a number while there is none.</summary>
    public double Slope(long count, long at)
    {
        lock (_lock)
        {
            if (_taken == 0)
            {
                return double.NaN;
            }
            (long before, long began) = _samples[_taken < SamplesMax ? 0 : _taken % SamplesMax];
            return at > began ? Math.Max(0, count - before) / (double)(at - began) : double.NaN;
        }
    }
}
