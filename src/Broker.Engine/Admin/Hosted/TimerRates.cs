using Broker.Engine.Timing;

namespace Broker.Engine.Admin.Hosted;

/// <summary>How fast the timers' counters rise, from one look to the next at least half a second later. Thread-safe.</summary>
internal sealed class TimerRates
{
    private static readonly TimeSpan s_least = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<(int, string), (TimerSnapshot Snapshot, DateTimeOffset At, (double, double, double) Rates)> _last = [];

    public (double Inserted, double Cancelled, double Expired) Of((int, string) key, TimerSnapshot now, TimeProvider time)
    {
        lock (_last)
        {
            DateTimeOffset at = time.GetUtcNow();
            if (!_last.TryGetValue(key, out var before) || now.Added < before.Snapshot.Added)
            {
                _last[key] = (now, at, default);
                return default;
            }
            if (at - before.At < s_least)
            {
                return before.Rates;
            }
            double seconds = (at - before.At).TotalSeconds;
            var rates = (
                (now.Added - before.Snapshot.Added) / seconds, (now.Cancelled - before.Snapshot.Cancelled) / seconds,
                (now.Expired - before.Snapshot.Expired) / seconds);
            _last[key] = (now, at, rates);
            return rates;
        }
    }
}
