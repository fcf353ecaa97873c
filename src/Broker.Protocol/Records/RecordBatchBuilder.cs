using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol.Records;

/// <summary>
/// Builds batches of magic 2, one after another: <see cref="Begin"/>, <see cref="Append(long, NullableBytes,
/// NullableBytes, ReadOnlySpan{RecordHeader})"/> for each record, <see cref="Finish()"/>. Records are encoded behind room
/// for the header, so that an uncompressed batch is never copied. Its buffers are pooled and kept; steady use allocates
/// nothing. Not thread-safe.
/// </summary>
/// <param name="codecs">The caller's codecs.</param>
public sealed class RecordBatchBuilder(RecordCodecs codecs) : IDisposable
{
    /// <summary>Length, attributes, timestamp, offset, and the counts of key, value and headers, at their longest.</summary>
    private const int RecordOverheadMax = 5 + 1 + 10 + 5 + 5 + 5 + 5;

    private readonly PooledBuffer _records = new();
    private readonly PooledBuffer _output = new();
    private RecordBatchOptions _options;
    private long _baseTimestamp;
    private long _maxTimestamp;
    private long _lastOffset;

    /// <summary>Records appended.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of header and records, before compression.</summary>
    public int UncompressedBytes => _records.Length;

    /// <summary>Begins a batch; what was not finished is dropped.</summary>
    public void Begin(in RecordBatchOptions options)
    {
        _options = options;
        _records.Clear();
        _records.GetSpan(RecordBatchHeader.Size);
        _records.Advance(RecordBatchHeader.Size);
        Count = 0;
        _maxTimestamp = RecordBatchHeader.NoTimestamp;
        _lastOffset = options.BaseOffset - 1;
    }

    /// <summary>Appends a record at the next offset.</summary>
    /// <param name="timestampMs">Ms since 1970, or -1.</param>
    /// <param name="key">May be null.</param>
    /// <param name="value">May be null.</param>
    /// <param name="headers">In the order to keep.</param>
    public void Append(
        long timestampMs, NullableBytes key, NullableBytes value, ReadOnlySpan<RecordHeader> headers = default)
    {
        int headerBytes = Varint.SizeOf(headers.Length);
        foreach (ref readonly RecordHeader header in headers)
        {
            int valueLength = header.Value?.Length ?? -1;
            headerBytes += Varint.SizeOf(header.Key.Length) + header.Key.Length
                + Varint.SizeOf(valueLength) + Math.Max(0, valueLength);
        }
        BeginRecord(_lastOffset + 1, timestampMs, key, value, headerBytes);
        Write(headers.Length);
        foreach (ref readonly RecordHeader header in headers)
        {
            Write(header.Key.Length);
            _records.Write(header.Key.Span);
            Write(header.Value);
        }
    }

    /// <summary>Appends a record as it was read, headers and all, at an offset of its own: compaction leaves
    /// gaps.</summary>
    /// <param name="offset">Above the last record's; at most Int32.MaxValue above the batch's.</param>
    /// <param name="record">From a cursor of another batch.</param>
    public void Append(long offset, RecordView record)
    {
        BeginRecord(
            offset, record.Timestamp, record.Key, record.Value,
            Varint.SizeOf(record.HeaderCount) + record.HeadersSpan.Length);
        Write(record.HeaderCount);
        _records.Write(record.HeadersSpan);
    }

    /// <summary>Whether a record of this offset may come next.</summary>
    public bool Accepts(long offset) => offset > _lastOffset && offset - _options.BaseOffset <= int.MaxValue;

    /// <summary>Ends the batch. The bytes are valid until the next <see cref="Begin"/>.</summary>
    public Memory<byte> Finish()
    {
        if (_options.Codec == CompressionCodec.None)
        {
            WriteHeader(_records.WrittenSpan);
            return _records.WrittenMemory;
        }
        _output.Clear();
        Finish(_output);
        return _output.WrittenMemory;
    }

    /// <summary>Ends the batch and appends it to <paramref name="output"/>.</summary>
    public void Finish(PooledBuffer output)
    {
        ArgumentNullException.ThrowIfNull(output);
        int at = output.Length;
        output.Write(_records.WrittenSpan[..RecordBatchHeader.Size]);
        codecs.Compress(
            _options.Codec,
            _options.Level ?? CompressionCodecs.LevelDefault(_options.Codec),
            _records.WrittenSpan[RecordBatchHeader.Size..],
            output);
        WriteHeader(output.WrittenSpan[at..]);
    }

