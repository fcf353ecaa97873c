using Broker.Engine.Storage.Producers;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>
/// Letting old segments go: those that lie below the log's start, and by <c>cleanup.policy=delete</c> those that are too much
/// or too old. Only whole segments go, from the oldest on, and only below the high watermark. After Kafka's
/// UnifiedLog.deleteOldSegments.
/// </summary>
internal sealed partial class PartitionLog
{
    /// <summary>Segments that go while appends wait: renaming one costs some system calls.</summary>
    private const int DeletedAtOnceMax = 8;

    private enum Breach
    {
        StartOffset,
        Size,
        Time,
    }

    /// <summary>Lets go what may. Renames and perhaps syncs files; not for network threads.</summary>
    /// <param name="highWatermark">Nothing at or above it goes.</param>
    /// <returns>Segments that went.</returns>
    public int DeleteOldSegments(long highWatermark)
    {
        try
        {
            int deleted = DeleteBreached(Breach.StartOffset, highWatermark);
            return !_config.CleanupPolicyDelete
                ? deleted
                : deleted + DeleteBreached(Breach.Size, highWatermark) + DeleteBreached(Breach.Time, highWatermark);
        }
        catch (IOException e)
        {
            Fail("a deletion of old segments", e);
            return 0;
        }
    }

    private int DeleteBreached(Breach breach, long highWatermark)
    {
        int deleted = 0;
        lock (_names)
        {
            while (true)
            {
                LogSegment[] dropped = DeleteOldest(breach, highWatermark);
                if (dropped.Length == 0)
                {
                    return deleted;
                }
                Drop(dropped, _config.FileDeleteDelayMs);
                deleted += dropped.Length;
            }
        }
    }

    /// <summary>How many of the oldest segments go now. An empty active segment never does.</summary>
    private int CountBreached(Breach breach, long highWatermark)
    {
        Configuration.LogConfig config = _config;
        if (breach == Breach.Size ? config.RetentionBytes < 0 : breach == Breach.Time && config.RetentionMs < 0)
        {
            return 0;
        }
        long now = _clock.UnixMs;
        long tooMuch = SizeBytes - config.RetentionBytes;
        int count = 0;
        for (; count < _segments.Length && count < DeletedAtOnceMax; count++)
        {
            LogSegment segment = _segments[count];
            bool isLast = count + 1 == _segments.Length;
            long end = isLast ? _logEndOffset : _segments[count + 1].BaseOffset;
            int size = segment.SizeBytes;
            if (highWatermark < end || (isLast && size == 0))
            {
                break;
            }
            tooMuch -= size;
            bool goes = breach switch
            {
                Breach.StartOffset => !isLast && end <= _logStartOffset,
                Breach.Size => tooMuch >= 0,
                _ => now - AgeStampOf(segment) > config.RetentionMs,
            };
            if (!goes)
            {
                break;
            }
        }
        return count;
    }

    /// <summary>The time that a segment's age is counted from: its greatest timestamp, or when it was last written to.</summary>
    private long AgeStampOf(LogSegment segment)
    {
        if (segment.MaxTimestampMs >= 0)
        {
            return segment.MaxTimestampMs;
        }
        if (segment.ModifiedMs == 0)
        {
            long modified = _disk.ModifiedMsOf(segment.File.Path);
            segment.ModifiedMs = modified < 0 ? segment.CreatedMs : modified;
        }
        return segment.ModifiedMs;
    }

    /// <summary>Takes the oldest segments out of the log; their files keep their names yet.</summary>
    private LogSegment[] DeleteOldest(Breach breach, long highWatermark)
    {
        int count;
        LogSegment next;
        bool isAll;
        lock (_lock)
        {
            count = _closed || _isFailed ? 0 : CountBreached(breach, highWatermark);
            if (count == 0)
            {
                return [];
            }
            LogReason(count, breach);
            isAll = count == _segments.Length;
            if (isAll)
            {
                Roll();   // the log always has a segment
            }
            next = _segments[count];
        }
        if (isAll)
        {
            // Once the old names are gone, only the new one's says where the log ends.
            _ = next.File.Length;
            _disk.SyncDirectory(_directory);
        }
        lock (_lock)
        {
            if (_closed || _isFailed)
            {
                return [];
            }
            MoveLogStart(next.BaseOffset, "segment deletion");
            LogSegment[] dropped = _segments[..count];
            Volatile.Write(ref _segments, _segments[count..]);
            return dropped;
        }
    }

