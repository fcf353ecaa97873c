using System.Buffers.Binary;
using Broker.Protocol.Wire;

namespace Broker.Protocol.Records;

/// <summary>What a batch's header says, to write one. The defaults are a batch of no producer. A plain value.</summary>
public struct RecordBatchFields
{
    public RecordBatchFields()
    {
    }

    public long BaseOffset { get; set; }
    public int PartitionLeaderEpoch { get; set; } = RecordBatchHeader.NoLeaderEpoch;
    public CompressionCodec Codec { get; set; }
    public TimestampType TimestampType { get; set; }
    public bool IsTransactional { get; set; }
    public bool IsControl { get; set; }

    /// <summary>The base timestamp holds the time at which tombstones and markers may go (KIP-534).</summary>
    public bool HasDeleteHorizon { get; set; }

    public int LastOffsetDelta { get; set; }
    public long BaseTimestamp { get; set; } = RecordBatchHeader.NoTimestamp;
    public long MaxTimestamp { get; set; } = RecordBatchHeader.NoTimestamp;
    public long ProducerId { get; set; } = RecordBatchHeader.NoProducerId;
    public short ProducerEpoch { get; set; } = RecordBatchHeader.NoProducerEpoch;
    public int BaseSequence { get; set; } = RecordBatchHeader.NoSequence;
    public int Count { get; set; }

    /// <summary>The fields of a batch that is there.</summary>
    public static RecordBatchFields Of(RecordBatchView batch) => new()
    {
        BaseOffset = batch.BaseOffset,
        PartitionLeaderEpoch = batch.PartitionLeaderEpoch,
        Codec = batch.Codec,
        TimestampType = batch.TimestampType,
        IsTransactional = batch.IsTransactional,
        IsControl = batch.IsControl,
        HasDeleteHorizon = batch.HasDeleteHorizon,
        LastOffsetDelta = batch.LastOffsetDelta,
        BaseTimestamp = batch.BaseTimestamp,
        MaxTimestamp = batch.MaxTimestamp,
        ProducerId = batch.ProducerId,
        ProducerEpoch = batch.ProducerEpoch,
        BaseSequence = batch.BaseSequence,
        Count = batch.Count,
    };

    /// <summary>Writes the header over the first 61 bytes of <paramref name="batch"/>, whose records are in place, and
    /// computes length and checksum. A batch of the header alone is how compaction keeps a producer's last
    /// sequence.</summary>
    public readonly void Write(Span<byte> batch)
    {
        int attributes = (int)Codec & RecordBatchHeader.CodecMask;
        attributes |= TimestampType == TimestampType.LogAppendTime ? RecordBatchHeader.LogAppendTimeFlag : 0;
        attributes |= IsTransactional ? RecordBatchHeader.TransactionalFlag : 0;
        attributes |= IsControl ? RecordBatchHeader.ControlFlag : 0;
        attributes |= HasDeleteHorizon ? RecordBatchHeader.DeleteHorizonFlag : 0;

        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.BaseOffsetAt..], BaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(
            batch[RecordBatchHeader.LengthAt..], batch.Length - RecordBatchHeader.LogOverhead);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.PartitionLeaderEpochAt..], PartitionLeaderEpoch);
        batch[RecordBatchHeader.MagicAt] = RecordBatchHeader.Magic;
        BinaryPrimitives.WriteInt16BigEndian(batch[RecordBatchHeader.AttributesAt..], (short)attributes);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.LastOffsetDeltaAt..], LastOffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.BaseTimestampAt..], BaseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.MaxTimestampAt..], MaxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.ProducerIdAt..], ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(batch[RecordBatchHeader.ProducerEpochAt..], ProducerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.BaseSequenceAt..], BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.CountAt..], Count);
        uint crc = Crc32C.Compute(batch[RecordBatchHeader.AttributesAt..]);
        BinaryPrimitives.WriteUInt32BigEndian(batch[RecordBatchHeader.CrcAt..], crc);
    }
}
