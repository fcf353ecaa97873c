namespace Broker.Protocol.Records;

/// <summary>Looks records up by time, as ListOffsets asks (KIP-33, KIP-734). Compressed batches are decompressed in a
/// window; nothing is held. Stateless; thread-safe, the codecs are the caller's.</summary>
public static class TimestampSearch
{
    /// <summary>The first record at or after <paramref name="offsetMin"/> whose timestamp is at least
    /// <paramref name="timestampMs"/>. A batch whose header says that it has none costs one comparison.</summary>
    /// <param name="batch">A whole batch.</param>
    /// <param name="codecs">The caller's codecs.</param>
    /// <param name="timestampMs">Ms since 1970.</param>
    /// <param name="offsetMin">Records before do not count: the log's start may lie inside a batch.</param>
    /// <param name="offset">The record's offset.</param>
    /// <param name="timestamp">The record's timestamp, ms since 1970.</param>
    /// <returns>False also when the batch cannot be read.</returns>
    public static bool TryFindFirst(
        RecordBatchView batch, RecordCodecs codecs, long timestampMs, long offsetMin, out long offset,
        out long timestamp)
    {
        offset = timestamp = -1;
        if (batch.MaxTimestamp < timestampMs || batch.LastOffset < offsetMin)
        {
            return false;
        }
        using var records = new RecordCursor(batch, codecs, structureOnly: true);
        while (records.MoveNext())
        {
            if (records.Timestamp >= timestampMs && records.Offset >= offsetMin)
            {
                offset = records.Offset;
                timestamp = records.Timestamp;
                return true;
            }
        }
        return false;
    }
}
