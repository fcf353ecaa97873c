namespace Broker.Engine.Storage;

/// <summary>Looks for old segments, and what follows a deletion of records.</summary>
internal sealed partial class LogManager
{
    /// <summary>Keeps the cleaner off a log while its old segments go, until the result is disposed of; gives null while the
    /// cleaner is at work there: then they go at the next look.</summary>
    public Func<PartitionLog, IDisposable?>? PauseCleaning { get; set; }

    /// <summary>Lets the old segments of all logs go (log.retention.check.interval.ms; Kafka: LogManager.cleanupLogs).</summary>
    /// <returns>Segments that went.</returns>
    public int DeleteOldSegments(Func<TopicPartition, long?> highWatermarkOf)
    {
        int deleted = 0;
        foreach (PartitionLog log in Logs)
        {
            deleted += DeleteOldSegments(log, highWatermarkOf(log.Partition));
        }
        return deleted;
    }

    private int DeleteOldSegments(PartitionLog log, long? highWatermark)
    {
        // Without a role the high watermark is not known, and nothing goes.
        if (highWatermark is not { } limit || log.IsFailed)
        {
            return 0;
        }
        if (PauseCleaning is not { } pause)
        {
            return log.DeleteOldSegments(limit);
        }
        using IDisposable? paused = pause(log);
        return paused is null ? 0 : log.DeleteOldSegments(limit);
    }

    /// <summary>Records were deleted by request: makes that survive a crash, and lets the segments go that lie wholly before
    /// the new starts. May sync; not for network threads.</summary>
    public void RecordsDeleted(IReadOnlyCollection<PartitionLog> logs, Func<TopicPartition, long?> highWatermarkOf)
    {
        CheckpointLogStartOffsets();
        _background.Run(() =>
        {
            foreach (PartitionLog log in logs)
            {
                DeleteOldSegments(log, highWatermarkOf(log.Partition));
            }
        });
    }
}
