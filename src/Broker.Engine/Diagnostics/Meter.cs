namespace Broker.Engine.Diagnostics;

/// <summary>
/// Counts events and knows how many a second there were of late, as Yammer's Meter does: three averages, weighted
/// exponentially, that <see cref="Tick"/> moves on every five seconds. A mark is one interlocked add and reads no clock.
/// Thread-safe; ticks come from one thread, the broker's sampler.
/// </summary>
internal class Meter
{
    /// <summary>Seconds between two ticks.</summary>
    public const int TickSeconds = 5;

    private static readonly double s_alpha1 = Alpha(minutes: 1);
    private static readonly double s_alpha5 = Alpha(minutes: 5);
    private static readonly double s_alpha15 = Alpha(minutes: 15);

    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private long _count;
    private long _ticked;
    private bool _hasRates;
    private double _rate1;
    private double _rate5;
    private double _rate15;

    /// <param name="time">The broker's clock, for the mean.</param>
    /// <param name="eventType">What is counted: requests, bytes ...</param>
    public Meter(TimeProvider time, string eventType)
    {
        _time = time;
        _startedAt = time.GetTimestamp();
        EventType = eventType;
    }

    public string EventType { get; }

    /// <summary>The unit that rates are per, as Yammer names it.</summary>
    public virtual string RateUnit => "SECONDS";

    /// <summary>Units of <see cref="RateUnit"/> in a second.</summary>
    protected virtual double UnitsPerSecond => 1;

    public virtual long Count => Interlocked.Read(ref _count);

    public double OneMinuteRate => Volatile.Read(ref _rate1) / UnitsPerSecond;

    public double FiveMinuteRate => Volatile.Read(ref _rate5) / UnitsPerSecond;

    public double FifteenMinuteRate => Volatile.Read(ref _rate15) / UnitsPerSecond;

    /// <summary>Events a unit since the meter was made.</summary>
    public double MeanRate
    {
        get
        {
            double seconds = _time.GetElapsedTime(_startedAt).TotalSeconds;
            return seconds > 0 ? Count / seconds / UnitsPerSecond : 0;
        }
    }

    public void Mark(long events = 1) => Interlocked.Add(ref _count, events);

    /// <summary>Moves the averages on by one interval.</summary>
    public void Tick()
    {
        long count = Count;
        double rate = (count - _ticked) / (double)TickSeconds;
        _ticked = count;
        if (!_hasRates)
        {
            _hasRates = true;
            Volatile.Write(ref _rate1, rate);
            Volatile.Write(ref _rate5, rate);
            Volatile.Write(ref _rate15, rate);
            return;
        }
        Volatile.Write(ref _rate1, _rate1 + (s_alpha1 * (rate - _rate1)));
        Volatile.Write(ref _rate5, _rate5 + (s_alpha5 * (rate - _rate5)));
        Volatile.Write(ref _rate15, _rate15 + (s_alpha15 * (rate - _rate15)));
    }

    private static double Alpha(int minutes) => 1 - Math.Exp(-TickSeconds / 60.0 / minutes);
}

/// <summary>A meter over a count that somebody else keeps. Thread-safe as the count is.</summary>
internal sealed class CountMeter(TimeProvider time, string eventType, Func<long> count) : Meter(time, eventType)
{
    public override long Count => count();
}

/// <summary>A meter of time: what it counts is nanoseconds, so that its rates are shares of the time gone by, in 0 to 1
/// (KafkaRequestHandlerPool's RequestHandlerAvgIdlePercent, AcceptorBlockedPercent).</summary>
internal sealed class ShareMeter(TimeProvider time, string eventType, Func<long> nanoseconds) : Meter(time, eventType)
{
    public override string RateUnit => "NANOSECONDS";

    protected override double UnitsPerSecond => 1e9;

    public override long Count => nanoseconds();
}
