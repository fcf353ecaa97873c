using System.Buffers;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>A record found by time.</summary>
internal readonly record struct TimestampAndOffset(long TimestampMs, long Offset);

/// <summary>Looking up by time: the time index leads near the place, headers and records decide.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>Bytes of a header up to the greatest timestamp of magic 2.</summary>
    private const int TimeHeaderBytes = RecordBatchHeader.ProducerIdAt;

    /// <summary>The first record at or after the log's start whose timestamp is at least <paramref name="timestampMs"/>, or null.
    /// Reads files; not for network threads.</summary>
    public TimestampAndOffset? FindByTimestamp(long timestampMs) => OnDisk("a look-up by time", () => FindFirst(timestampMs));

    private TimestampAndOffset? FindFirst(long timestampMs)
    {
        long start = LogStartOffset;
        foreach (LogSegment segment in Volatile.Read(ref _segments))
        {
            if (segment.MaxTimestampMs >= timestampMs && Find(segment, timestampMs, start) is { } found)
            {
                return found;
            }
        }
        return null;
    }

    private static TimestampAndOffset? Find(LogSegment segment, long timestampMs, long startOffset)
    {
        if (!segment.File.TryAddReference())
        {
            return null;   // deleted meanwhile
        }
        try
        {
            // The entry says that everything up to its offset is older or equal; one before it is surely too old.
            long from = Math.Max(startOffset, segment.TimeIndex.Lookup(timestampMs - 1).Offset);
            int position = segment.FindPosition(from, out int _);
            return position < 0 ? null : Scan(segment, position, timestampMs, startOffset);
        }
        finally
        {
            segment.File.ReleaseReference();
        }
    }

    private static TimestampAndOffset? Scan(LogSegment segment, int position, long timestampMs, long startOffset)
    {
        byte[] header = new byte[TimeHeaderBytes];
        var cursor = new HeaderCursor(segment.File, position, segment.SizeBytes);
        while (cursor.MoveNext())
        {
            int bytes = segment.File.Read(header.AsSpan(0, Math.Min(TimeHeaderBytes, cursor.BatchBytes)), cursor.Position);
            bool isV2 = bytes == TimeHeaderBytes && header[RecordBatchHeader.MagicAt] >= RecordBatchHeader.Magic;
            if (!isV2)
            {
                var message = new LegacyMessageView(header);
                long legacy = message.Magic == 1 ? message.Timestamp : RecordBatchHeader.NoTimestamp;
                if (legacy >= timestampMs && cursor.LastOffset >= startOffset
                    && FindInBatch(segment, cursor.Position, cursor.BatchBytes, timestampMs, startOffset) is { } old)
                {
                    return old;
                }
            }
            else if (new RecordBatchView(header).MaxTimestamp >= timestampMs
                && FindInBatch(segment, cursor.Position, cursor.BatchBytes, timestampMs, startOffset) is { } found)
            {
                return found;
            }
        }
        return null;
    }

    private static TimestampAndOffset? FindInLegacy(LegacyMessageView entry, long timestampMs, long startOffset)
    {
        using var records = new LegacyRecordCursor(entry, BatchTools.Current.Codecs);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            if (record.Timestamp >= timestampMs && record.Offset >= startOffset)
            {
                return new TimestampAndOffset(record.Timestamp, record.Offset);
            }
        }
        return null;
    }

    private static TimestampAndOffset? FindInBatch(LogSegment segment, int position, int bytes, long timestampMs, long startOffset)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(bytes);
        try
        {
            int read = segment.File.Read(rented.AsSpan(0, bytes), position);
            ReadOnlySpan<byte> batch = rented.AsSpan(0, bytes);
            if (read < bytes)
            {
                return null;
            }
            if (batch[RecordBatchHeader.MagicAt] < RecordBatchHeader.Magic)
            {
                return FindInLegacy(new LegacyMessageView(batch), timestampMs, startOffset);
            }
            return TimestampSearch.TryFindFirst(
                new RecordBatchView(batch), BatchTools.Current.Codecs, timestampMs, startOffset, out long offset, out long timestamp)
                ? new TimestampAndOffset(timestamp, offset) : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
