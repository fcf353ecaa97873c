namespace Broker.Engine.Timing;

/// <summary>
/// A timer on a hierarchical timing wheel (tick 1 ms, 20 buckets a wheel, as Kafka's SystemTimer). Adding costs one step a
/// level of the hierarchy, cancelling is O(1), and neither allocates; the clock moves from one filled bucket to the next, so
/// that a timer with nothing due costs nothing. A bucket of an overflow wheel is emptied when the first of its tasks is due
/// rather than, as Kafka's, when its tick begins: nobody is woken only to move tasks down. Time passes only by
/// <see cref="Advance"/>: the broker's <see cref="TimerThread"/> calls it, or a test does. Thread-safe.
/// </summary>
internal sealed class EngineTimer
{
    public const int TickMs = 1;
    public const int WheelSize = 20;

    private readonly Lock _lock = new();
    private readonly MonotonicClock _clock;
    private readonly TimingWheel _wheel;
    private readonly PriorityQueue<TimerBucket, long> _queue = new();
    private readonly List<(TimerTask Task, int Arming)> _due = [];
    private int _pending;
    private long _added;
    private long _cancelled;
    private long _expired;
    private long _nextDueMs = long.MaxValue;

    public EngineTimer(string name, MonotonicClock clock)
    {
        Name = name;
        _clock = clock;
        _wheel = new TimingWheel(TickMs, WheelSize, clock.NowMs);
    }

    /// <summary>Called, outside the lock, when a task is now due earlier than anything before it.</summary>
    public Action<long>? Earlier { get; set; }

    public string Name { get; }

    public MonotonicClock Clock => _clock;

    /// <summary>Tasks that wait.</summary>
    public int Pending => Volatile.Read(ref _pending);

    /// <summary>When the next bucket is due; <see cref="long.MaxValue"/> when none is.</summary>
    public long NextDueMs => Volatile.Read(ref _nextDueMs);

    /// <summary>Arms <paramref name="task"/>, which must not be armed. A task that is due at once runs at the next advance.</summary>
    public void Add(TimerTask task, long delayMs)
    {
        long now = _clock.NowMs;
        long due = now + Math.Max(0, delayMs);
        long earlier = long.MaxValue;
        lock (_lock)
        {
            if (task.Bucket is not null)
            {
                throw new InvalidOperationException($"{task} is armed already");
            }
            // The wheel stands still while nothing is due: bring it up, as far as no filled bucket is passed.
            _wheel.Turn(Math.Min(FirstDueMs(), now));
            task.DueMs = due;
            task.Arming++;
            _added++;
            _pending++;
            Insert(task, Math.Max(due, _wheel.CurrentMs + TickMs));
            long next = FirstDueMs();
            if (next < _nextDueMs)
            {
                Volatile.Write(ref _nextDueMs, next);
                earlier = next;
            }
        }
        if (earlier != long.MaxValue)
        {
            Earlier?.Invoke(earlier);
        }
    }

    /// <summary>Disarms a task; false when it has run, is about to run, or was never armed.</summary>
    public bool Cancel(TimerTask task)
    {
        lock (_lock)
        {
            if (task.Bucket is not { } bucket)
            {
                return false;
            }
            bucket.Remove(task);
            _pending--;
            _cancelled++;
            return true;
        }
    }

    /// <summary>Runs what is due at <paramref name="nowMs"/> and moves the rest down the wheels. One caller at a time.</summary>
    /// <returns>When the next bucket is due.</returns>
    public long Advance(long nowMs)
    {
        long next;
        lock (_lock)
        {
            while (FirstDueMs() is var at && at <= nowMs)
            {
                TimerBucket bucket = _queue.Dequeue();
                bucket.ExpirationMs = -1;
                bucket.QueuedMs = -1;
                _wheel.Turn(at);
                Empty(bucket);
            }
            _wheel.Turn(nowMs);
            next = FirstDueMs();
            Volatile.Write(ref _nextDueMs, next);
        }
        RunDue();
        return next;
    }

