namespace Broker.Protocol.Records;

/// <summary>One record where it lies. Valid until the cursor that gave it moves. A plain view; as thread-safe as the
/// memory under it.</summary>
public readonly ref struct RecordView
{
    private readonly ReadOnlySpan<byte> _headers;

    internal RecordView(ReadOnlySpan<byte> body, scoped in RecordFields fields, long offset, long timestamp, int sequence)
    {
        Offset = offset;
        Timestamp = timestamp;
        Sequence = sequence;
        Attributes = fields.Attributes;
        Key = fields.KeyLength < 0 ? default : new NullableBytes(body.Slice(fields.KeyAt, fields.KeyLength));
        Value = fields.ValueLength < 0 ? default : new NullableBytes(body.Slice(fields.ValueAt, fields.ValueLength));
        HeaderCount = fields.HeaderCount;
        _headers = HeaderCount == 0 ? default : body[fields.HeadersAt..];
    }

    /// <summary>A record of magic 0 or 1.</summary>
    internal RecordView(long offset, long timestamp, NullableBytes key, NullableBytes value)
    {
        Offset = offset;
        Timestamp = timestamp;
        Sequence = RecordBatchHeader.NoSequence;
        Key = key;
        Value = value;
    }

    public long Offset { get; }

    /// <summary>Ms since 1970; -1 when there is none.</summary>
    public long Timestamp { get; }

    /// <summary>The producer's sequence; -1 when there is none.</summary>
    public int Sequence { get; }

    /// <summary>Bits that no one has assigned yet.</summary>
    public byte Attributes { get; }

    public NullableBytes Key { get; }
    public NullableBytes Value { get; }
    public int HeaderCount { get; }

    /// <summary>The headers' bytes as they lie, after their count.</summary>
    public ReadOnlySpan<byte> HeadersSpan => _headers;

    public RecordHeaderCursor Headers => new(_headers, HeaderCount);
}

/// <summary>Walks a record's headers, which have been checked when the record was read. Not thread-safe.</summary>
public ref struct RecordHeaderCursor
{
    private readonly ReadOnlySpan<byte> _span;
    private int _left;
    private int _at;

    internal RecordHeaderCursor(ReadOnlySpan<byte> span, int count)
    {
        _span = span;
        _left = count;
    }

    public ReadOnlySpan<byte> Key { get; private set; }

    public NullableBytes Value { get; private set; }

    public readonly RecordHeaderCursor GetEnumerator() => this;

    /// <summary>The cursor itself, so that <c>foreach</c> gives its key and value.</summary>
    public readonly RecordHeaderCursor Current => this;

    public bool MoveNext()
    {
        if (_left == 0
            || !Varint.TryRead(_span, ref _at, out int keyLength)
            || (uint)keyLength > (uint)(_span.Length - _at))
        {
            return false;
        }
        _left--;
        Key = _span.Slice(_at, keyLength);
        _at += keyLength;
        if (!Varint.TryRead(_span, ref _at, out int valueLength) || valueLength > _span.Length - _at)
        {
            return false;
        }
        Value = valueLength < 0 ? default : new NullableBytes(_span.Slice(_at, valueLength));
        _at += Math.Max(valueLength, 0);
        return true;
    }
}
