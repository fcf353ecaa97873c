using System.Numerics;

namespace Broker.Engine.Diagnostics;

/// <summary>
/// What one thread puts into a histogram: eight buckets for each power of two, so that a value is known to 6 %, and what
/// Yammer keeps since the start. Recording is a few plain adds and allocates nothing. One writer; readers see a recent state.
/// </summary>
internal sealed class HistogramShard(int shift)
{
    /// <summary>Enough for values below 2^33 after the shift.</summary>
    public const int BucketCount = 256;

    private const int SubBits = 3;

    internal readonly uint[] Buckets = new uint[BucketCount];
    internal long Sum;
    internal double SumOfSquares;
    internal long Min = long.MaxValue;
    internal long Max = long.MinValue;

    public void Record(long value)
    {
        if (value < 0)
        {
            value = 0;
        }
        Buckets[BucketOf((ulong)value >> shift)]++;
        Sum += value;
        SumOfSquares += (double)value * value;
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
/// ExponentiallyDecayingReservoir, but over all values rather than a sample of 1,028. Thread-safe; ticks come from one thread.
/// </summary>
internal sealed class Histogram
{
    private const double AlphaPerSecond = 0.015;
    private static readonly double s_decay = Math.Exp(-AlphaPerSecond * Meter.TickSeconds);

    private readonly Lock _lock = new();
    private readonly Func<IEnumerable<HistogramShard>> _shards;
    private readonly double _scale;
    private readonly int _shift;
    private readonly double[] _weights = new double[HistogramShard.BucketCount];
    private readonly uint[] _seen = new uint[HistogramShard.BucketCount];

    /// <param name="shards">Where the values are; there may be more of them from call to call.</param>
    /// <param name="scale">Units shown for one recorded unit: milliseconds a timestamp, or 1.</param>
    /// <param name="shift">The shards' own.</param>
    public Histogram(Func<IEnumerable<HistogramShard>> shards, double scale, int shift)
    {
        _shards = shards;
        _scale = scale;
        _shift = shift;
    }

    public void Tick()
    {
        lock (_lock)
        {
            Span<uint> now = stackalloc uint[HistogramShard.BucketCount];
            Sum(now);
            for (int i = 0; i < now.Length; i++)
            {
                _weights[i] = (_weights[i] * s_decay) + unchecked(now[i] - _seen[i]);
                _seen[i] = now[i];
            }
        }
    }

    private void Sum(Span<uint> buckets)
    {
        foreach (HistogramShard shard in _shards())
        {
            for (int i = 0; i < buckets.Length; i++)
            {
                buckets[i] = unchecked(buckets[i] + shard.Buckets[i]);
            }
        }
    }

    public HistogramFigures Read()
    {
        Span<double> weights = stackalloc double[HistogramShard.BucketCount];
        Span<uint> buckets = stackalloc uint[HistogramShard.BucketCount];
        long count = 0;
        double total = 0;
        lock (_lock)
        {
            Sum(buckets);
            for (int i = 0; i < buckets.Length; i++)
            {
                count += buckets[i];
                weights[i] = _weights[i] + unchecked(buckets[i] - _seen[i]);
                total += weights[i];
            }
        }
        if (count == 0)
        {
            return default;
        }
        double sum = 0;
        double squares = 0;
        double min = double.MaxValue;
        double max = 0;
        foreach (HistogramShard shard in _shards())
        {
            sum += Volatile.Read(ref shard.Sum);
            squares += Volatile.Read(ref shard.SumOfSquares);
            min = Math.Min(min, Volatile.Read(ref shard.Min));
            max = Math.Max(max, Volatile.Read(ref shard.Max));
        }
        double mean = sum / count;
        double deviation = count < 2 ? 0 : Math.Sqrt(Math.Max(0, (squares - (count * mean * mean)) / (count - 1)));
        (double low, double high) = (min * _scale, max * _scale);
        return new HistogramFigures(
            count, low, high, mean * _scale, deviation * _scale, At(weights, 0.5 * total, low, high), At(weights, 0.75 * total, low, high),
            At(weights, 0.95 * total, low, high), At(weights, 0.98 * total, low, high), At(weights, 0.99 * total, low, high),
            At(weights, 0.999 * total, low, high));
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
