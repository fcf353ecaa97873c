namespace Broker.Engine.Timing;

/// <summary>
/// One level of the hierarchy: <see cref="Buckets"/> slots of <see cref="TickMs"/> each, turning with the clock. What lies
/// beyond its interval goes to the overflow wheel, whose tick is this wheel's whole interval, made when first needed:
/// 1 ms x 20, 20 ms x 20, 400 ms x 20, 8 s x 20 ...
/// </summary>
/// <remarks>
/// Example with tick 1 and three slots at time 0: a task due at 2 goes into slot 2; one due at 4 goes to the overflow
/// wheel (tick 3) into the slot that stands for 3..5. At time 3 that slot expires, its task is added again, now one tick
/// away, into slot (4 mod 3) of this wheel; at time 4 it runs. So insertion costs one step a level, removal one in all.
/// After Kafka's org.apache.kafka.server.util.timer.TimingWheel. Guarded by the timer's lock.
/// </remarks>
internal sealed class TimingWheel
{
    internal TimingWheel(long tickMs, int size, long startMs)
    {
        TickMs = tickMs;
        Buckets = new TimerBucket[size];
        for (int i = 0; i < size; i++)
        {
            Buckets[i] = new TimerBucket();
        }
        CurrentMs = startMs - (startMs % tickMs);
    }

    internal long TickMs { get; }

    internal TimerBucket[] Buckets { get; }

    internal long IntervalMs => TickMs * Buckets.Length;

    /// <summary>Start of the tick that the wheel stands at.</summary>
    internal long CurrentMs { get; private set; }

    internal TimingWheel? Overflow { get; private set; }

    /// <summary>Puts a task where it belongs; null when it is due already.</summary>
    internal TimerBucket? Place(long dueMs, out long bucketStartMs)
    {
        TimingWheel wheel = this;
        while (true)
        {
            if (dueMs < wheel.CurrentMs + wheel.TickMs)
            {
                bucketStartMs = 0;
                return null;
            }
            if (dueMs < wheel.CurrentMs + wheel.IntervalMs)
            {
                long tick = dueMs / wheel.TickMs;
                bucketStartMs = tick * wheel.TickMs;
                return wheel.Buckets[tick % wheel.Buckets.Length];
            }
            wheel = wheel.Overflow ??= new TimingWheel(wheel.IntervalMs, wheel.Buckets.Length, wheel.CurrentMs);
        }
    }

    internal void Turn(long nowMs)
    {
        for (TimingWheel? wheel = this; wheel is not null && nowMs >= wheel.CurrentMs + wheel.TickMs; wheel = wheel.Overflow)
        {
            wheel.CurrentMs = nowMs - (nowMs % wheel.TickMs);
        }
    }
}
