using System.Globalization;
using System.Runtime.CompilerServices;

namespace Simulation.World;

/// <summary>
/// One thread, one queue of events, one source of chance: time passes from one event to the next, and a seed is one course of
/// events. What an event sets going on the thread pool runs to its end before the next event; the pool has one thread, and that
/// is this one. Not thread-safe.
/// </summary>
internal sealed class SimWorld
{
    public const long TicksPerMs = TimeSpan.TicksPerMillisecond;

    private readonly SimQueue _events = new();
    private long _scheduled;

    public SimWorld(ulong seed, bool keepsTrace)
    {
        Trace = new SimTrace(keepsTrace);
        Seed = seed;
        Random = new Random((int)(seed ^ (seed >> 31)));
    }

    public ulong Seed { get; }

    public Random Random { get; }

    public SimTrace Trace { get; }

    /// <summary>Time since the beginning, in ticks of 100 ns.</summary>
    public long Now { get; private set; }

    public double NowMs => Now / (double)TicksPerMs;

    public long Steps { get; private set; }

    /// <summary>Called after each event, when all that it set going has ended, with whose it was.</summary>
    public Action<SimProcess?>? AfterStep { get; set; }

    /// <summary>Runs <paramref name="work"/> later, unless its owner is dead by then. What belongs to an owner that is paused or
    /// busy waits for it, in order.</summary>
    public void Schedule(SimProcess? owner, long delayTicks, Action work) => Add(delayTicks, new SimEvent(owner, work, null, 0));

    public void ScheduleMs(SimProcess? owner, double delayMs, Action work) => Schedule(owner, (long)(delayMs * TicksPerMs), work);

    /// <summary>Lets a timer ring later, if it is still armed as it is now.</summary>
    public void Schedule(SimTimer timer, long delayTicks) => Add(delayTicks, new SimEvent(timer.Process, null, timer, timer.Arming));

    private void Add(long delayTicks, SimEvent what) => _events.Add(what, new EventTime(Now + Math.Max(0, delayTicks), _scheduled++));

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
            if (!_events.TryPeek(out SimEvent next, out EventTime key) || key.At > until)
            {
                Now = Math.Max(Now, until);
                return;
            }
            _events.Take();
            Now = Math.Max(Now, key.At);
            if (next.Owner is { } owner && !owner.IsFree && !owner.Admits(WorkOf(next)))
            {
                continue;
            }
            Steps++;
            Trace.Add((ulong)Now);
            next.Run();
            while (ThreadPool.PendingWorkItemCount > 0)
            {
                await Task.Yield();
            }
            AfterStep?.Invoke(next.Owner);
        }
    }

    private static Action WorkOf(SimEvent next) => next.Work ?? (() => next.Run());

    /// <summary>Lets the pool run what it has.</summary>
    public static async Task SettleAsync()
    {
        while (ThreadPool.PendingWorkItemCount > 0)
        {
            await Task.Yield();
        }
    }

    /// <summary>Tells a line of the trace, where one is kept.</summary>
    public void Log([InterpolatedStringHandlerArgument("")] ref LogLine line)
    {
        if (line.IsKept)
        {
            Log(line.ToText());
        }
    }

    public void Log(string what)
    {
        if (Trace.IsKept)
        {
            Trace.Tell(string.Create(CultureInfo.InvariantCulture, $"{NowMs,10:0.000} {what}"));
        }
    }

    /// <summary>A line that is put together only where a trace is kept.</summary>
    [InterpolatedStringHandler]
    public ref struct LogLine
    {
        private DefaultInterpolatedStringHandler _text;

        public LogLine(int literalLength, int formattedCount, SimWorld world, out bool isKept)
        {
            IsKept = isKept = world.Trace.IsKept;
            if (isKept)
            {
                _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture);
            }
        }

        public bool IsKept { get; }

        public void AppendLiteral(string text) => _text.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public void AppendFormatted<T>(T value, string format) => _text.AppendFormatted(value, format);

        public string ToText() => _text.ToStringAndClear();
    }
}