    /// <summary>
    /// Appends a batch's other form to <paramref name="output"/>: compressed with another codec, and its records numbered
    /// 0, 1, 2 ... when asked. Offsets, timestamps, producer and flags stay. Takes the memory of the decompressed batch,
    /// which may therefore not be larger than one record. What is being built is dropped.
    /// </summary>
    /// <param name="batch">One whole batch.</param>
    /// <param name="codec">The codec to have.</param>
    /// <param name="level">Its level, or null.</param>
    /// <param name="renumber">Whether to number the records anew.</param>
    /// <param name="output">Where it goes.</param>
    /// <returns>None, or why the batch cannot be read; then nothing is appended.</returns>
    public RecordFault Rebuild(
        RecordBatchView batch, CompressionCodec codec, int? level, bool renumber, PooledBuffer output)
    {
        ArgumentNullException.ThrowIfNull(output);
        int at = output.Length;
        RecordFault fault = renumber
            ? RebuildRecords(batch, codec, level, output)
            : Recompress(batch, codec, level, output);
        if (fault != RecordFault.None)
        {
            output.Truncate(at);
        }
        return fault;
    }

    public void Dispose()
    {
        _records.Dispose();
        _output.Dispose();
    }

    private RecordFault Recompress(RecordBatchView batch, CompressionCodec codec, int? level, PooledBuffer output)
    {
        _records.Clear();
        RecordFault fault = codecs.Decompress(
            batch.Codec, RecordBatchHeader.Magic, batch.RecordsSpan, _records, codecs.Limits.RecordBytesMax);
        if (fault != RecordFault.None)
        {
            return fault;
        }
        int at = output.Length;
        output.Write(batch.Span[..RecordBatchHeader.Size]);
        codecs.Compress(codec, level ?? CompressionCodecs.LevelDefault(codec), _records.WrittenSpan, output);
        RecordBatchFields fields = RecordBatchFields.Of(batch);
        fields.Codec = codec;
        fields.Write(output.WrittenSpan[at..]);
        return RecordFault.None;
    }

    private RecordFault RebuildRecords(RecordBatchView batch, CompressionCodec codec, int? level, PooledBuffer output)
    {
        RecordBatchOptions options = RecordBatchOptions.Of(batch);
        options.Codec = codec;
        options.Level = level;
        Begin(options);
        using var records = new RecordCursor(batch, codecs);
        while (records.MoveNext())
        {
            Append(_lastOffset + 1, records.Current);
            if (_records.Length > codecs.Limits.RecordBytesMax)
            {
                return RecordFault.BatchTooLarge;
            }
        }
        if (records.Fault == RecordFault.None)
        {
            Finish(output);
        }
        return records.Fault;
    }

    private void BeginRecord(long offset, long timestampMs, NullableBytes key, NullableBytes value, int headerBytes)
    {
        if (_options.TimestampType == TimestampType.LogAppendTime)
        {
            timestampMs = _options.LogAppendTimeMs;
        }
        if (Count == 0)
        {
            _baseTimestamp = _options.DeleteHorizonMs ?? timestampMs;
        }
        long delta = offset - _options.BaseOffset;
        if (!Accepts(offset))
        {
            ThrowOffset(offset);
        }
        _maxTimestamp = Math.Max(_maxTimestamp, timestampMs);
        _lastOffset = offset;
        Count++;

        long timestampDelta = timestampMs - _baseTimestamp;
        int size = sizeof(byte) + Varint.SizeOf(timestampDelta) + Varint.SizeOf((int)delta)
            + Varint.SizeOf(key.Length) + key.Span.Length
            + Varint.SizeOf(value.Length) + value.Span.Length + headerBytes;
        Span<byte> room = _records.GetSpan(RecordOverheadMax);
        int at = Varint.Write(room, size);
        room[at++] = 0;
        at += Varint.Write(room[at..], timestampDelta);
        at += Varint.Write(room[at..], delta);
        _records.Advance(at);
        Write(key);
        Write(value);
    }

    private void Write(NullableBytes bytes)
    {
        Write(bytes.Length);
        _records.Write(bytes.Span);
    }

    private void Write(int value) => _records.Advance(Varint.Write(_records.GetSpan(Varint.BytesMax32), value));

    private void WriteHeader(Span<byte> batch) => new RecordBatchFields
    {
        BaseOffset = _options.BaseOffset,
        PartitionLeaderEpoch = _options.PartitionLeaderEpoch,
        Codec = _options.Codec,
        TimestampType = _options.TimestampType,
        IsTransactional = _options.IsTransactional,
        IsControl = _options.IsControl,
        HasDeleteHorizon = _options.DeleteHorizonMs is not null,
        LastOffsetDelta = _options.LastOffsetDelta ?? (int)(_lastOffset - _options.BaseOffset),
        BaseTimestamp = Count == 0 ? RecordBatchHeader.NoTimestamp : _baseTimestamp,
        MaxTimestamp = _maxTimestamp,
        ProducerId = _options.ProducerId,
        ProducerEpoch = _options.ProducerEpoch,
        BaseSequence = _options.BaseSequence,
        Count = Count,
    }.Write(batch);

    [DoesNotReturn]
    private void ThrowOffset(long offset) => throw new ArgumentOutOfRangeException(
        nameof(offset), offset, $"a record after offset {_lastOffset} of a batch at {_options.BaseOffset}");
}
