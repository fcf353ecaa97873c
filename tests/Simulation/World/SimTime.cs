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
        var timer = new SimTimer(world, process, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SimTimer(SimWorld world, SimProcess process, Action callback) : ITimer
    {
        private int _arming;
        private long _period;
        private bool _disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_disposed)
            {
                return false;
            }
            _arming++;
            _period = period > TimeSpan.Zero ? period.Ticks : 0;
            if (dueTime >= TimeSpan.Zero)
            {
                Arm(dueTime.Ticks);
            }
            return true;
        }

        private void Arm(long ticks)
        {
            int arming = _arming;
            world.Schedule(process, ticks, () =>
            {
                if (_disposed || arming != _arming)
                {
                    return;
                }
                if (_period > 0)
                {
                    Arm(_period);
                }
                callback();
            });
        }

        public void Dispose() => _disposed = true;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
