using Broker.Protocol.Records;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>What a cleaning goes by, the same for all its segments.</summary>
internal sealed record CleaningRules(
    OffsetMap Map, CleanedTransactions Transactions, Dictionary<long, LastRecordOfProducer> Producers, CleanerStats Stats)
{
    public required long NowMs { get; init; }

    public required long DeleteRetentionMs { get; init; }

    /// <summary>The round's end: a batch that ends there stays, if only its header, so that the log's end is known.</summary>
    public required long UpperBoundOffset { get; init; }

    /// <summary>Whether the tombstones of magic 0 and 1 in this segment are too young to go.</summary>
    public bool RetainsLegacyDeletes { get; set; }
}

/// <summary>
/// Decides batch by batch what stays and writes it into a cleaned segment: whole as it was, rebuilt without some records, as
/// a header alone, or not at all. Offsets, deltas, producer and sequences stay. After Kafka's Cleaner.cleanInto and
/// MemoryRecords.filterTo. Not thread-safe.
/// </summary>
internal sealed class RecordFilter(
    CleaningRules rules, LogSegment cleaned, int indexIntervalBytes, int bufferBytes, RecordCodecs codecs, RecordBatchBuilder builder)
    : IBatchVisitor
{
    private readonly PooledBuffer _output = new();
    private readonly PooledBuffer _batch = new();
    private long _written;
    private bool _hasTombstones;

    /// <summary>Bytes written since this was last asked.</summary>
    public long TakeWritten()
    {
        long bytes = _written;
        _written = 0;
        return bytes;
    }

    public bool Visit(scoped in BatchCursor cursor)
    {
        rules.Stats.BytesRead += cursor.SizeInBytes;
        if (cursor.Magic < RecordBatchHeader.Magic)
        {
            FilterLegacy(cursor);
        }
        else
        {
            Filter(cursor.Batch);
        }
        return true;
    }

    private void Filter(RecordBatchView batch)
    {
        CleaningRules r = rules;
        bool mayGo = batch.IsControl ? r.Transactions.OnControlBatch(batch, codecs) : r.Transactions.OnBatch(batch);
        bool recordsGo = mayGo
            && (!batch.IsControl || (batch.HasDeleteHorizon && batch.BaseTimestamp <= r.NowMs));
        int kept = recordsGo ? 0 : Keep(batch, batch.HasDeleteHorizon ? batch.BaseTimestamp : null);
        r.Stats.MessagesRead += batch.Count;
        if (kept == 0)
        {
            if (StaysEmpty(batch))
            {
                WriteEmpty(batch);
            }
            return;
        }
        r.Stats.MessagesWritten += kept;
        bool tombstones = _hasTombstones || (mayGo && batch.IsControl);
        if (tombstones && !batch.HasDeleteHorizon)
        {
            Keep(batch, r.NowMs + r.DeleteRetentionMs);
        }
        else if (kept == batch.Count)
        {
            Write(batch.Span, batch.BaseOffset, batch.LastOffset, batch.MaxTimestamp);
            return;
        }
        _batch.Clear();
        builder.Finish(_batch);
        var made = new RecordBatchView(_batch.WrittenSpan);
        Write(_batch.WrittenSpan, made.BaseOffset, made.LastOffset, made.MaxTimestamp);
    }

    /// <summary>Puts the records that stay into the builder.</summary>
    private int Keep(RecordBatchView batch, long? deleteHorizonMs)
    {
        RecordBatchOptions options = RecordBatchOptions.Of(batch);
        options.DeleteHorizonMs = deleteHorizonMs;
        options.LastOffsetDelta = batch.LastOffsetDelta;
        builder.Begin(options);
        _hasTombstones = false;
        bool deletesStay = !batch.HasDeleteHorizon || rules.NowMs < batch.BaseTimestamp;
        using var records = new RecordCursor(batch, codecs);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            if (batch.IsControl || Stays(record, deletesStay))
            {
                _hasTombstones |= record.Value.IsNull;
                builder.Append(record.Offset, record);
            }
        }
        OffsetMapBuilder.Refuse(records.Fault, batch.BaseOffset);
        return builder.Count;
    }

    private bool Stays(RecordView record, bool deletesStay)
    {
        if (record.Offset > rules.Map.LatestOffset)
        {
            return true;   // the map was full before it
        }
        if (record.Key.IsNull)
        {
            rules.Stats.InvalidMessages++;
            return false;
        }
        return record.Offset >= rules.Map.Get(record.Key.Span) && (!record.Value.IsNull || deletesStay);
    }

    /// <summary>Whether the header must stay although no record does.</summary>
    private bool StaysEmpty(RecordBatchView batch)
    {
        if (batch.LastOffset + 1 == rules.UpperBoundOffset)
        {
            return true;
        }
        if (!batch.HasProducerId || !rules.Producers.TryGetValue(batch.ProducerId, out LastRecordOfProducer last))
        {
            return false;
        }
        // A producer that has only written markers: its last one tells the epoch.
        return last.DataOffset >= 0 ? batch.LastOffset == last.DataOffset : batch.IsControl && batch.ProducerEpoch == last.Epoch;
    }

    private void WriteEmpty(RecordBatchView batch)
    {
        RecordBatchFields fields = RecordBatchFields.Of(batch);
        fields.Codec = CompressionCodec.None;
        fields.HasDeleteHorizon = false;
        fields.BaseTimestamp = batch.MaxTimestamp;
        fields.Count = 0;
        Span<byte> header = stackalloc byte[RecordBatchHeader.Size];
        fields.Write(header);
        // It has no record, so its time leads to none.
        Write(header, batch.BaseOffset, batch.LastOffset, RecordBatchHeader.NoTimestamp);
    }

    /// <summary>An entry of magic 0 or 1: whole, gone, or what stays of a wrapper as a batch of magic 2.</summary>
    private void FilterLegacy(scoped in BatchCursor cursor)
    {
        var entry = new LegacyMessageView(cursor.Current);
        int read = 0;
        int kept = 0;
        long first = cursor.Offset;
        using (var records = new LegacyRecordCursor(entry, codecs))
        {
            while (records.MoveNext())
            {
                RecordView record = records.Current;
                read++;
                if (!Stays(record, rules.RetainsLegacyDeletes))
                {
                    continue;
                }
                if (kept++ == 0)
                {
                    first = record.Offset;
                    builder.Begin(new RecordBatchOptions
                    {
                        BaseOffset = first,
                        Codec = entry.Codec,
                        TimestampType = entry.TimestampType == TimestampType.LogAppendTime
                            ? TimestampType.LogAppendTime : TimestampType.CreateTime,
                        LogAppendTimeMs = entry.Timestamp,
                        LastOffsetDelta = (int)(cursor.Offset - first),
                    });
                }
                builder.Append(record.Offset, record);
            }
            OffsetMapBuilder.Refuse(records.Fault, cursor.Offset);
        }
        rules.Stats.MessagesRead += read;
        rules.Stats.MessagesWritten += kept;
        if (kept == read)
        {
            Write(cursor.Current, first, cursor.Offset, entry.Timestamp);
        }
        else if (kept > 0)
        {
            _batch.Clear();
            builder.Finish(_batch);
            Write(_batch.WrittenSpan, first, cursor.Offset, new RecordBatchView(_batch.WrittenSpan).MaxTimestamp);
        }
    }

    private void Write(ReadOnlySpan<byte> batch, long baseOffset, long lastOffset, long maxTimestampMs)
    {
        int position = cleaned.SizeBytes;
        if ((long)position + batch.Length > int.MaxValue)
        {
            throw new CleaningException($"the segment at {cleaned.BaseOffset} grows beyond {int.MaxValue} bytes");
        }
        _output.Write(batch);
        cleaned.Track(position, batch.Length, baseOffset, lastOffset, maxTimestampMs, indexIntervalBytes);
        rules.Stats.BytesWritten += batch.Length;
        _written += batch.Length;
        if (_output.Length >= bufferBytes)
        {
            Flush();
        }
    }

    /// <summary>Writes what is still in memory.</summary>
    public void Flush()
    {
        if (_output.Length > 0)
        {
            cleaned.File.Write(_output.WrittenSpan, cleaned.SizeBytes - _output.Length);
            _output.Clear();
        }
    }
}