    private void RunDue()
    {
        Exception? first = null;
        foreach ((TimerTask task, int arming) in _due)
        {
            try
            {
                task.Expire(arming);
            }
            catch (Exception e)
            {
                // The others are due all the same; the first fault goes to the caller.
                first ??= e;
            }
        }
        _due.Clear();
        if (first is not null)
        {
            throw new InvalidOperationException("a task failed as it expired", first);
        }
    }

    private void Empty(TimerBucket bucket)
    {
        while (bucket.First is { } task)
        {
            bucket.Remove(task);
            if (task.DueMs < _wheel.CurrentMs + TickMs)
            {
                _pending--;
                _expired++;
                _due.Add((task, task.Arming));
            }
            else
            {
                Insert(task, task.DueMs);
            }
        }
    }

    private void Insert(TimerTask task, long dueMs)
    {
        TimerBucket bucket = _wheel.Place(dueMs, out long start)!;
        bucket.Add(task);
        bucket.ExpirationMs = start;
        if (bucket.QueuedMs < 0 || dueMs < bucket.QueuedMs)
        {
            bucket.QueuedMs = dueMs;
            _queue.Enqueue(bucket, dueMs);
        }
    }

    /// <summary>When the next bucket is due; <see cref="long.MaxValue"/> when none is. A bucket whose first task came to be due
    /// earlier is queued once more, and its later place goes when it comes to the front.</summary>
    private long FirstDueMs()
    {
        while (_queue.TryPeek(out TimerBucket? bucket, out long at))
        {
            if (bucket.QueuedMs == at)
            {
                return at;
            }
            _queue.Dequeue();
        }
        return long.MaxValue;
    }

    /// <summary>A picture for the console: every wheel, its buckets and totals, and up to <paramref name="tasksMax"/>
    /// waiting tasks.</summary>
    public TimerSnapshot Snapshot(int tasksMax)
    {
        lock (_lock)
        {
            var wheels = new List<WheelSnapshot>();
            var tasks = new List<TimerTaskSnapshot>();
            for (TimingWheel? wheel = _wheel; wheel is not null; wheel = wheel.Overflow)
            {
                int[] counts = new int[wheel.Buckets.Length];
                long[] starts = new long[wheel.Buckets.Length];
                for (int i = 0; i < counts.Length; i++)
                {
                    TimerBucket bucket = wheel.Buckets[i];
                    counts[i] = bucket.Count;
                    starts[i] = bucket.ExpirationMs;
                    Describe(bucket, tasks, tasksMax);
                }
                wheels.Add(new WheelSnapshot(wheel.TickMs, wheel.CurrentMs, counts, starts));
            }
            return new TimerSnapshot(Name, _clock.NowMs, _pending, _added, _cancelled, _expired, wheels, tasks);
        }
    }

    private static void Describe(TimerBucket bucket, List<TimerTaskSnapshot> tasks, int max)
    {
        TimerTask? task = bucket.First;
        for (int i = 0; i < bucket.Count && tasks.Count < max; i++, task = task!.Next)
        {
            tasks.Add(new TimerTaskSnapshot(task!.Describe(), task.DueMs));
        }
    }
}

/// <summary>One wheel: bucket i holds <c>Counts[i]</c> tasks and stands for the tick that begins at <c>StartsMs[i]</c>, -1
/// when it is not queued.</summary>
internal sealed record WheelSnapshot(long TickMs, long CurrentMs, int[] Counts, long[] StartsMs);

internal sealed record TimerTaskSnapshot(string Description, long DueMs);

/// <summary>A timer at one instant; the totals count since it was made.</summary>
internal sealed record TimerSnapshot(
    string Name, long NowMs, int Pending, long Added, long Cancelled, long Expired,
    IReadOnlyList<WheelSnapshot> Wheels, IReadOnlyList<TimerTaskSnapshot> Tasks);
