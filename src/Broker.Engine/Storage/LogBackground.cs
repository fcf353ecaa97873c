namespace Broker.Engine.Storage;

/// <summary>Where a log puts what must not hold up an append: syncing and sealing rolled segments, deleting files. One a
/// broker. Thread-safe.</summary>
internal abstract class LogBackground
{
    /// <summary>Runs <paramref name="work"/> on a thread that may block.</summary>
    public abstract void Run(Action work);

    /// <summary>Runs <paramref name="work"/> likewise, after a delay in milliseconds.</summary>
    public abstract void RunLater(Action work, long delayMs);

    /// <summary>Tells how long a sync of a log took, in units of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public virtual void Flushed(long elapsed) { }

    /// <summary>A log is about to be cut: whoever works on what is cut off stops until the result is disposed of. Outside of the
    /// log's lock.</summary>
    public virtual IDisposable? BeginCut(PartitionLog log) => null;

    /// <summary>The log was cut at an offset; what was known of the rest counts no more.</summary>
    public virtual void WasCut(PartitionLog log, long offset) { }

    /// <summary>Tells the broker that the disk failed under a log directory.</summary>
    public abstract void Failed(string logDirectory, IOException error);
}
