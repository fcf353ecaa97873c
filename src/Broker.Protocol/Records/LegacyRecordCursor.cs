namespace Broker.Protocol.Records;

/// <summary>
/// Reads the record or, of a wrapper, the records of one entry of magic 0 or 1, as they sit in files of Kafka before 0.11.
/// Inner offsets are absolute in magic 0; in magic 1 they count from 0, and the wrapper's offset is the last one's, so the
/// whole set must be decompressed before the first offset is known (Kafka AbstractLegacyRecordBatch). Checksums are
/// checked, the wrapper's and each record's. Bad data ends the walk with a <see cref="Fault"/>. Not thread-safe.
/// </summary>
public ref struct LegacyRecordCursor : IDisposable
{
    private readonly RecordCodecs _codecs;
    private readonly long _timestamp;
    private readonly bool _logAppendTime;
    private readonly bool _relative;
    private readonly long _baseOffset;
    private PooledBuffer? _inner;
    private BatchCursor _entries;
    private bool _single;

    /// <param name="entry">One entry.</param>
    /// <param name="codecs">The caller's codecs.</param>
    public LegacyRecordCursor(LegacyMessageView entry, RecordCodecs codecs)
    {
        _codecs = codecs;
        _timestamp = entry.Timestamp;
        _logAppendTime = entry.TimestampType == TimestampType.LogAppendTime;
        Current = default;
        if (!entry.IsCrcValid())
        {
            Fault = RecordFault.CorruptChecksum;
            return;
        }
        if (!entry.TryRead(out NullableBytes key, out NullableBytes value))
        {
            Fault = RecordFault.InvalidStructure;
            return;
        }
        if (entry.Codec == CompressionCodec.None)
        {
            _single = true;
            Current = new RecordView(entry.Offset, entry.Timestamp, key, value);
            return;
        }
        if (value.IsNull || entry.Codec >= CompressionCodec.Zstd)
        {
            Fault = RecordFault.InvalidWrapper;
            return;
        }
        _inner = codecs.RentBuffer();
        Fault = codecs.Decompress(entry.Codec, entry.Magic, value.Span, _inner, codecs.Limits.RecordBytesMax);
        if (Fault == RecordFault.None)
        {
            _relative = entry.Magic == 1;
            Fault = FindBase(entry.Offset, _inner.WrittenSpan, _relative, out _baseOffset);
            _entries = new BatchCursor(_inner.WrittenSpan);
        }
    }

    public RecordFault Fault { get; private set; }

    public RecordView Current { get; private set; }

    public bool MoveNext()
    {
        if (_single)
        {
            _single = false;
            return true;
        }
        if (_inner is null || Fault != RecordFault.None || !_entries.MoveNext())
        {
            return false;
        }
        var entry = new LegacyMessageView(_entries.Current);
        if (!entry.IsCrcValid())
        {
            Fault = RecordFault.CorruptChecksum;
            return false;
        }
        if (!entry.TryRead(out NullableBytes key, out NullableBytes value))
        {
            Fault = RecordFault.InvalidStructure;
            return false;
        }
        long timestamp = _logAppendTime && entry.Magic == 1 ? _timestamp : entry.Timestamp;
        Current = new RecordView(_baseOffset + entry.Offset, timestamp, key, value);
        return true;
    }

    public void Dispose()
    {
        if (_inner is not null)
        {
            _codecs.ReturnBuffer(_inner);
            _inner = null;
        }
    }

    /// <summary>What to add to the inner offsets. Some versions of librdkafka left the wrapper's at 0.</summary>
    private static RecordFault FindBase(long wrapperOffset, ReadOnlySpan<byte> inner, bool relative, out long baseOffset)
    {
        baseOffset = 0;
        var entries = new BatchCursor(inner);
        long last = -1;
        while (entries.MoveNext())
        {
            if (entries.Magic > 1 || new LegacyMessageView(entries.Current).Codec != CompressionCodec.None)
            {
                return RecordFault.InvalidWrapper;
            }
            last = entries.Offset;
        }
        if (entries.Outcome == BatchOutcome.Garbage || last < 0)
        {
            return RecordFault.InvalidWrapper;
        }
        if (relative && wrapperOffset != 0)
        {
            baseOffset = wrapperOffset - last;
        }
        return baseOffset < 0 ? RecordFault.InvalidWrapper : RecordFault.None;
    }
}
