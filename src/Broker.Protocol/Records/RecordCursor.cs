using Broker.Protocol.Records.Compression;

namespace Broker.Protocol.Records;

/// <summary>
/// Reads the records of one batch of magic 2, compressed or not, where they lie or through a window that slides over the
/// decompressed bytes. Bad data ends the walk with a <see cref="Fault"/>, never with an exception; a clean end leaves
/// <see cref="RecordFault.None"/>, so look at it after the last <see cref="MoveNext"/>. Dispose gives the window back.
/// Spans of a record are valid until the next <see cref="MoveNext"/>. Costs some 10 ns a record and allocates nothing.
/// Not thread-safe.
/// </summary>
/// <example>
/// <code>
/// using var records = new RecordCursor(batch, codecs);
/// while (records.MoveNext())
/// {
///     Use(records.Current.Key, records.Current.Value);
/// }
/// </code>
/// </example>
public ref struct RecordCursor : IDisposable
{
    private readonly ReadOnlySpan<byte> _source;
    private readonly RecordCodecs _codecs;
    private readonly CompressionCodec _codec;
    private readonly bool _structureOnly;
    private readonly bool _logAppendTime;
    private readonly long _baseOffset;
    private readonly long _baseTimestamp;
    private readonly long _maxTimestamp;
    private readonly int _baseSequence;
    private readonly int _count;
    private RecordStream? _stream;
    private ReadOnlySpan<byte> _body;
    private RecordFields _fields;
    private int _position;
    private int _read;

    /// <param name="batch">A whole batch.</param>
    /// <param name="codecs">The caller's codecs.</param>
    /// <param name="structureOnly">Whether to check records without holding them: <see cref="Current"/> is not there,
    /// and a record larger than the window costs no memory.</param>
    public RecordCursor(RecordBatchView batch, RecordCodecs codecs, bool structureOnly = false)
    {
        _source = batch.RecordsSpan;
        _codecs = codecs;
        _codec = batch.Codec;
        _structureOnly = structureOnly;
        _logAppendTime = batch.TimestampType == TimestampType.LogAppendTime;
        _baseOffset = batch.BaseOffset;
        _baseTimestamp = batch.BaseTimestamp;
        _maxTimestamp = batch.MaxTimestamp;
        _baseSequence = batch.BaseSequence;
        _count = batch.Count;
        if (_count < 0)
        {
            Fault = RecordFault.NegativeCount;
        }
        else if (!CompressionCodecs.IsKnown(_codec))
        {
            Fault = RecordFault.UnknownCodec;
        }
        else if (_codec != CompressionCodec.None && _count > 0)
        {
            _stream = codecs.Rent(_codec, RecordBatchHeader.Magic);
        }
    }

    /// <summary>Why the walk ended before the declared count, or None.</summary>
    public RecordFault Fault { get; private set; }

    public readonly bool IsCompressed => _codec != CompressionCodec.None;

    public readonly int OffsetDelta => _fields.OffsetDelta;

    public readonly long Offset => _baseOffset + _fields.OffsetDelta;

    /// <summary>Ms since 1970: the batch's greatest when the broker's clock counts.</summary>
    public readonly long Timestamp => _logAppendTime ? _maxTimestamp : _baseTimestamp + _fields.TimestampDelta;

    public readonly bool HasKey => _fields.KeyLength >= 0;

    /// <summary>Bytes; -1 when there is no key.</summary>
    public readonly int KeyLength => Math.Max(_fields.KeyLength, -1);

    /// <summary>Bytes; -1 when there is no value.</summary>
    public readonly int ValueLength => Math.Max(_fields.ValueLength, -1);

    /// <summary>The record read last, unless only the structure is read.</summary>
    public readonly RecordView Current => !_structureOnly
        ? new RecordView(_body, in _fields, Offset, Timestamp, Sequence)
        : throw new InvalidOperationException("a cursor over the structure holds no records");

    private readonly int Sequence => _baseSequence < 0
        ? RecordBatchHeader.NoSequence
        : RecordBatchHeader.IncrementSequence(_baseSequence, _fields.OffsetDelta);

    public bool MoveNext()
    {
        if (_read >= _count || Fault != RecordFault.None)
        {
            return CheckEnd();
        }
        if (_stream is not null)
        {
            return MoveNextCompressed(_stream);
        }
        int at = _position;
        if (!Varint.TryRead(_source, ref at, out int length))
        {
            return Fail(
                _source.Length - at < Varint.BytesMax32 ? RecordFault.PrematureEnd : RecordFault.InvalidLength);
        }
        if (length < 0)
        {
            return Fail(RecordFault.InvalidLength);
        }
        if (length > _source.Length - at)
        {
            return Fail(RecordFault.PrematureEnd);
        }
        _body = _source.Slice(at, length);
        _position = at + length;
        return Accept(RecordParser.Parse(_body, ref _fields));
    }

    public void Dispose()
    {
        if (_stream is not null)
        {
            _codecs.Return(_codec, _stream);
            _stream = null;
        }
    }

    private bool MoveNextCompressed(RecordStream stream)
    {
        int at = 0;
        ReadOnlySpan<byte> available = stream.Available;
        if (!Varint.TryRead(available, ref at, out int length))
        {
            stream.Ensure(_source, Varint.BytesMax32);
            available = stream.Available;
            if (!Varint.TryRead(available, ref at, out length))
            {
                return Fail(available.Length < Varint.BytesMax32 ? End(stream) : RecordFault.InvalidLength);
            }
        }
        if (length < 0)
        {
            return Fail(RecordFault.InvalidLength);
        }
        if (length > available.Length - at)
        {
            stream.Advance(at);
            at = 0;
            if (_structureOnly && length > RecordSkipper.LengthMin)
            {
                return Accept(RecordSkipper.Skip(stream, _source, length, ref _fields));
            }
            if (length > stream.RecordBytesMax)
            {
                return Fail(RecordFault.RecordTooLarge);
            }
            if (!stream.Ensure(_source, length))
            {
                return Fail(End(stream));
            }
            available = stream.Available;
        }
        _body = available.Slice(at, length);
        stream.Advance(at + length);
        return Accept(RecordParser.Parse(_body, ref _fields));
    }

    private static RecordFault End(RecordStream stream) =>
        stream.Fault == RecordFault.None ? RecordFault.PrematureEnd : stream.Fault;

    private bool Accept(RecordFault fault)
    {
        if (fault != RecordFault.None)
        {
            return Fail(fault);
        }
        _read++;
        return true;
    }

    private bool Fail(RecordFault fault)
    {
        Fault = fault;
        return false;
    }

    /// <summary>After the declared records there must be nothing. An empty batch is not looked into (Kafka
    /// DefaultRecordBatch.iterator).</summary>
    private bool CheckEnd()
    {
        if (Fault == RecordFault.None && _count > 0)
        {
            if (_stream is null)
            {
                Fault = _position == _source.Length ? RecordFault.None : RecordFault.BytesRemaining;
            }
            else if (!_stream.IsExhausted(_source))
            {
                Fault = _stream.Fault == RecordFault.None ? RecordFault.BytesRemaining : _stream.Fault;
            }
        }
        return false;
    }
}
