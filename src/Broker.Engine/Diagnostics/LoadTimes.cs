namespace Broker.Engine.Diagnostics;

/// <summary>Mean and maximum of durations over the last minute, as Kafka's Avg and Max: not a number when there were none. For
/// what is rare. Thread-safe.</summary>
internal sealed class LoadTimes(TimeProvider time)
{
    private static readonly TimeSpan s_window = TimeSpan.FromMinutes(1);
    private const int KeptMax = 1_000;

    private readonly Queue<(long At, double Ms)> _kept = new();

    public void Add(double ms)
    {
        lock (_kept)
        {
            _kept.Enqueue((time.GetTimestamp(), ms));
            if (_kept.Count > KeptMax)
            {
                _kept.Dequeue();
            }
        }
    }

    public (double Average, double Max) Read()
    {
        lock (_kept)
        {
            while (_kept.TryPeek(out var oldest) && time.GetElapsedTime(oldest.At) > s_window)
            {
                _kept.Dequeue();
            }
            return _kept.Count == 0 ? (double.NaN, double.NaN) : (_kept.Average(k => k.Ms), _kept.Max(k => k.Ms));
        }
    }
}
