using System.Numerics;

namespace Broker.Engine.Diagnostics;

/// <summary>
/// What one thread puts into a histogram: eight buckets for each power of two, so that a value is known to 6 %, and the sum and
/// the extremes since the start. Recording is a few plain adds and, after the first time, allocates nothing. One writer;
/// readers see a recent state.
/// </summary>
internal sealed class HistogramShard(int shift)
{
    /// <summary>Enough for values below 2^33 after the shift.</summary>
    public const int BucketCount = 256;

    private const int SubBits = 3;

    /// <summary>Counts by bucket, or null while there are none.</summary>
    internal long[]? Buckets;
    internal long Sum;
    internal long Min = long.MaxValue;
    internal long Max = long.MinValue;

    public void Record(long value)
    {
        if (value < 0)
        {
            value = 0;
        }
        (Buckets ??= new long[BucketCount])[BucketOf((ulong)value >> shift)]++;
        Sum += value;
        if (value < Min)
        {
            Min = value;
        }
        if (value > Max)
        {
            Max = value;
        }
    }

    internal static int BucketOf(ulong value)
    {
        if (value < 1 << SubBits)
        {
            return (int)value;
        }
        int log = BitOperations.Log2(value);
        int bucket = ((log - SubBits + 1) << SubBits) | (int)((value >> (log - SubBits)) & ((1 << SubBits) - 1));
        return Math.Min(bucket, BucketCount - 1);
    }

    /// <summary>The least value of a bucket, after the shift.</summary>
    internal static double LowerBound(int bucket)
    {
        if (bucket < 1 << SubBits)
        {
            return bucket;
        }
        int log = (bucket >> SubBits) + SubBits - 1;
        return (double)(1ul << log) + ((bucket & ((1 << SubBits) - 1)) * (double)(1ul << (log - SubBits)));
    }
}

/// <summary>A histogram's figures at one moment, with Yammer's names.</summary>
internal readonly record struct HistogramFigures(
    long Count, double Min, double Max, double Mean, double StdDev, double P50, double P75, double P95, double P98, double P99, double P999)
{
    public const int QuantileCount = 6;

    public double Quantile(int index) => index switch { 0 => P50, 1 => P75, 2 => P95, 3 => P98, 4 => P99, _ => P999 };
}

/// <summary>
/// A histogram over shards. Count, Min, Max, Mean and StdDev are since the start, percentiles of late, both as with Kafka's
/// Yammer: <see cref="Tick"/> lets what was recorded before it lose weight by e^(-0.015 t), the decay of
/// ExponentiallyDecayingReservoir, but over all values rather than a sample of 1,028. StdDev is that of the buckets. Thread-safe;
/// ticks come from one thread.
/// </summary>
internal sealed class Histogram
{
    private const double AlphaPerSecond = 0.015;
    private static readonly double s_decay = Math.Exp(-AlphaPerSecond * Meter.TickSeconds);

    private readonly Lock _lock = new();
    private readonly Func<IEnumerable<HistogramShard>> _shards;
    private readonly double _scale;
    private readonly int _shift;
    private double[]? _weights;
    private long[]? _seen;
    private readonly Func<long>? _total;

    /// <param name="shards">Where the values are; there may be more of them from call to call.</param>
    /// <param name="scale">Units shown for one recorded unit: milliseconds a timestamp, or 1.</param>
    /// <param name="shift">The shards' own.</param>
    /// <param name="total">How many values there are, where zeros are not recorded: what the shards lack is zeros.</param>
    public Histogram(Func<IEnumerable<HistogramShard>> shards, double scale, int shift, Func<long>? total = null)
    {
        _total = total;
        _shards = shards;
        _scale = scale;
        _shift = shift;
    }

