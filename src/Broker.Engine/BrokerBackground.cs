using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Broker.Engine;

/// <summary>The logs' background work on the broker's worker threads, and what happens when a disk fails under them: the
/// directory goes out of service, and the last one takes the broker with it (Kafka: LogDirFailureChannel). Thread-safe.</summary>
internal sealed partial class BrokerBackground(WorkerThreads workers, TimeProvider time, ILogger logger) : LogBackground
{
    private readonly ILogger _logger = logger;

    /// <summary>The broker's logs, once they exist.</summary>
    public LogManager? Logs { get; set; }

    /// <summary>Takes the duration of every sync.</summary>
    public Action<long>? Synced { get; set; }

    public override void Flushed(long elapsed) => Synced?.Invoke(elapsed);

    /// <summary>Called when the last directory has failed.</summary>
    public Action<string>? AllFailed { get; set; }

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

    public override void Failed(string logDirectory, IOException error)
    {
        LogDirectory? directory = Logs?.Directories.FirstOrDefault(d => logDirectory == d.Path);
        if (directory is null || !directory.TakeOffline(error.Message))
        {
            return;
        }
        LogFailed(directory.Path, error.Message);
        foreach (PartitionLog log in Logs!.Logs.Where(l => l.ParentDirectory == directory.Path))
        {
            log.FailWithDirectory();
        }
        if (Logs!.Directories.All(d => !d.IsOnline))
        {
            AllFailed?.Invoke($"all log directories have failed, the last one {directory.Path}: {error.Message}");
        }
    }

    [LoggerMessage(3030, LogLevel.Error, "log directory {Path} failed and is out of service: {Reason}", EventName = "LogDirectoryFailed")]
    private partial void LogFailed(string path, string reason);
}