    /// <summary>Moves the first readable offset forward (DeleteRecords). The segments before it go at the next look for old
    /// ones.</summary>
    /// <returns>False when <paramref name="offset"/> is beyond <paramref name="highWatermark"/>.</returns>
    /// <exception cref="IOException">The disk failed; the log directory is out of service.</exception>
    public bool IncrementLogStartOffset(long offset, long highWatermark)
    {
        lock (_lock)
        {
            if (offset > highWatermark || offset > _logEndOffset)
            {
                return false;
            }
            return OnDisk("a deletion of records", () =>
            {
                MoveLogStart(offset, "client delete records request");
                return true;
            });
        }
    }

    private void MoveLogStart(long offset, string reason)
    {
        if (offset <= _logStartOffset)
        {
            return;
        }
        Volatile.Write(ref _logStartOffset, offset);
        RaiseHighWatermark(offset);
        if (_recoveryPoint < offset)
        {
            Volatile.Write(ref _recoveryPoint, offset);
        }
        LogStartMoved(Partition, offset, reason);
        Epochs.TruncateFromStart(offset);
    }

    private void LogReason(int count, Breach breach)
    {
        if (breach == Breach.StartOffset)
        {
            LogStartBreach(Partition, _logStartOffset, string.Join(',', _segments.Take(count).Select(Describe)));
            return;
        }
        long size = SizeBytes;
        foreach (LogSegment segment in _segments.Take(count))
        {
            size -= segment.SizeBytes;
            if (breach == Breach.Size)
            {
                LogSizeBreach(Partition, Describe(segment), _config.RetentionBytes, size);
            }
            else
            {
                LogTimeBreach(
                    Partition, Describe(segment), _config.RetentionMs,
                    segment.MaxTimestampMs >= 0 ? "largest record timestamp in" : "last modified time of");
            }
        }
    }

    private static string Describe(LogSegment segment) =>
        $"LogSegment(baseOffset={segment.BaseOffset}, size={segment.SizeBytes}, lastModifiedTime={segment.ModifiedMs}, " +
        $"largestRecordTimestamp={segment.MaxTimestampMs})";

    /// <summary>Renames the files at once and removes them after a delay: a response may still be sending from them.</summary>
    private void Drop(LogSegment[] segments, long delayMs)
    {
        foreach (LogSegment segment in segments)
        {
            RenameAway(segment);
        }
        DropSnapshots(segments);
        Remove(segments, delayMs);
    }

    /// <summary>Renames the files of segments at the log's end, the last first.</summary>
    private void RenameAway(LogSegment[] segments)
    {
        for (int i = segments.Length - 1; i >= 0; i--)
        {
            RenameAway(segments[i]);
        }
    }

    private void RenameAway(LogSegment segment)
    {
        segment.RenameTo(LogFileNames.DeletedSuffix);
        string snapshot = ProducerSnapshotFile.PathOf(_directory, segment.BaseOffset);
        if (_disk.LengthOf(snapshot) >= 0)
        {
            _disk.Rename(snapshot, snapshot + LogFileNames.DeletedSuffix);
        }
    }

    private void Remove(LogSegment[] segments, long delayMs)
    {
        if (segments.Length == 0)
        {
            return;
        }
        string parent = ParentDirectory;
        string directory = _directory;
        void DeleteFiles()
        {
            try
            {
                foreach (LogSegment segment in segments)
                {
                    segment.Dispose();
                    _disk.Delete(segment.File.Path);
                    _disk.Delete(segment.OffsetIndex.File.Path);
                    _disk.Delete(segment.TimeIndex.File.Path);
                    _disk.Delete(segment.Transactions.Path);
                    _disk.Delete(ProducerSnapshotFile.PathOf(directory, segment.BaseOffset) + LogFileNames.DeletedSuffix);
                }
            }
            catch (IOException e)
            {
                _background.Failed(parent, e);
            }
        }
        _background.RunLater(DeleteFiles, delayMs);
    }

    [LoggerMessage(3003, LogLevel.Information, "{Partition}: Incremented log start offset to {Offset} due to {Reason}", EventName = "LogStartMoved")]
    private partial void LogStartMoved(TopicPartition partition, long offset, string reason);

    [LoggerMessage(3004, LogLevel.Information, "{Partition}: Deleting segments due to log start offset {Offset} breach: {Segments}", EventName = "LogStartBreach")]
    private partial void LogStartBreach(TopicPartition partition, long offset, string segments);

    [LoggerMessage(3005, LogLevel.Information, "{Partition}: Deleting segment {Segment} due to log retention size {Bytes} breach. Log size after deletion will be {Size}.", EventName = "RetentionSizeBreach")]
    private partial void LogSizeBreach(TopicPartition partition, string segment, long bytes, long size);

    [LoggerMessage(3006, LogLevel.Information, "{Partition}: Deleting segment {Segment} due to log retention time {RetentionMs}ms breach based on the {What} the segment", EventName = "RetentionTimeBreach")]
    private partial void LogTimeBreach(TopicPartition partition, string segment, long retentionMs, string what);
}
