using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Index;
using Broker.Protocol.Records;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>
/// Opens a partition's directory. After a clean stop the segments are taken as they are; else everything from the recovery
/// point on is read batch by batch, cut at the first one that is not whole, and its indexes are written anew. After Kafka's
/// LogLoader.
/// </summary>
internal sealed partial class LogLoader(Disk disk, ILogger logger, long nowMs)
{
    /// <summary>Bytes read at once in recovery.</summary>
    private const int RecoveryBlockBytes = 1024 * 1024;

    /// <param name="partition">For messages.</param>
    /// <param name="directory">The partition's directory; it exists.</param>
    /// <param name="config">The topic's configuration.</param>
    /// <param name="logStartOffset">From the checkpoint, or 0.</param>
    /// <param name="recoveryPoint">From the checkpoint, or 0.</param>
    /// <param name="clean">Whether the broker stopped cleanly.</param>
    public LoadedLog Load(
        TopicPartition partition, string directory, Configuration.LogConfig config, long logStartOffset, long recoveryPoint, bool clean)
    {
        RemoveLeftovers(directory, out List<long> bases);
        LeaderEpochCache epochs = LeaderEpochCache.Load(disk, directory, out bool epochsDamaged);
        if (epochsDamaged)
        {
            LogEpochsDamaged(partition);
        }
        var segments = new List<LogSegment>();
        long end = bases.Count == 0 ? logStartOffset : bases[0];
        bool cut = false;
        for (int i = 0; i < bases.Count; i++)
        {
            long nextBase = i + 1 < bases.Count ? bases[i + 1] : long.MaxValue;
            if (cut)
            {
                DeleteSegment(directory, bases[i]);
                continue;
            }
            bool recover = !clean && nextBase > recoveryPoint;
            LogSegment segment = recover
                ? Recover(partition, directory, bases[i], config, epochs, out end, out cut)
                : Open(partition, directory, bases[i], config, epochs, last: i == bases.Count - 1, epochsDamaged, ref end);
            segments.Add(segment);
        }
        if (segments.Count == 0)
        {
            segments.Add(new LogSegment(disk, directory, end, 0, 0, 0, nowMs));
        }
        foreach (LogSegment sealedOne in segments.SkipLast(1))
        {
            sealedOne.Seal();
        }
        epochs.TruncateFromEnd(end + 1);
        long start = Math.Max(logStartOffset, segments[0].BaseOffset);
        return new LoadedLog([.. segments], Math.Min(start, end), end, clean ? end : Math.Min(recoveryPoint, end), epochs);
    }

    /// <summary>Removes what an interrupted deletion left, and lists the segments' base offsets.</summary>
    private void RemoveLeftovers(string directory, out List<long> bases)
    {
        bases = [];
        foreach (string name in disk.FilesIn(directory))
        {
            if (name.EndsWith(LogFileNames.DeletedSuffix, StringComparison.Ordinal)
                || name.EndsWith(LogFileNames.CleanedSuffix, StringComparison.Ordinal)
                || name.EndsWith(".tmp", StringComparison.Ordinal))
            {
                disk.Delete(Path.Combine(directory, name));
            }
            else if (LogFileNames.TryParseOffset(name, LogFileNames.LogSuffix, out long baseOffset))
            {
                bases.Add(baseOffset);
            }
        }
        bases.Sort();
    }

    private void DeleteSegment(string directory, long baseOffset)
    {
        foreach (string suffix in new[] { LogFileNames.LogSuffix, LogFileNames.OffsetIndexSuffix, LogFileNames.TimeIndexSuffix })
        {
            disk.Delete(LogFileNames.Segment(directory, baseOffset, suffix));
        }
    }

