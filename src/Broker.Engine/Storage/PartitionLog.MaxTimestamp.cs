using System.Buffers;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>The greatest timestamp: segments keep theirs; what a cut took from one is found out anew.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>The first record with the greatest timestamp of the log, or null when no record has one. Reads files; not for
    /// network threads.</summary>
    public TimestampAndOffset? FindMaxTimestamp() => OnDisk("a look-up by time", FindGreatest);

    private TimestampAndOffset? FindGreatest()
    {
        long start = LogStartOffset;
        LogSegment[] segments = Volatile.Read(ref _segments);
        LogSegment? latest = Latest(segments);
        if (latest is null)
        {
            return null;
        }
        if (Find(latest, latest.MaxTimestampMs, start) is { } found)
        {
            return found;
        }
        // The record is deleted, though its segment is there: the log begins inside this one.
        int first = FloorSegment(segments, start);
        TimestampAndOffset? ofFirst = FindMax(segments[first], start);
        LogSegment? later = Latest(segments.AsSpan(first + 1));
        return later is not null && later.MaxTimestampMs > (ofFirst?.TimestampMs ?? RecordBatchHeader.NoTimestamp)
            ? Find(later, later.MaxTimestampMs, start) : ofFirst;
    }

    private static LogSegment? Latest(ReadOnlySpan<LogSegment> segments)
    {
        LogSegment? latest = null;
        foreach (LogSegment segment in segments)
        {
            if (segment.MaxTimestampMs > (latest?.MaxTimestampMs ?? RecordBatchHeader.NoTimestamp))
            {
                latest = segment;
            }
        }
        return latest;
    }

    /// <summary>The first record of a segment, at or after an offset, with the greatest timestamp.</summary>
    private static TimestampAndOffset? FindMax(LogSegment segment, long startOffset)
    {
        if (!segment.File.TryAddReference())
        {
            return null;   // deleted meanwhile
        }
        try
        {
            int from = segment.FindPosition(startOffset, out _);
            long greatest = RecordBatchHeader.NoTimestamp;
            (int Position, int Bytes) place = default;
            Span<byte> header = stackalloc byte[TimeHeaderBytes];
            var cursor = new HeaderCursor(segment.File, Math.Max(from, 0), from < 0 ? 0 : segment.SizeBytes);
            while (cursor.MoveNext())
            {
                long timestamp = MaxTimestampOf(segment, cursor.Position, cursor.BatchBytes, header);
                if (cursor.BaseOffset < startOffset && timestamp > greatest)
                {
                    timestamp = MaxInBatch(segment, cursor.Position, cursor.BatchBytes, startOffset);
                }
                if (timestamp > greatest)
                {
                    (greatest, place) = (timestamp, (cursor.Position, cursor.BatchBytes));
                }
            }
            return greatest < 0 ? null : FindInBatch(segment, place.Position, place.Bytes, greatest, startOffset);
        }
        finally
        {
            segment.File.ReleaseReference();
        }
    }

    /// <summary>What a batch's header says; -1 for none.</summary>
    private static long MaxTimestampOf(LogSegment segment, int position, int batchBytes, Span<byte> header)
    {
        header.Clear();
        int bytes = segment.File.Read(header[..Math.Min(header.Length, batchBytes)], position);
        return bytes == header.Length && header[RecordBatchHeader.MagicAt] >= RecordBatchHeader.Magic
            ? new RecordBatchView(header).MaxTimestamp : new LegacyMessageView(header).Timestamp;
    }

    /// <summary>The greatest timestamp of the records from an offset on, in a batch of magic 2 that begins before it.</summary>
    private static long MaxInBatch(LogSegment segment, int position, int bytes, long startOffset)
    {
        long greatest = RecordBatchHeader.NoTimestamp;
        byte[] rented = ArrayPool<byte>.Shared.Rent(bytes);
        try
        {
            ReadOnlySpan<byte> batch = rented.AsSpan(0, segment.File.Read(rented.AsSpan(0, bytes), position));
            if (batch.Length == bytes && batch[RecordBatchHeader.MagicAt] >= RecordBatchHeader.Magic)
            {
                using var records = new RecordCursor(new RecordBatchView(batch), BatchTools.Current.Codecs, structureOnly: true);
                while (records.MoveNext())
                {
                    greatest = records.Offset >= startOffset ? Math.Max(greatest, records.Timestamp) : greatest;
                }
            }
            return greatest;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>After a segment was cut: its greatest timestamp is the last time entry's or one of a batch behind it (Kafka:
    /// LogSegment.loadLargestTimestamp).</summary>
    private static void ReloadTimes(LogSegment segment)
    {
        (segment.MaxTimestampMs, segment.OffsetOfMaxTimestamp) =
            segment.TimeIndex.Count > 0 ? segment.TimeIndex.Entry(segment.TimeIndex.Count - 1) : (-1, -1);
        if (segment.SizeBytes == 0)
        {
            segment.FirstTimestampMs = -1;
            return;
        }
        Span<byte> header = stackalloc byte[TimeHeaderBytes];
        var cursor = new HeaderCursor(segment.File, segment.OffsetIndex.Lookup(segment.OffsetOfMaxTimestamp), segment.SizeBytes);
        while (cursor.MoveNext())
        {
            long timestamp = MaxTimestampOf(segment, cursor.Position, cursor.BatchBytes, header);
            if (timestamp > segment.MaxTimestampMs)
            {
                (segment.MaxTimestampMs, segment.OffsetOfMaxTimestamp) = (timestamp, cursor.LastOffset);
            }
        }
    }
}
