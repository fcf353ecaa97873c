using System.Globalization;

namespace Simulation.World;

/// <summary>
/// One thread, one queue of events, one source of chance: time passes from one event to the next, and a seed is one course of
/// events. What an event sets going on the thread pool runs to its end before the next event; the pool has one thread, and that
/// is this one. Not thread-safe.
/// </summary>
internal sealed class SimWorld
{
    public const long TicksPerMs = TimeSpan.TicksPerMillisecond;

    private readonly PriorityQueue<(SimProcess? Owner, Action Work), (long At, long Number)> _events = new();
    private long _scheduled;

    public SimWorld(ulong seed)
    {
        Seed = seed;
        Random = new Random((int)(seed ^ (seed >> 31)));
    }

    public ulong Seed { get; }

    public Random Random { get; }

    public SimTrace Trace { get; } = new();

    /// <summary>Time since the beginning, in ticks of 100 ns.</summary>
    public long Now { get; private set; }

    public double NowMs => Now / (double)TicksPerMs;

    public long Steps { get; private set; }

    /// <summary>Called after each event, when all that it set going has ended, with whose it was.</summary>
    public Action<SimProcess?>? AfterStep { get; set; }

    /// <summary>Runs <paramref name="work"/> later, unless its owner is dead by then. What belongs to an owner that is paused or
    /// busy waits for it, in order.</summary>
    public void Schedule(SimProcess? owner, long delayTicks, Action work) =>
        _events.Enqueue((owner, work), (Now + Math.Max(0, delayTicks), _scheduled++));

    public void ScheduleMs(SimProcess? owner, double delayMs, Action work) => Schedule(owner, (long)(delayMs * TicksPerMs), work);

    /// <summary>A span of time by chance, mostly near the lower end.</summary>
    public double Between(double lowMs, double highMs)
    {
        double share = Random.NextDouble();
        return lowMs + ((highMs - lowMs) * share * share);
    }

    public bool Chance(double probability) => Random.NextDouble() < probability;

    public T Pick<T>(IReadOnlyList<T> list) => list[Random.Next(list.Count)];

    /// <summary>Lets time pass until <paramref name="untilMs"/>, or until <paramref name="done"/>.</summary>
    public async Task RunAsync(double untilMs, Func<bool>? done = null)
    {
        long until = (long)(untilMs * TicksPerMs);
        await SettleAsync();
        while (done is null || !done())
        {
            if (!_events.TryPeek(out (SimProcess? Owner, Action Work) next, out (long At, long Number) key) || key.At > until)
            {
                Now = Math.Max(Now, until);
                return;
            }
            _events.Dequeue();
            Now = Math.Max(Now, key.At);
            if (next.Owner is { } owner && !owner.Admits(next.Work))
            {
                continue;
            }
            Steps++;
            next.Work();
            await SettleAsync();
            AfterStep?.Invoke(next.Owner);
        }
    }

    /// <summary>Lets the pool run what it has.</summary>
    public static async Task SettleAsync()
    {
        while (ThreadPool.PendingWorkItemCount > 0)
        {
            await Task.Yield();
        }
    }

    public void Log(string what) =>
        Trace.Add(string.Create(CultureInfo.InvariantCulture, $"{NowMs,10:0.000} {what}"));
}
