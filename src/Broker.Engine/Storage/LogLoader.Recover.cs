using Broker.Engine.Storage.Producers;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>Recovery: reads a segment batch by batch and keeps what is whole.</summary>
internal sealed partial class LogLoader
{
    /// <param name="partition">For messages.</param>
    /// <param name="directory">The partition's directory.</param>
    /// <param name="baseOffset">Of the segment.</param>
    /// <param name="nextBase">Of the one after it: offsets here lie below it.</param>
    /// <param name="config">For the index interval.</param>
    /// <param name="epochs">Gets the epochs that the batches carry.</param>
    /// <param name="producers">Gets the batches of idempotent producers, so that what they send again is known.</param>
    /// <param name="end">The offset after the last whole batch.</param>
    /// <param name="cut">Whether something was cut off, so that later segments are no continuation.</param>
    private LogSegment Recover(
        TopicPartition partition, string directory, long baseOffset, long nextBase, Configuration.LogConfig config, LeaderEpochCache epochs,
        ProducerStateManager producers, out long end, out bool cut)
    {
        string path = LogFileNames.Segment(directory, baseOffset, LogFileNames.LogSuffix);
        long length = disk.LengthOf(path);
        disk.Delete(LogFileNames.Segment(directory, baseOffset, LogFileNames.OffsetIndexSuffix));
        disk.Delete(LogFileNames.Segment(directory, baseOffset, LogFileNames.TimeIndexSuffix));
        var segment = new LogSegment(disk, directory, baseOffset, 0, 0, 0, nowMs);
        segment.Transactions.Reset();
        end = baseOffset;
        string? fault = Walk(segment, length, nextBase, config.IndexIntervalBytes, epochs, producers, ref end);
        cut = fault is not null;
        if (cut)
        {
            LogCut(partition, end, segment.SizeBytes, baseOffset, fault!, length - segment.SizeBytes);
            segment.File.SetLength(segment.SizeBytes);
            segment.File.Flush();   // what was cut off must not come back with the power
        }
        return segment;
    }

    /// <summary>Makes indexes that were written anew survive a power failure: below the recovery point no flush will, and nobody reads the
    /// segment again before they are believed.</summary>
    private static void SyncRebuilt(LogSegment segment, bool isLast)
    {
        if (!isLast)
        {
            segment.Seal();
        }
        segment.Sync();
    }

    /// <summary>Enters whole batches into the segment; what ends it before the file's end, or null.</summary>
    private string? Walk(
        LogSegment segment, long length, long nextBase, int indexIntervalBytes, LeaderEpochCache epochs, ProducerStateManager producers, ref long end)
    {
        // The checksum does not cover the base offset: this does, as far as it can be told.
        long lastMax = Math.Min(nextBase - 1, segment.BaseOffset + int.MaxValue);
        var walk = new SegmentWalk(segment.File, 0, length, new byte[(int)Math.Clamp(length, 64, RecoveryBlockBytes)]);
        while (walk.MoveNext())
        {
            string? fault = Enter(segment, (int)walk.Position, walk.Current, epochs, producers, indexIntervalBytes, lastMax, ref end);
            if (fault is not null)
            {
                return fault;
            }
        }
        return walk.Fault;
    }

    private string? Enter(
        LogSegment segment, int position, scoped in BatchCursor cursor, LeaderEpochCache epochs,
        ProducerStateManager producers, int indexIntervalBytes, long lastMax, ref long end)
    {
        bool legacy = cursor.Magic < RecordBatchHeader.Magic;
        long baseOffset = cursor.Offset;
        long lastOffset = legacy ? baseOffset : cursor.Batch.LastOffset;
        if (baseOffset < end || lastOffset < baseOffset || lastOffset > lastMax)
        {
            return $"offset {baseOffset} comes after {end - 1}";
        }
        if (legacy ? !new LegacyMessageView(cursor.Current).IsCrcValid() : !cursor.Batch.IsCrcValid())
        {
            return "a batch does not match its CRC";
        }
        if (!legacy && _readsAll)
        {
            epochs.Believe(cursor.Batch.PartitionLeaderEpoch, baseOffset);
        }
        else if (!legacy && cursor.Batch.PartitionLeaderEpoch > epochs.LatestEpoch)
        {
            epochs.Assign(cursor.Batch.PartitionLeaderEpoch, baseOffset);
        }
        if (!legacy)
        {
            ProducerReplay.Enter(cursor.Batch, producers, indexInto: segment);
        }
        long timestamp = legacy ? new LegacyMessageView(cursor.Current).Timestamp : cursor.Batch.MaxTimestamp;
        segment.Track(position, cursor.SizeInBytes, baseOffset, lastOffset, timestamp, indexIntervalBytes);
        end = lastOffset + 1;
        return null;
    }

    /// <summary>A power failure soon after a roll may take the end of a segment and all of the next one, but not its name. What is left is
    /// the end then: the offsets between would be a hole that other replicas may not have. Not where a cleaning may have made it: what
    /// this broker cleans lies below the recovery point on the disk, and what another one cleaned below the cleaner's checkpoint.</summary>
    /// <param name="partition">For messages.</param>
    /// <param name="directory">The partition's directory.</param>
    /// <param name="segments">The log's, from which empty ones at the end are taken.</param>
    /// <param name="lastEnd">Where the last segment with batches ends, or the first begins that has none, of those that lie beyond the
    /// recovery point and were not cleaned; -1 where there is no such.</param>
    /// <param name="isCut">Whether segments were taken away already.</param>
    /// <param name="end">The log's end.</param>
    private void DropEmpty(TopicPartition partition, string directory, List<LogSegment> segments, long lastEnd, bool isCut, ref long end)
    {
        while (segments.Count > 1 && lastEnd >= 0 && segments[^1] is { SizeBytes: 0 } empty && empty.BaseOffset > lastEnd)
        {
            segments.RemoveAt(segments.Count - 1);
            LogCut(partition, lastEnd, segments[^1].SizeBytes, segments[^1].BaseOffset, $"the next one is empty and begins at {empty.BaseOffset}", 0);
            empty.Dispose();
            DeleteSegment(directory, empty.BaseOffset);
            isCut = true;
            end = lastEnd;
        }
        if (isCut)
        {
            disk.SyncDirectory(directory);   // they must not come back with the power either, and end the log where they begin
        }
    }
}
