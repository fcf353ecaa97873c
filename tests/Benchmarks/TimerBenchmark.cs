using System.Diagnostics;
using Broker.Engine.Purgatory;
using Broker.Engine.Timing;

namespace Benchmarks;

/// <summary>Insert and cancel on the hierarchical timing wheel with a thousand to a million timers pending: O(1) means that the
/// columns stay flat, but for what the caches cost.</summary>
internal static class TimerBenchmark
{
    private const int Operations = 200_000;
    private const int Rounds = 7;

    public static void Run()
    {
        Console.WriteLine("pending timers | insert ns | cancel ns | insert+cancel of a delayed operation on 3 watch lists ns");
        foreach (int pending in new[] { 1_000, 10_000, 100_000, 1_000_000 })
        {
            (double insert, double cancel) = Timers(pending);
            Console.WriteLine($"{pending,14:N0} | {insert,9:F1} | {cancel,9:F1} | {Operation(pending),9:F1}");
        }
    }

    private static (double Insert, double Cancel) Timers(int pending)
    {
        EngineTimer timer = Filled(pending);
        var random = new Random(2);
        Idle[] tasks = [.. Enumerable.Range(0, Operations).Select(_ => new Idle())];
        int[] delays = [.. Enumerable.Range(0, Operations).Select(_ => random.Next(60_000, 600_000))];
        double insert = double.MaxValue;
        double cancel = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long began = Stopwatch.GetTimestamp();
            for (int i = 0; i < Operations; i++)
            {
                timer.Add(tasks[i], delays[i]);
            }
            insert = Math.Min(insert, Stopwatch.GetElapsedTime(began).TotalNanoseconds / Operations);
            began = Stopwatch.GetTimestamp();
            for (int i = 0; i < Operations; i++)
            {
                timer.Cancel(tasks[i]);
            }
            cancel = Math.Min(cancel, Stopwatch.GetElapsedTime(began).TotalNanoseconds / Operations);
        }
        return (insert, cancel);
    }

    private static double Operation(int pending)
    {
        var purgatory = new DelayedOperationPurgatory("bench", Filled(pending));
        WatchList[] lists = [new(), new(), new()];
        var operation = new Poll();
        double best = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long began = Stopwatch.GetTimestamp();
            for (int i = 0; i < Operations; i++)
            {
                purgatory.TryCompleteElseWatch(operation, lists, 60_000);
                operation.ForceComplete();
            }
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalNanoseconds / Operations);
        }
        return best;
    }

    private static EngineTimer Filled(int pending)
    {
        var timer = new EngineTimer("bench", new MonotonicClock(TimeProvider.System));
        var random = new Random(1);
        for (int i = 0; i < pending; i++)
        {
            timer.Add(new Idle(), random.Next(60_000, 3_600_000));
        }
        return timer;
    }

    private sealed class Idle : TimerTask
    {
        protected internal override void Expire(int arming) { }
    }

    private sealed class Poll : DelayedOperation
    {
        protected override bool TryComplete() => false;

        protected override void OnComplete() { }
    }
}
