using Broker.Engine.Purgatory;
using Broker.Engine.Timing;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Purgatory;

public class PurgatoryTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly EngineTimer _timer;
    private readonly DelayedOperationPurgatory _purgatory;

    public PurgatoryTests()
    {
        _timer = new EngineTimer("test", new MonotonicClock(_time));
        _purgatory = new DelayedOperationPurgatory("Test", _timer);
    }

    private void Pass(int ms)
    {
        _time.Advance(TimeSpan.FromMilliseconds(ms));
        _timer.Advance(_timer.Clock.NowMs);
    }

    [Fact]
    public void TryCompleteElseWatch_ConditionHolds_CompletesAtOnceAndNothingWaits()
    {
        var operation = new Counted { Condition = true };
        Assert.True(_purgatory.TryCompleteElseWatch(operation, [new WatchList()], 100));
        Assert.Equal((1, 0), (operation.Completed, operation.Expired));
        Assert.Equal((0, 0), (_purgatory.NumDelayedOperations, _purgatory.PurgatorySize));
    }

    [Fact]
    public void CheckAndComplete_ConditionBecomesTrue_CompletesOnceAndLeavesAllLists()
    {
        WatchList[] lists = [new(), new(), new()];
        var operation = new Counted();
        Assert.False(_purgatory.TryCompleteElseWatch(operation, lists, 100));
        Assert.Equal((1, 3), (_purgatory.NumDelayedOperations, _purgatory.PurgatorySize));
        Assert.Equal(0, lists[0].CheckAndComplete());

        operation.Condition = true;
        Assert.Equal(1, lists[1].CheckAndComplete());
        Assert.Equal(0, lists[2].CheckAndComplete());
        Pass(200);

        Assert.Equal((1, 0), (operation.Completed, operation.Expired));
        Assert.All(lists, l => Assert.Equal(0, l.Count));
        Assert.Equal((0, 0), (_purgatory.NumDelayedOperations, _purgatory.PurgatorySize));
    }

    [Fact]
    public void Deadline_Passes_CompletesByExpiration()
    {
        var list = new WatchList();
        var operation = new Counted();
        _purgatory.TryCompleteElseWatch(operation, [list], 100);
        Pass(101);
        Assert.Equal((1, 1), (operation.Completed, operation.Expired));
        Assert.Equal(0, list.Count);
        Assert.Equal(1, _purgatory.Expired);
    }

    [Fact]
    public void Rearmed_OldDeadlinePasses_NewArmingGoesOnWaiting()
    {
        var list = new WatchList();
        var operation = new Counted();
        _purgatory.TryCompleteElseWatch(operation, [list], 100);
        Assert.True(operation.ForceComplete());
        Assert.False(operation.ForceComplete());
        _purgatory.TryCompleteElseWatch(operation, [list], 1_000);
        Pass(200);
        Assert.Equal((1, 0), (operation.Completed, operation.Expired));
        Pass(900);
        Assert.Equal((2, 1), (operation.Completed, operation.Expired));
    }

    [Fact]
    public void Abandon_WhileWaiting_NeverCompletes()
    {
        var list = new WatchList();
        var operation = new Counted();
        _purgatory.TryCompleteElseWatch(operation, [list], 100);
        Assert.True(operation.Abandon());
        operation.Condition = true;
        list.CheckAndComplete();
        Pass(500);
        Assert.Equal(0, operation.Completed);
        Assert.Equal((0, 0), (_purgatory.NumDelayedOperations, list.Count));
    }

    [Fact]
    public async Task CompletionsRace_EveryOperationCompletesExactlyOnce()
    {
        // Watchers, deadlines and re-arming all at once: each arming must complete once, and all lists end empty.
        WatchList[] lists = [.. Enumerable.Range(0, 8).Select(_ => new WatchList())];
        Counted[] operations = [.. Enumerable.Range(0, 64).Select(_ => new Counted())];
        const int Rounds = 300;
        int armed = 0;
        using var stop = new CancellationTokenSource();
        Task[] checkers = [.. Enumerable.Range(0, 2).Select(n => Task.Run(() =>
        {
            var random = new Random(n);
            while (!stop.IsCancellationRequested)
            {
                operations[random.Next(operations.Length)].Condition = true;
                lists[random.Next(lists.Length)].CheckAndComplete();
            }
        }))];
        for (int round = 0; round < Rounds; round++)
        {
            foreach (Counted operation in operations)
            {
                if (operation.IsFree)
                {
                    operation.Condition = round % 3 == 0;
                    armed++;
                    _purgatory.TryCompleteElseWatch(operation, [lists[round % 8], lists[(round + 3) % 8]], round % 7);
                }
            }
            Pass(3);
        }
        await stop.CancelAsync();
        await Task.WhenAll(checkers);
        Pass(1_000);
        Assert.Equal(armed, operations.Sum(o => o.Completed));
        Assert.All(lists, l => Assert.Equal(0, l.Count));
        Assert.Equal((0, 0, 0), (_purgatory.NumDelayedOperations, _purgatory.PurgatorySize, _timer.Pending));
    }

    private sealed class Counted : DelayedOperation
    {
        private int _completed;

        public volatile bool Condition;

        public int Completed => Volatile.Read(ref _completed);

        public int Expired { get; private set; }

        public bool IsFree => !IsArmed;

        protected override bool TryComplete() => Condition && ForceComplete();

        protected override void OnComplete() => Interlocked.Increment(ref _completed);

        protected override void OnExpiration() => Expired++;
    }
}