    public void Tick()
    {
        lock (_lock)
        {
            Span<long> now = stackalloc long[HistogramShard.BucketCount];
            if (Sum(now) == 0)
            {
                return;   // many histograms never get a value, and need no room
            }
            _weights ??= new double[HistogramShard.BucketCount];
            _seen ??= new long[HistogramShard.BucketCount];
            for (int i = 0; i < now.Length; i++)
            {
                _weights[i] = (_weights[i] * s_decay) + Math.Max(0, now[i] - _seen[i]);
                _seen[i] = now[i];
            }
        }
    }

    /// <summary>Adds the shards up; the zeros that are not recorded go to the first bucket.</summary>
    /// <returns>Values in all.</returns>
    private long Sum(Span<long> buckets)
    {
        long total = _total?.Invoke() ?? 0;
        long recorded = 0;
        foreach (HistogramShard shard in _shards())
        {
            if (Volatile.Read(ref shard.Buckets) is not { } counts)
            {
                continue;
            }
            for (int i = 0; i < buckets.Length; i++)
            {
                buckets[i] += counts[i];
                recorded += counts[i];
            }
        }
        long zeros = Math.Max(0, total - recorded);
        buckets[0] += zeros;
        return recorded + zeros;
    }

    public HistogramFigures Read()
    {
        Span<double> weights = stackalloc double[HistogramShard.BucketCount];
        Span<long> buckets = stackalloc long[HistogramShard.BucketCount];
        long count;
        double total = 0;
        lock (_lock)
        {
            count = Sum(buckets);
            for (int i = 0; i < buckets.Length; i++)
            {
                weights[i] = (_weights?[i] ?? 0) + Math.Max(0, buckets[i] - (_seen?[i] ?? 0));
                total += weights[i];
            }
        }
        if (count == 0)
        {
            return default;
        }
        double sum = 0;
        double min = _total is not null && buckets[0] > 0 ? 0 : double.MaxValue;
        double max = 0;
        foreach (HistogramShard shard in _shards())
        {
            sum += Volatile.Read(ref shard.Sum);
            min = Math.Min(min, Volatile.Read(ref shard.Min));
            max = Math.Max(max, Volatile.Read(ref shard.Max));
        }
        double mean = sum / count;
        (double low, double high) = (Math.Min(min, max) * _scale, max * _scale);
        double deviation = Deviation(buckets, count);
        return new HistogramFigures(
            count, low, high, mean * _scale, deviation, At(weights, 0.5 * total, low, high), At(weights, 0.75 * total, low, high),
            At(weights, 0.95 * total, low, high), At(weights, 0.98 * total, low, high), At(weights, 0.99 * total, low, high),
            At(weights, 0.999 * total, low, high));
    }

    private double Deviation(ReadOnlySpan<long> buckets, long count)
    {
        double mean = 0;
        double squares = 0;
        for (int i = 0; i < buckets.Length; i++)
        {
            mean += buckets[i] * Middle(i) / count;
        }
        for (int i = 0; i < buckets.Length; i++)
        {
            squares += buckets[i] * (Middle(i) - mean) * (Middle(i) - mean);
        }
        return count < 2 ? 0 : Math.Sqrt(squares / (count - 1));
    }

    /// <summary>The middle of a bucket's values, as shown; what is less than the least unit is zero.</summary>
    private double Middle(int bucket)
    {
        double lower = HistogramShard.LowerBound(bucket);
        double last = HistogramShard.LowerBound(bucket + 1) - 1;
        return (lower + last) / 2 * (1L << _shift) * _scale;
    }

    /// <summary>The value below which a weight lies, within its bucket in proportion.</summary>
    private double At(ReadOnlySpan<double> weights, double wanted, double min, double max)
    {
        double before = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] > 0 && before + weights[i] >= wanted)
            {
                double lower = HistogramShard.LowerBound(i);
                double within = (wanted - before) / weights[i] * (HistogramShard.LowerBound(i + 1) - lower);
                return Math.Clamp((lower + within) * (1L << _shift) * _scale, min, max);
            }
            before += weights[i];
        }
        return max;
    }
}
