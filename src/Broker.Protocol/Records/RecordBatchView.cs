using System.Buffers.Binary;
using Broker.Protocol.Wire;

namespace Broker.Protocol.Records;

/// <summary>
/// A record batch of magic 2 where it lies. Reading a field costs a load; nothing is copied. The span must hold the
/// header (<see cref="RecordBatchHeader.Size"/> bytes); what the header says is not believed until
/// <see cref="BatchCursor"/>, <see cref="IsCrcValid"/> or <see cref="BatchValidator"/> has looked. A plain view; as
/// thread-safe as the memory under it.
/// </summary>
/// <param name="span">The batch, or its header alone when the records are not read.</param>
public readonly ref struct RecordBatchView(ReadOnlySpan<byte> span)
{
    private readonly ReadOnlySpan<byte> _span = span;

    public ReadOnlySpan<byte> Span => _span;
    public long BaseOffset => BinaryPrimitives.ReadInt64BigEndian(_span[RecordBatchHeader.BaseOffsetAt..]);

    /// <summary>Bytes after the length field.</summary>
    public int BatchLength => BinaryPrimitives.ReadInt32BigEndian(_span[RecordBatchHeader.LengthAt..]);

    /// <summary>Bytes in all.</summary>
    public int SizeInBytes => RecordBatchHeader.LogOverhead + BatchLength;

    public int PartitionLeaderEpoch =>
        BinaryPrimitives.ReadInt32BigEndian(_span[RecordBatchHeader.PartitionLeaderEpochAt..]);

    public byte Magic => _span[RecordBatchHeader.MagicAt];
    public uint Crc => BinaryPrimitives.ReadUInt32BigEndian(_span[RecordBatchHeader.CrcAt..]);
    public short Attributes => BinaryPrimitives.ReadInt16BigEndian(_span[RecordBatchHeader.AttributesAt..]);
    public CompressionCodec Codec => (CompressionCodec)(Attributes & RecordBatchHeader.CodecMask);
    public bool IsCompressed => Codec != CompressionCodec.None;

    public TimestampType TimestampType => (Attributes & RecordBatchHeader.LogAppendTimeFlag) != 0
        ? TimestampType.LogAppendTime : TimestampType.CreateTime;

    public bool IsTransactional => (Attributes & RecordBatchHeader.TransactionalFlag) != 0;
    public bool IsControl => (Attributes & RecordBatchHeader.ControlFlag) != 0;

    /// <summary>The base timestamp is a delete horizon (KIP-534), no record's timestamp.</summary>
    public bool HasDeleteHorizon => (Attributes & RecordBatchHeader.DeleteHorizonFlag) != 0;

    public int LastOffsetDelta => BinaryPrimitives.ReadInt32BigEndian(_span[RecordBatchHeader.LastOffsetDeltaAt..]);
    public long LastOffset => BaseOffset + LastOffsetDelta;

    /// <summary>Offset of what follows the batch.</summary>
    public long NextOffset => LastOffset + 1;

    public long BaseTimestamp => BinaryPrimitives.ReadInt64BigEndian(_span[RecordBatchHeader.BaseTimestampAt..]);
    public long MaxTimestamp => BinaryPrimitives.ReadInt64BigEndian(_span[RecordBatchHeader.MaxTimestampAt..]);
    public long ProducerId => BinaryPrimitives.ReadInt64BigEndian(_span[RecordBatchHeader.ProducerIdAt..]);
    public bool HasProducerId => ProducerId > RecordBatchHeader.NoProducerId;
    public short ProducerEpoch => BinaryPrimitives.ReadInt16BigEndian(_span[RecordBatchHeader.ProducerEpochAt..]);
    public int BaseSequence => BinaryPrimitives.ReadInt32BigEndian(_span[RecordBatchHeader.BaseSequenceAt..]);

    /// <summary>Sequence of the last record, which wraps to 0 after Int32.MaxValue; -1 when there is none.</summary>
    public int LastSequence => BaseSequence == RecordBatchHeader.NoSequence
        ? RecordBatchHeader.NoSequence
        : RecordBatchHeader.IncrementSequence(BaseSequence, LastOffsetDelta);

    public int Count => BinaryPrimitives.ReadInt32BigEndian(_span[RecordBatchHeader.CountAt..]);

    /// <summary>The records as they lie, compressed when <see cref="Codec"/> says so.</summary>
    public ReadOnlySpan<byte> RecordsSpan => _span[RecordBatchHeader.Size..];

    /// <summary>The checksum over what the span holds.</summary>
    public uint ComputeCrc() => Crc32C.Compute(_span[RecordBatchHeader.AttributesAt..]);

    /// <summary>Whether the span holds exactly the bytes that length and checksum speak of.</summary>
    public bool IsCrcValid() =>
        _span.Length >= RecordBatchHeader.Size && SizeInBytes == _span.Length && Crc == ComputeCrc();
}
