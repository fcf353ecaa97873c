using System.Buffers.Binary;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Index;
using Broker.Engine.Storage.Producers;
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
    /// <summary>How long an idle producer is remembered (producer.id.expiration.ms).</summary>
    public long ProducerExpirationMs { get; init; } = long.MaxValue;

    /// <summary>Up to where the cleaner's checkpoint says that the log was cleaned, or 0.</summary>
    public long CleanedTo { get; init; }

    /// <summary>Told of every segment that recovery has read.</summary>
    public Action? SegmentRecovered { get; init; }

    /// <summary>Whether all segments from the one that is read now on are.</summary>
    private bool _readsAll;

    /// <summary>Bytes read at once in recovery.</summary>
    private const int RecoveryBlockBytes = 1024 * 1024;

    /// <param name="partition">For messages.</param>
    /// <param name="directory">The partition's directory; it exists.</param>
    /// <param name="config">The topic's configuration.</param>
    /// <param name="logStartOffset">From the checkpoint, or 0.</param>
    /// <param name="recoveryPoint">From the checkpoint, or 0.</param>
    /// <param name="clean">Whether the broker stopped cleanly.</param>
    /// <param name="topicId">What partition.metadata says; empty where it says nothing.</param>
    /// <param name="cleanEnd">Where the log ended as it was closed, if that is known: then no segment is read.</param>
    public LoadedLog Load(
        TopicPartition partition, string directory, Configuration.LogConfig config, long logStartOffset, long recoveryPoint, bool clean,
        Guid topicId = default, LogEnd? cleanEnd = null)
    {
        FinishSwaps(partition, directory);
        RemoveLeftovers(directory, out List<long> bases);
        cleanEnd = clean && Matches(directory, bases, cleanEnd) ? cleanEnd : null;
        ProducerStateManager producers = NewProducers(partition, directory, bases);
        bool hasSnapshot = producers.Snapshots.Count > 0;
        long firstBase = bases.Count == 0 ? logStartOffset : Math.Max(logStartOffset, bases[0]);
        LeaderEpochCache epochs = LoadEpochs(partition, directory, bases, out bool epochsDamaged);
        var segments = new List<LogSegment>();
        long end = bases.Count == 0 ? logStartOffset : bases[0];
        bool cut = false;
        long beforeEmpty = -1;
        for (int i = 0; i < bases.Count; i++)
        {
            long nextBase = i + 1 < bases.Count ? bases[i + 1] : long.MaxValue;
            if (cut)
            {
                DeleteSegment(directory, bases[i]);
                continue;
            }
            bool isUnflushed = !clean && nextBase > recoveryPoint;
            bool recover = isUnflushed || epochsDamaged;
            LogSegment? segment = recover ? null : Open(directory, bases[i], nextBase, clean, cleanEnd, ref end);
            if (segment is null)
            {
                if (!recover)
                {
                    LogIndexRebuilt(partition, bases[i]);
                }
                _readsAll = isUnflushed || epochsDamaged;
                producers.RemoveSnapshots(s => s > bases[i]);   // made anew behind it
                LoadProducers(producers, segments, firstBase, bases[i]);
                segment = Recover(partition, directory, bases[i], nextBase, config, epochs, producers, out end, out cut);
                if (cut && !isUnflushed && nextBase != long.MaxValue)
                {
                    // Damage in what was flushed costs that segment's rest; what was flushed behind it is good (as with Kafka).
                    cut = false;
                    end = nextBase;
                }
                if (!isUnflushed)
                {
                    SyncRebuilt(segment, isLast: nextBase == long.MaxValue);
                }
                beforeEmpty = isUnflushed && bases[i] >= CleanedTo && (segment.SizeBytes > 0 || beforeEmpty < 0) ? end : beforeEmpty;
                producers.Advance(end);
                if (nextBase != long.MaxValue)
                {
                    producers.TakeSnapshot(end, sync: false);   // so that this segment need not be read again
                }
                SegmentRecovered?.Invoke();
            }
            segments.Add(segment);
        }
        DropEmpty(partition, directory, segments, beforeEmpty, cut, ref end);
        if (end < logStartOffset)
        {
            LogBeginsAnew(partition, end, logStartOffset);
            end = logStartOffset;
            BeginAnew(directory, segments, bases, producers, end);
        }
        AddFirst(directory, segments, end);
        segments.SkipLast(1).ToList().ForEach(s => s.Seal());
        epochs.TruncateFromEnd(end);
        long start = Math.Max(logStartOffset, segments[0].BaseOffset);
        epochs.TruncateFromStart(start);
        epochs.WriteIfChanged(end);
        FinishProducers(producers, segments, start, end, clean && !hasSnapshot);
        segments.ForEach(s => s.Rest());
        return new LoadedLog([.. segments], start, end, clean ? end : Math.Min(recoveryPoint, end), epochs, producers, topicId)
        {
            MayBeUnsynced = !clean,
        };
    }

    /// <summary>Whether the log is as it was closed: the same last segment, of the same length.</summary>
    private bool Matches(string directory, List<long> bases, LogEnd? end) =>
        end is { } closed && bases.Count > 0 && closed.ActiveBaseOffset == bases[^1]
        && closed.ActiveBytes == disk.LengthOf(LogFileNames.Segment(directory, bases[^1], LogFileNames.LogSuffix));

    private void AddFirst(string directory, List<LogSegment> segments, long end)
    {
        if (segments.Count == 0)
        {
            segments.Add(new LogSegment(disk, directory, end, 0, 0, 0, nowMs));
            segments[0].File.SetLength(0);
        }
    }

    private LeaderEpochCache LoadEpochs(TopicPartition partition, string directory, List<long> bases, out bool damaged)
    {
        LeaderEpochCache epochs = LeaderEpochCache.Load(disk, directory, out damaged);
        damaged |= epochs.LatestEpoch < 0 && HasEpochs(directory, bases);
        if (damaged)
        {
            LogEpochsDamaged(partition);
        }
        return epochs;
    }

    /// <summary>Whether batches have leader epochs: the checkpoint should name them then, but may have got lost. Without it everything
    /// above the high watermark would be cut.</summary>
    private bool HasEpochs(string directory, List<long> bases)
    {
        for (int i = bases.Count - 1; i >= 0; i--)
        {
            string path = LogFileNames.Segment(directory, bases[i], LogFileNames.LogSuffix);
            if (disk.LengthOf(path) <= 0)
            {
                continue;
            }
            Span<byte> header = stackalloc byte[RecordBatchHeader.PeekBytes];
            using DiskFile file = disk.Open(path);
            return file.Read(header, 0) == header.Length && header[RecordBatchHeader.MagicAt] >= RecordBatchHeader.Magic
                && BinaryPrimitives.ReadInt32BigEndian(header[RecordBatchHeader.PartitionLeaderEpochAt..]) >= 0;
        }
        return false;
    }

    /// <summary>Brings the producers' state to <paramref name="offset"/>, by the newest snapshot and the batches after it.</summary>
    private void LoadProducers(ProducerStateManager producers, List<LogSegment> segments, long start, long offset)
    {
        if (producers.LoadedOffset != offset)
        {
            producers.LoadNewest(start, offset, nowMs);
            ProducerReplay.Read(segments, producers, offset);
        }
    }

    /// <summary>The state at the log's end. A log that was left cleanly before there were snapshots is not read for it (Kafka:
    /// UnifiedLog.rebuildProducerState): its producers are unknown, and the snapshots say so from now on.</summary>
    private void FinishProducers(ProducerStateManager producers, List<LogSegment> segments, long start, long end, bool isUpgrade)
    {
        if (isUpgrade && producers.LoadedOffset == 0)
        {
            producers.Advance(end);
            if (segments.Count > 1)
            {
                producers.TakeSnapshot(segments[^1].BaseOffset, sync: false);
            }
        }
        LoadProducers(producers, segments, start, end);
        if (segments.Count > 1 || producers.Count > 0 || producers.Snapshots.Count > 0)
        {
            producers.TakeSnapshot(end, sync: false);
        }
        producers.RemoveSnapshots(s => s > end);
    }

    /// <summary>Removes what an interrupted deletion left, and lists the segments' base offsets.</summary>
    private void RemoveLeftovers(string directory, out List<long> bases)
    {
        bases = [];
        var indexes = new List<(long BaseOffset, string Name)>();
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
            else if (LogFileNames.TryParseOffset(name, LogFileNames.OffsetIndexSuffix, out baseOffset)
                || LogFileNames.TryParseOffset(name, LogFileNames.TimeIndexSuffix, out baseOffset)
                || LogFileNames.TryParseOffset(name, LogFileNames.TransactionIndexSuffix, out baseOffset))
            {
                indexes.Add((baseOffset, name));
            }
        }
        bases.Sort();
        foreach ((long baseOffset, string name) in indexes)
        {
            if (bases.BinarySearch(baseOffset) < 0)
            {
                disk.Delete(Path.Combine(directory, name));   // its segment is gone
            }
        }
    }

    private static readonly string[] s_suffixes =
        [LogFileNames.LogSuffix, LogFileNames.OffsetIndexSuffix, LogFileNames.TimeIndexSuffix, LogFileNames.TransactionIndexSuffix];

    private void DeleteSegment(string directory, long baseOffset)
    {
        foreach (string suffix in s_suffixes)
        {
            disk.Delete(LogFileNames.Segment(directory, baseOffset, suffix));
        }
    }

    /// <summary>Takes a segment as it is; null when its indexes, or its end, are not as they should be. Its batches are not read:
    /// but for the last one's end, where it is not known from the clean stop, and a look at the place that an index names where
    /// nothing vouches for the indexes.</summary>
    private LogSegment? Open(string directory, long baseOffset, long nextBase, bool clean, LogEnd? cleanEnd, ref long end)
    {
        bool last = nextBase == long.MaxValue;
        long size = disk.LengthOf(LogFileNames.Segment(directory, baseOffset, LogFileNames.LogSuffix));
        int offsets = IndexEntries(directory, baseOffset, LogFileNames.OffsetIndexSuffix, OffsetIndex.EntryBytes);
        int times = IndexEntries(directory, baseOffset, LogFileNames.TimeIndexSuffix, TimeIndex.EntryBytes);
        if (size == 0)
        {
            end = baseOffset;
            return new LogSegment(disk, directory, baseOffset, 0, 0, 0, nowMs);
        }
        if (size > int.MaxValue || offsets < 0 || times < 0)
        {
            return null;
        }
        var segment = new LogSegment(disk, directory, baseOffset, (int)size, offsets, times, nowMs);
        long found = last ? cleanEnd?.EndOffset ?? -1 : nextBase;
        bool isTrusted = cleanEnd is not null || !clean;
        if (!IndexesAreSane(segment, nextBase, lookIntoLog: !isTrusted) || (found < 0 && !TryFindEnd(segment, out found)))
        {
            segment.Dispose();
            return null;
        }
        end = found;
        if (segment.TimeIndex.Count > 0)
        {
            (segment.MaxTimestampMs, segment.OffsetOfMaxTimestamp) = segment.TimeIndex.Entry(segment.TimeIndex.Count - 1);
        }
        segment.LeaveFirstTimestamp();
        if (times == 0 && segment.FirstTimestampMs >= 0)
        {
            segment.Dispose();   // its times are lost, and lookups by time would pass over it
            return null;
        }
        return segment;
    }

    private ProducerStateManager NewProducers(TopicPartition partition, string directory, List<long> bases)
    {
        var producers = new ProducerStateManager(partition, disk, directory, disk.FilesIn(directory), logger)
        {
            ExpirationMs = ProducerExpirationMs,
        };
        producers.RemoveStraySnapshots(bases);
        return producers;
    }

    /// <summary>What lay between is deleted or lost, and its offsets were given out: they must not be given out again.</summary>
    private void BeginAnew(string directory, List<LogSegment> segments, List<long> bases, ProducerStateManager producers, long start)
    {
        segments.ForEach(s => s.Dispose());
        segments.Clear();
        bases.ForEach(b => DeleteSegment(directory, b));
        producers.StartAt(start);
    }

    /// <summary>Whole entries that are in use. Kafka preallocates an index and leaves zeros behind its entries when it was
    /// killed; after a clean stop there are none. -1 for a missing or misshapen file.</summary>
    private int IndexEntries(string directory, long baseOffset, string suffix, int entryBytes)
    {
        long length = disk.LengthOf(LogFileNames.Segment(directory, baseOffset, suffix));
        return length < 0 || length % entryBytes != 0 ? -1 : (int)(length / entryBytes);
    }

    /// <summary>Kafka's sanity checks; and, where nothing vouches for the indexes, that the last offset entry tells the truth:
    /// the log's end is found from it. A lookup checks the entry that it uses.</summary>
    private static bool IndexesAreSane(LogSegment segment, long nextBase, bool lookIntoLog)
    {
        if (segment.OffsetIndex.Count > 0)
        {
            (long offset, int position) = segment.OffsetIndex.Entry(segment.OffsetIndex.Count - 1);
            // A segment's first batch has no entry: one that says its base offset is the zeros behind a torn write.
            if (offset <= segment.BaseOffset || offset >= nextBase || position <= 0 || position >= segment.SizeBytes)
            {
                return false;
            }
            var cursor = new HeaderCursor(segment.File, position, segment.SizeBytes);
            if (lookIntoLog && (!cursor.MoveNext() || cursor.LastOffset > offset || cursor.BaseOffset < segment.BaseOffset))
            {
                return false;
            }
        }
        if (segment.TimeIndex.Count > 0)
        {
            (long timestamp, long offset) = segment.TimeIndex.Entry(segment.TimeIndex.Count - 1);
            // Zero is what a power failure leaves of an entry. Believed, it would make the segment old enough to be deleted.
            if (timestamp <= 0 || offset < segment.BaseOffset || offset >= nextBase
                || (segment.TimeIndex.Count > 1 && timestamp <= segment.TimeIndex.Entry(0).Timestamp))
            {
                return false;
            }
        }
        return segment.Transactions.IsSane();
    }

    /// <summary>The offset after the last batch; false when something else than batches follows.</summary>
    private static bool TryFindEnd(LogSegment segment, out long end)
    {
        int from = segment.OffsetIndex.Count > 0 ? segment.OffsetIndex.Entry(segment.OffsetIndex.Count - 1).Position : 0;
        end = segment.BaseOffset;
        int position = from;
        var cursor = new HeaderCursor(segment.File, from, segment.SizeBytes);
        while (cursor.MoveNext())
        {
            end = cursor.LastOffset + 1;
            position = cursor.Position + cursor.BatchBytes;
        }
        return position == segment.SizeBytes;
    }

    [LoggerMessage(3010, LogLevel.Warning, "{Partition}: the indexes of the segment at {BaseOffset} are missing or wrong; they are rebuilt", EventName = "IndexRebuilt")]
    private partial void LogIndexRebuilt(TopicPartition partition, long baseOffset);

    [LoggerMessage(3011, LogLevel.Warning, "{Partition}: leader-epoch-checkpoint is damaged or missing; it is rebuilt from the log", EventName = "EpochsDamaged")]
    private partial void LogEpochsDamaged(TopicPartition partition);

    [LoggerMessage(3012, LogLevel.Warning, "{Partition}: cut at offset {Offset}, position {Position} of the segment at {BaseOffset}: {Reason}; {Bytes} bytes dropped", EventName = "LogCut")]
    private partial void LogCut(TopicPartition partition, long offset, int position, long baseOffset, string reason, long bytes);

    [LoggerMessage(3013, LogLevel.Warning, "{Partition}: the log ends at {End}, before its start {Start}: it begins anew there", EventName = "LogBeginsAnew")]
    private partial void LogBeginsAnew(TopicPartition partition, long end, long start);
}
