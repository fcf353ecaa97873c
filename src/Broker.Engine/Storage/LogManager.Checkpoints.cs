using Broker.Engine.Storage.Checkpoints;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>Checkpoints, and the clean stop.</summary>
internal sealed partial class LogManager
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<OffsetCheckpoint, int> _written = new();

    private readonly Lock _checkpointing = new();

    /// <summary>Syncs the topic ids of logs that have records since a short time: not as they are made, for there may be many at
    /// once.</summary>
    public void SyncIdentities()
    {
        foreach (PartitionLog log in LogsAndFutures)
        {
            log.SyncIdentityInBackground();
        }
    }

    /// <summary>Writes how far each log is on the disk for good (log.flush.offset.checkpoint.interval.ms).</summary>
    public void CheckpointRecoveryPoints() => Checkpoint(
        LogsAndFutures, d => d.RecoveryPoints, l => l.RecoveryPoint, _ => true, (l, offset) => l.CheckpointedRecoveryPoint = offset);

    /// <summary>Writes where each log begins, where that is not its first segment (log.flush.start.offset.checkpoint.interval.ms).</summary>
    public void CheckpointLogStartOffsets() => Checkpoint(
        LogsAndFutures, d => d.LogStartOffsets, l => l.LogStartOffset, l => l.LogStartOffset > l.Segments[0].BaseOffset,
        (l, offset) => l.CheckpointedLogStart = offset);

    /// <summary>A log ends or begins earlier now than a checkpoint says: after a crash it would be believed that what is written there
    /// from now on was synced, or deleted.</summary>
    private void CorrectCheckpoints(IReadOnlyCollection<PartitionLog> logs)
    {
        if (logs.Any(l => l.CheckpointedRecoveryPoint > l.RecoveryPoint))
        {
            CheckpointRecoveryPoints();
        }
        if (logs.Any(l => l.CheckpointedLogStart > l.LogStartOffset))
        {
            CheckpointLogStartOffsets();
        }
    }

    /// <summary>Writes the high watermarks (replica.high.watermark.checkpoint.interval.ms).</summary>
    public void CheckpointHighWatermarks(Func<TopicPartition, long?> highWatermarkOf) =>
        Checkpoint(Logs, d => d.HighWatermarks, l => highWatermarkOf(l.Partition) ?? 0, l => highWatermarkOf(l.Partition) is not null);

    private void Checkpoint(
        IEnumerable<PartitionLog> logs, Func<LogDirectory, OffsetCheckpoint> file, Func<PartitionLog, long> offset, Func<PartitionLog, bool> include,
        Action<PartitionLog, long>? written = null)
    {
        using Lock.Scope scope = _checkpointing.EnterScope();   // before the logs are looked at: one may be about to go
        ILookup<string, PartitionLog> byDirectory = logs.ToLookup(l => l.ParentDirectory);
        foreach (LogDirectory directory in _directories.Where(d => d.IsOnline))
        {
            OffsetCheckpoint checkpoint = file(directory);
            List<(PartitionLog Log, long Offset)> all = [.. byDirectory[directory.Path].Select(l => (l, include(l) ? offset(l) : -1))];
            List<KeyValuePair<TopicPartition, long>> entries =
                [.. all.Where(a => a.Offset >= 0).Select(a => KeyValuePair.Create(a.Log.Partition, a.Offset))];
            int content = Fingerprint(entries);
            if (_written.TryGetValue(checkpoint, out int last) && last == content)
            {
                all.ForEach(a => written?.Invoke(a.Log, Math.Max(0, a.Offset)));
                continue;   // an idle broker does not write the same again and again
            }
            try
            {
                checkpoint.Write(entries, sync: true);
                _written[checkpoint] = content;
                all.ForEach(a => written?.Invoke(a.Log, Math.Max(0, a.Offset)));
            }
            catch (IOException e)
            {
                _background.Failed(directory.Path, e);
            }
        }
    }

    /// <summary>The same for the same entries, in whatever order.</summary>
    private static int Fingerprint(List<KeyValuePair<TopicPartition, long>> entries)
    {
        int sum = entries.Count;
        foreach ((TopicPartition partition, long offset) in entries)
        {
            sum = unchecked(sum + HashCode.Combine(partition, offset));
        }
        return sum;
    }

    /// <summary>Closes every log, writes the checkpoints and marks the directories as cleanly left.</summary>
    /// <param name="brokerEpoch">Goes into the mark.</param>
    /// <param name="highWatermarkOf">For the last high watermark checkpoint.</param>
    public void CloseCleanly(long brokerEpoch, Func<TopicPartition, long?> highWatermarkOf)
    {
        var failed = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        Parallel.ForEach(LogsAndFutures, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, _options.RecoveryThreads) }, log =>
        {
            try
            {
                log.Close();
            }
            catch (IOException e)
            {
                failed[log.ParentDirectory] = e.Message;
                _background.Failed(log.ParentDirectory, e);
            }
        });
        CheckpointRecoveryPoints();
        CheckpointLogStartOffsets();
        CheckpointHighWatermarks(highWatermarkOf);
        foreach (LogDirectory directory in _directories.Where(d => d.IsOnline && !failed.ContainsKey(d.Path)))
        {
            try
            {
                directory.LogEnds.Write(LogsAndFutures.Where(l => l.ParentDirectory == directory.Path && !l.IsFailed).Select(l =>
                    KeyValuePair.Create(l.Partition, new LogEnd(l.ActiveSegment.BaseOffset, l.ActiveSegment.SizeBytes, l.LogEndOffset))));
                directory.MarkClean(brokerEpoch);
            }
            catch (IOException e)
            {
                _background.Failed(directory.Path, e);   // not marked: the next start recovers
            }
        }
        foreach (LogDirectory directory in _directories)
        {
            directory.Dispose();
        }
    }

    /// <summary>Syncs logs whose flush.ms has passed (log.flush.scheduler.interval.ms).</summary>
    public void FlushDirty()
    {
        long now = _clock.UnixMs;
        foreach (PartitionLog log in LogsAndFutures)
        {
            if (log.RecoveryPoint < log.LogEndOffset && now - log.LastFlushMs >= log.Config.FlushMs)
            {
                log.FlushInBackground();
            }
        }
    }

    [LoggerMessage(3020, LogLevel.Warning, "{Path} is not a partition's directory; it is left alone", EventName = "StrayDirectory")]
    private partial void LogStray(string path);

    [LoggerMessage(3021, LogLevel.Information, "{Path} was not left cleanly: recovering {Count} logs", EventName = "Recovering")]
    private partial void LogRecovering(string path, int count);

    [LoggerMessage(3022, LogLevel.Warning, "{Reason}; all logs of the directory are recovered from their start", EventName = "CheckpointDamaged")]
    private partial void LogCheckpointDamaged(string reason);

    [LoggerMessage(3024, LogLevel.Warning, "{Reason}; the topic id is written anew when the controller tells it", EventName = "PartitionMetadataDamaged")]
    private partial void LogMetadataDamaged(string reason);

    [LoggerMessage(3025, LogLevel.Warning, "{Partition}: the log here is that of topic {Old}, which was deleted; the topic is {New} now", EventName = "LogOfDeletedTopic")]
    private partial void LogOfDeletedTopic(TopicPartition partition, Guid old, Guid @new);

    [LoggerMessage(3023, LogLevel.Information, "{Partition}: deleted; its files go after {DelayMs} ms", EventName = "LogDeleted")]
    private partial void LogDeleted(TopicPartition partition, long delayMs);
}
