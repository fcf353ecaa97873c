using Broker.Engine.Timing;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Timing;

public class EngineTimerTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly MonotonicClock _clock;
    private readonly EngineTimer _timer;
    private readonly List<(int Id, long At)> _ran = [];

    public EngineTimerTests()
    {
        _clock = new MonotonicClock(_time);
        _timer = new EngineTimer("test", _clock);
    }

    private Recorded Task(int id) => new(this, id);

    private void AdvanceTo(long ms)
    {
        // The clock goes from bucket to bucket, as the timer's thread does.
        while (_timer.NextDueMs <= ms)
        {
            _time.Advance(TimeSpan.FromMilliseconds(Math.Max(0, _timer.NextDueMs - _clock.NowMs)));
            _timer.Advance(_clock.NowMs);
        }
        _time.Advance(TimeSpan.FromMilliseconds(ms - _clock.NowMs));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(19)]
    [InlineData(20)]
    [InlineData(399)]
    [InlineData(400)]
    [InlineData(7_999)]
    [InlineData(8_000)]
    [InlineData(123_456)]
    [InlineData(3_600_000)]
    public void Add_AnyDelay_RunsAtItsDeadlineAndNotBefore(int delayMs)
    {
        _timer.Add(Task(1), delayMs);
        AdvanceTo(delayMs + 1);
        (int _, long at) = Assert.Single(_ran);
        Assert.InRange(at, delayMs, delayMs + 1);
        Assert.Equal(0, _timer.Pending);
    }

    [Fact]
    public void Advance_RandomDelays_AllRunInTimeAndOnce()
    {
        var random = new Random(17);
        var due = new Dictionary<int, long>();
        for (int i = 0; i < 5_000; i++)
        {
            int delay = random.Next(random.Next(3) == 0 ? 200_000 : 500);
            _timer.Add(Task(i), delay);
            due[i] = _clock.NowMs + delay;
            if (i % 50 == 0)
            {
                AdvanceTo(_clock.NowMs + random.Next(30));
            }
        }
        AdvanceTo(_clock.NowMs + 300_000);
        Assert.Equal(5_000, _ran.Count);
        Assert.Equal(5_000, _ran.Select(r => r.Id).Distinct().Count());
        Assert.All(_ran, r => Assert.InRange(r.At, due[r.Id], due[r.Id] + 1));
    }

    [Fact]
    public void Cancel_BeforeDeadline_DoesNotRunAndCanBeArmedAgain()
    {
        Recorded task = Task(1);
        _timer.Add(task, 500);
        AdvanceTo(300);
        Assert.True(_timer.Cancel(task));
        Assert.False(_timer.Cancel(task));
        AdvanceTo(1_000);
        Assert.Empty(_ran);
        _timer.Add(task, 50);
        AdvanceTo(1_051);
        Assert.Equal([(1, 1_050)], _ran);
    }

    [Fact]
    public void Add_AfterLongIdleTime_IsPlacedFromNow()
    {
        AdvanceTo(10_000_000);
        _timer.Add(Task(1), 5);
        Assert.Equal(10_000_005, _timer.NextDueMs);
        AdvanceTo(10_000_010);
        Assert.Equal([(1, 10_000_005)], _ran);
    }

    [Theory]
    [InlineData(5_000, 4_900, 4_800)]
    [InlineData(4_800, 5_000, 4_900)]
    [InlineData(100_000, 5_000, 399)]
    public void NextDue_TasksOnOverflowWheels_IsTheFirstTasksAndNotItsBuckets(int one, int two, int three)
    {
        int[] delays = [one, two, three];
        foreach ((int id, int delay) in delays.Index())
        {
            _timer.Add(Task(id), delay);
        }
        foreach (int delay in delays.Order())
        {
            Assert.Equal(delay, _timer.NextDueMs);
            _time.Advance(TimeSpan.FromMilliseconds(delay - _clock.NowMs));
            _timer.Advance(_clock.NowMs);
            Assert.Equal(delay, _ran[^1].At);
        }
        Assert.Equal((3, long.MaxValue), (_ran.Count, _timer.NextDueMs));
    }

    [Fact]
    public void Add_WhatIsDueEarlier_IsTold()
    {
        var told = new List<long>();
        _timer.Earlier = told.Add;
        _timer.Add(Task(1), 10);
        _timer.Add(Task(2), 15);
        _timer.Add(Task(3), 5);
        Assert.Equal([10, 5], told);
    }

    [Fact]
    public void Advance_OneTaskThrows_OthersRun()
    {
        _timer.Add(new Recorded(this, 1) { Throws = true }, 5);
        _timer.Add(Task(2), 5);
        _time.Advance(TimeSpan.FromMilliseconds(6));
        Assert.Throws<InvalidOperationException>(() => _timer.Advance(_clock.NowMs));
        Assert.Equal(2, Assert.Single(_ran).Id);
    }

    [Fact]
    public void Snapshot_TasksOnSeveralWheels_ShowsBucketsAndTotals()
    {
        _timer.Add(Task(1), 5);
        _timer.Add(Task(2), 100);
        _timer.Add(Task(3), 100);
        _timer.Add(Task(4), 5_000);
        TimerSnapshot snapshot = _timer.Snapshot(10);
        Assert.Equal([1, 20, 400], snapshot.Wheels.Select(w => w.TickMs));
        Assert.Equal([1, 2, 1], snapshot.Wheels.Select(w => w.Counts.Sum()));
        Assert.Equal(4, snapshot.Pending);
        Assert.Equal(4, snapshot.Added);
        Assert.Equal(4, snapshot.Tasks.Count);
    }

    [Fact]
    public async Task TimerThread_RealClock_RunsTaskAndWakesForEarlierOne()
    {
        using var thread = new TimerThread("timer-test", new MonotonicClock(TimeProvider.System), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        EngineTimer timer = thread.NewTimer("a");
        thread.Start();
        var late = new Awaited();
        var early = new Awaited();
        timer.Add(late, 60_000);
        timer.Add(early, 20);
        await early.Ran.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.False(late.Ran.Task.IsCompleted);
    }

    private sealed class Recorded(EngineTimerTests test, int id) : TimerTask
    {
        public bool Throws { get; init; }

        protected internal override void Expire(int arming)
        {
            if (Throws)
            {
                throw new InvalidOperationException("meant");
            }
            test._ran.Add((id, test._clock.NowMs));
        }
    }

    private sealed class Awaited : TimerTask
    {
        public TaskCompletionSource Ran { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected internal override void Expire(int arming) => Ran.SetResult();
    }
}
