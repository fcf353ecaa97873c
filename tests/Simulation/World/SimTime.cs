namespace Simulation.World;

/// <summary>The clock of one process: the world's, with a wall clock that may be wrong. Not thread-safe.</summary>
internal sealed class SimTime(SimWorld world, SimProcess process) : TimeProvider
{
    private static readonly DateTimeOffset s_began = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => world.Now;

    public override DateTimeOffset GetUtcNow() => s_began.AddTicks(world.Now + process.WallSkew);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(world, process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }
}

/// <summary>A timer of a process. Every arming has a number: what was scheduled for an earlier one is void. Not thread-safe.</summary>
internal sealed class SimTimer(SimWorld world, SimProcess process, TimerCallback callback, object? state) : ITimer
{
    private long _period;
    private bool _disposed;

    public SimProcess Process => process;

    public int Arming { get; private set; }

    public bool IsArmed(int arming) => !_disposed && arming == Arming;

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        if (_disposed)
        {
            return false;
        }
        Arming++;
        _period = period > TimeSpan.Zero ? period.Ticks : 0;
        if (dueTime >= TimeSpan.Zero)
        {
            world.Schedule(this, dueTime.Ticks);
        }
        return true;
    }

    public void Ring(int arming)
    {
        if (!IsArmed(arming))
        {
            return;
        }
        if (_period > 0)
        {
            world.Schedule(this, _period);
        }
        callback(state);
    }

    public void Dispose() => _disposed = true;

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }
}
