using Broker.Engine.Diagnostics;

namespace Broker.Engine.Coordination.Server;

/// <summary>How long requests took, in milliseconds, as ZooKeeper counts it. Thread-safe.</summary>
internal sealed class LatencyFigures
{
    private readonly Lock _lock = new();
    private HistogramShard _all = new(shift: 0);
    private long _count;

    public void Record(double ms)
    {
        lock (_lock)
        {
            _count++;
            _all.Record((long)ms);
        }
    }

    public void Reset()
    {
        lock (_lock)
        {
            _all = new HistogramShard(shift: 0);
            _count = 0;
        }
    }

    /// <summary>Requests, milliseconds in all, the least, the mean and the most.</summary>
    public (long Count, long Sum, long Min, double Mean, long Max) Now
    {
        get
        {
            lock (_lock)
            {
                return _count == 0 ? default : (_count, _all.Sum, _all.Min, Math.Round((double)_all.Sum / _count, 4), _all.Max);
            }
        }
    }

    /// <summary>What a share of the requests did not exceed.</summary>
    public long Percentile(double share)
    {
        lock (_lock)
        {
            long seen = 0;
            for (int bucket = 0; _all.Buckets is { } counts && bucket < counts.Length; bucket++)
            {
                seen += counts[bucket];
                if (seen > 0 && seen >= share * _count)
                {
                    return (long)HistogramShard.LowerBound(bucket);
                }
            }
            return 0;
        }
    }
}