    /// <summary>Takes a segment as a clean stop left it. Its end is found from the last index entry on.</summary>
    private LogSegment Open(
        TopicPartition partition, string directory, long baseOffset, Configuration.LogConfig config, LeaderEpochCache epochs,
        bool last, bool epochsDamaged, ref long end)
    {
        int size = (int)disk.LengthOf(LogFileNames.Segment(directory, baseOffset, LogFileNames.LogSuffix));
        int offsets = IndexEntries(directory, baseOffset, LogFileNames.OffsetIndexSuffix, OffsetIndex.EntryBytes);
        int times = IndexEntries(directory, baseOffset, LogFileNames.TimeIndexSuffix, TimeIndex.EntryBytes);
        var segment = new LogSegment(disk, directory, baseOffset, size, Math.Max(0, offsets), Math.Max(0, times), nowMs);
        if (epochsDamaged || (size > 0 && (offsets < 0 || times < 0 || !IndexesAreSane(segment))))
        {
            LogIndexRebuilt(partition, baseOffset);
            segment.Dispose();
            return Recover(partition, directory, baseOffset, config, epochs, out end, out _);
        }
        if (size == 0)
        {
            end = baseOffset;
            return segment;
        }
        if (segment.TimeIndex.Count > 0)
        {
            (segment.MaxTimestampMs, segment.OffsetOfMaxTimestamp) = segment.TimeIndex.Entry(segment.TimeIndex.Count - 1);
        }
        if (last)
        {
            end = FindEnd(segment);
        }
        segment.FirstTimestampMs = FirstTimestamp(segment);
        return segment;
    }

    /// <summary>Whole entries that are in use. Kafka preallocates an index and leaves zeros behind its entries when it was
    /// killed; after a clean stop there are none. -1 for a missing or misshapen file.</summary>
    private int IndexEntries(string directory, long baseOffset, string suffix, int entryBytes)
    {
        long length = disk.LengthOf(LogFileNames.Segment(directory, baseOffset, suffix));
        return length < 0 || length % entryBytes != 0 ? -1 : (int)(length / entryBytes);
    }

    /// <summary>Kafka's sanity checks: the last entries must lie within the segment.</summary>
    private static bool IndexesAreSane(LogSegment segment)
    {
        if (segment.OffsetIndex.Count > 0)
        {
            (long offset, int position) = segment.OffsetIndex.Entry(segment.OffsetIndex.Count - 1);
            if (offset <= segment.BaseOffset || position < 0 || position >= segment.SizeBytes)
            {
                return false;
            }
        }
        if (segment.TimeIndex.Count > 0)
        {
            (long timestamp, long offset) = segment.TimeIndex.Entry(segment.TimeIndex.Count - 1);
            if (timestamp < 0 || offset < segment.BaseOffset || timestamp < segment.TimeIndex.Entry(0).Timestamp)
            {
                return false;
            }
        }
        return true;
    }

    private static long FindEnd(LogSegment segment)
    {
        int from = segment.OffsetIndex.Count > 0 ? segment.OffsetIndex.Entry(segment.OffsetIndex.Count - 1).Position : 0;
        long end = segment.BaseOffset;
        var cursor = new HeaderCursor(segment.File, from, segment.SizeBytes);
        while (cursor.MoveNext())
        {
            end = cursor.LastOffset + 1;
        }
        return end;
    }

    private static long FirstTimestamp(LogSegment segment)
    {
        Span<byte> header = stackalloc byte[RecordBatchHeader.Size];
        return segment.File.Read(header, 0) == header.Length && header[RecordBatchHeader.MagicAt] >= 2
            ? new RecordBatchView(header).MaxTimestamp : -1;
    }

    [LoggerMessage(3010, LogLevel.Warning, "{Partition}: the indexes of the segment at {BaseOffset} are missing or wrong; they are rebuilt", EventName = "IndexRebuilt")]
    private partial void LogIndexRebuilt(TopicPartition partition, long baseOffset);

    [LoggerMessage(3011, LogLevel.Warning, "{Partition}: leader-epoch-checkpoint is damaged; it is rebuilt from the log", EventName = "EpochsDamaged")]
    private partial void LogEpochsDamaged(TopicPartition partition);

    [LoggerMessage(3012, LogLevel.Warning, "{Partition}: cut at offset {Offset}, position {Position} of the segment at {BaseOffset}: {Reason}; {Bytes} bytes dropped", EventName = "LogCut")]
    private partial void LogCut(TopicPartition partition, long offset, int position, long baseOffset, string reason, long bytes);
}
