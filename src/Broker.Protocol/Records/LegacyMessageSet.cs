namespace Broker.Protocol.Records;

/// <summary>
/// Makes batches of magic 2 out of entries of magic 0 and 1, since nothing else is served any more. Offsets stay, gaps
/// and all; timestamps stay, -1 in magic 0. One batch takes a run of entries of one codec and one kind of timestamp.
/// Stateless; thread-safe, codecs and builder are the caller's.
/// </summary>
public static class LegacyMessageSet
{
    /// <summary>Converts the entries at the beginning of <paramref name="entries"/> into one batch.</summary>
    /// <param name="entries">Whole entries; the run ends at another format, codec or timestamp type, or at the
    /// span's end.</param>
    /// <param name="codecs">The caller's codecs.</param>
    /// <param name="builder">What it was building is dropped.</param>
    /// <param name="bytesMax">Uncompressed bytes at which the batch ends.</param>
    /// <param name="output">Where the batch is appended.</param>
    /// <param name="consumed">Bytes of entries that the batch stands for; 0 when the first is none of magic 0 or
    /// 1.</param>
    /// <returns>None, or why the run cannot be read; then nothing is appended.</returns>
    public static RecordFault ConvertToBatch(
        ReadOnlySpan<byte> entries, RecordCodecs codecs, RecordBatchBuilder builder, int bytesMax, PooledBuffer output,
        out int consumed)
    {
        consumed = 0;
        var cursor = new BatchCursor(entries);
        LegacyMessageView first = default;
        bool begun = false;
        while (cursor.MoveNext() && cursor.Magic < RecordBatchHeader.Magic)
        {
            var entry = new LegacyMessageView(cursor.Current);
            if (consumed == 0)
            {
                first = entry;
            }
            else if (!Belongs(entry, first) || builder.UncompressedBytes + entry.SizeInBytes > bytesMax)
            {
                break;
            }
            RecordFault fault = Append(entry, codecs, builder, ref begun);
            if (fault != RecordFault.None)
            {
                consumed = 0;
                return fault;
            }
            consumed = cursor.Position + cursor.SizeInBytes;
        }
        if (begun)
        {
            builder.Finish(output);
        }
        return RecordFault.None;
    }

    /// <summary>The time of an append counts for all records of a batch, so only equal ones go together.</summary>
    private static bool Belongs(LegacyMessageView entry, LegacyMessageView first) =>
        entry.Codec == first.Codec
        && IsAppendTime(entry) == IsAppendTime(first)
        && (!IsAppendTime(entry) || entry.Timestamp == first.Timestamp);

    private static bool IsAppendTime(LegacyMessageView entry) => entry.TimestampType == TimestampType.LogAppendTime;

    private static RecordFault Append(
        LegacyMessageView entry, RecordCodecs codecs, RecordBatchBuilder builder, ref bool begun)
    {
        using var records = new LegacyRecordCursor(entry, codecs);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            if (!begun)
            {
                builder.Begin(new RecordBatchOptions
                {
                    BaseOffset = record.Offset,
                    Codec = entry.Codec,
                    TimestampType = IsAppendTime(entry) ? TimestampType.LogAppendTime : TimestampType.CreateTime,
                    LogAppendTimeMs = entry.Timestamp,
                });
                begun = true;
            }
            if (!builder.Accepts(record.Offset))
            {
                return RecordFault.InvalidWrapper;
            }
            builder.Append(record.Offset, record);
        }
        return records.Fault;
    }
}
