using Broker.Engine.Purgatory;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Purgatory;

/// <summary>Many threads on one purgatory with the real clock: each arming ends exactly once, none is forgotten, and nothing
/// stays behind.</summary>
public sealed class PurgatoryStressTests
{
    private const int Threads = 4;
    private const int ArmingsPerThread = 2_500;
    private const int Keys = 8;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Operations_CompletedExpiredAndAbandonedAtOnce_EndExactlyOnce(int seed)
    {
        using var timers = new TimerThread("stress", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
        timers.Start();
        var purgatory = new DelayedOperationPurgatory("Stress", timers.NewTimer("Stress"));
        Key[] keys = [.. Enumerable.Range(0, Keys).Select(_ => new Key())];
        bool stop = false;
        Thread[] wakers = [.. Enumerable.Range(0, 2).Select(n => new Thread(() =>
        {
            var random = new Random(seed + (n * 31));
            while (!Volatile.Read(ref stop))
            {
                Thread.Yield();
                Key key = keys[random.Next(Keys)];
                Interlocked.Increment(ref key.Value);
                key.Watchers.CheckAndComplete();
            }
        }))];
        long ended = 0;
        Thread[] armers = [.. Enumerable.Range(0, Threads).Select(n => new Thread(() => Interlocked.Add(ref ended, Arm(purgatory, keys, seed * 1_000 + n))))];
        Array.ForEach(wakers, t => t.Start());
        Array.ForEach(armers, t => t.Start());
        Array.ForEach(armers, t => t.Join());
        Volatile.Write(ref stop, true);
        Array.ForEach(wakers, t => t.Join());
        Assert.Equal((long)Threads * ArmingsPerThread, ended);
        Assert.Equal((0, 0, 0), (purgatory.NumDelayedOperations, purgatory.PurgatorySize, purgatory.Timer.Pending));
        Assert.All(keys, k => Assert.Equal(0, k.Watchers.Count));
    }

    private static long Arm(DelayedOperationPurgatory purgatory, Key[] keys, int seed)
    {
        var random = new Random(seed);
        var operations = new Wait[16];
        for (int i = 0; i < operations.Length; i++)
        {
            operations[i] = new Wait();
        }
        long ended = 0;
        for (int n = 0; n < ArmingsPerThread; n++)
        {
            Wait operation = operations[random.Next(operations.Length)];
            ended += operation.EndLast(random.Next(4) == 0, purgatory.Timer);
            Key a = keys[random.Next(Keys)];
            Key b = keys[random.Next(Keys)];
            // Some wait for what never comes and end by their deadline.
            operation.Begin(a, random.Next(3) == 0 ? long.MaxValue : Volatile.Read(ref a.Value) + random.Next(3));
            purgatory.TryCompleteElseWatch(operation, a == b ? [a.Watchers] : [a.Watchers, b.Watchers], random.Next(0, 3));
        }
        foreach (Wait operation in operations)
        {
            ended += operation.EndLast(abandon: false, purgatory.Timer);
        }
        return ended;
    }

    private sealed class Key
    {
        public readonly WatchList Watchers = new();
        public long Value;
    }

    private sealed class Wait : DelayedOperation
    {
        private readonly ManualResetEventSlim _done = new(initialState: true);
        private Key? _key;
        private long _until;
        private int _begun;
        private int _completed;

        public void Begin(Key key, long until)
        {
            _done.Reset();
            _key = key;
            _until = until;
            _begun++;
        }

        /// <summary>Waits for the end of the last arming; 1 when there was one.</summary>
        public long EndLast(bool abandon, EngineTimer timer)
        {
            if (_key is null)
            {
                return 0;
            }
            if (abandon && Abandon())
            {
                _completed++;
                _done.Set();
            }
            Assert.True(
                _done.Wait(20_000),
                $"an operation was forgotten: armed {IsArmed}, due {DueMs}, now {timer.Clock.NowMs}, next {timer.NextDueMs}, pending {timer.Pending}");
            Assert.Equal(_begun, Volatile.Read(ref _completed));
            _key = null;
            return 1;
        }

        protected override bool TryComplete() => Volatile.Read(ref _key!.Value) >= _until && ForceComplete();

        protected override void OnComplete()
        {
            _completed++;
            _done.Set();
        }
    }
}
