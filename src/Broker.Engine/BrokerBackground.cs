using Broker.Engine.Requests;
using Broker.Engine.Storage;

namespace Broker.Engine;

/// <summary>The logs' background work on the broker's worker threads. Thread-safe.</summary>
internal sealed class BrokerBackground(WorkerThreads workers, TimeProvider time) : LogBackground
{
    /// <summary>The broker's logs, once they exist.</summary>
    public LogManager? Logs { get; set; }

    /// <summary>Takes the duration of every sync.</summary>
    public Action<long>? Synced { get; set; }

    public override void Flushed(long elapsed) => Synced?.Invoke(elapsed);

    public override void Run(Action work) => workers.Run(work);

    public override void RunLater(Action work, long delayMs)
    {
        ITimer? timer = null;
        timer = time.CreateTimer(
            _ =>
            {
                workers.Run(work);
                timer?.Dispose();
            },
            null, TimeSpan.FromMilliseconds(Math.Min(delayMs, int.MaxValue)), Timeout.InfiniteTimeSpan);
    }

    public override IDisposable? BeginCut(PartitionLog log) => Logs?.BeginCut(log);

    public override void WasCut(PartitionLog log, long offset) => Logs?.WasCut(log, offset);

    public override void Failed(string logDirectory, IOException error) => Logs?.TakeOffline(logDirectory, error);
}
