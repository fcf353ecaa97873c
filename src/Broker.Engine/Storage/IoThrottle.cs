using System.Diagnostics;

namespace Broker.Engine.Storage;

/// <summary>Keeps threads together to a number of bytes a second (<c>log.cleaner.io.max.bytes.per.second</c>,
/// <c>replica.alter.log.dirs.io.max.bytes.per.second</c>): who is ahead waits, and is woken when all are to stop. After Kafka's
/// Throttler. Thread-safe.</summary>
/// <param name="time">For the meter.</param>
internal sealed class IoThrottle(TimeProvider time)
{
    /// <summary>Longest wait at once: the limit may change, and the work be aborted.</summary>
    private const int WaitMsMax = 100;

    private readonly Lock _lock = new();
    private double _aheadBytes;
    private long _since = Stopwatch.GetTimestamp();

    /// <summary>Bytes a second.</summary>
    public double BytesPerSecond { get; set; } = double.MaxValue;

    /// <summary>What was taken; of the cleaner, MBean kafka.utils:type=Throttler,name=cleaner-io.</summary>
    public Diagnostics.Meter Meter { get; } = new(time, "bytes");

    /// <summary>Counts bytes and waits while they are too many.</summary>
    /// <param name="bytes">Read or written just now.</param>
    /// <param name="check">Throws when the work is to end.</param>
    /// <param name="stopping">Ends the wait.</param>
    public void Take(long bytes, Action check, WaitHandle stopping)
    {
        Meter.Mark(bytes);
        double waitMs = Account(bytes);
        while (waitMs > 1)
        {
            check();
            stopping.WaitOne((int)Math.Min(waitMs, WaitMsMax));
            waitMs = Account(0);
        }
        check();
    }

    private double Account(long bytes)
    {
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            double rate = Math.Max(1, BytesPerSecond);
            _aheadBytes = Math.Max(0, _aheadBytes - (Stopwatch.GetElapsedTime(_since, now).TotalSeconds * rate)) + bytes;
            _since = now;
            return _aheadBytes / rate * 1000;
        }
    }
}
