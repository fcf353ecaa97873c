using Broker.Engine.Admin;

namespace WebConsole.Models;

/// <summary>Compares a purgatory's pictures and tells which buckets the hands have passed and emptied since the last one.
/// Used by one page.</summary>
public sealed class WheelWatch
{
    private readonly Dictionary<string, IReadOnlyList<WheelView>> _last = [];

    /// <returns>(ring, bucket) of each bucket that held operations and has been passed.</returns>
    public IReadOnlySet<(int Ring, int Bucket)> Fired(PurgatoryView now)
    {
        HashSet<(int, int)> fired = [];
        if (_last.TryGetValue(now.Name, out IReadOnlyList<WheelView>? before))
        {
            for (int ring = 0; ring < Math.Min(before.Count, now.Wheels.Count); ring++)
            {
                Passed(ring, before[ring], now.Wheels[ring], fired);
            }
        }
        _last[now.Name] = now.Wheels;
        return fired;
    }

    public void Forget() => _last.Clear();

    private static void Passed(int ring, WheelView before, WheelView now, HashSet<(int, int)> fired)
    {
        int buckets = now.Buckets.Count;
        if (buckets == 0 || before.Buckets.Count != buckets || now.TickMs <= 0)
        {
            return;
        }
        long ticks = Math.Min(buckets, (now.CurrentMs - before.CurrentMs) / now.TickMs);
        for (int i = 0; i < ticks; i++)
        {
            int bucket = (before.CurrentBucket + i) % buckets;
            if (before.Buckets[bucket] > 0)
            {
                fired.Add((ring, bucket));
            }
        }
    }
}
