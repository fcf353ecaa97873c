using System.Buffers.Binary;
using Broker.Protocol.Wire;

namespace Broker.Protocol.Records;

/// <summary>
/// Layout of the 61-byte header of a record batch of magic 2 (Kafka DefaultRecordBatch), big-endian:
/// <code>
///  0 baseOffset i64     8 batchLength i32 (bytes after it)   12 partitionLeaderEpoch i32   16 magic i8
/// 17 crc u32 (CRC-32C of everything after it)   21 attributes i16   23 lastOffsetDelta i32
/// 27 baseTimestamp i64  35 maxTimestamp i64   43 producerId i64   51 producerEpoch i16   53 baseSequence i32
/// 57 recordsCount i32   61 records
/// </code>
/// What a leader assigns, base offset and leader epoch, lies before the checksum. Stateless; thread-safe.
/// </summary>
public static class RecordBatchHeader
{
    public const int BaseOffsetAt = 0;
    public const int LengthAt = BaseOffsetAt + sizeof(long);
    public const int PartitionLeaderEpochAt = LengthAt + sizeof(int);
    public const int MagicAt = PartitionLeaderEpochAt + sizeof(int);
    public const int CrcAt = MagicAt + sizeof(byte);
    public const int AttributesAt = CrcAt + sizeof(uint);
    public const int LastOffsetDeltaAt = AttributesAt + sizeof(short);
    public const int BaseTimestampAt = LastOffsetDeltaAt + sizeof(int);
    public const int MaxTimestampAt = BaseTimestampAt + sizeof(long);
    public const int ProducerIdAt = MaxTimestampAt + sizeof(long);
    public const int ProducerEpochAt = ProducerIdAt + sizeof(long);
    public const int BaseSequenceAt = ProducerEpochAt + sizeof(short);
    public const int CountAt = BaseSequenceAt + sizeof(int);

    /// <summary>Bytes of the header: where the records begin.</summary>
    public const int Size = CountAt + sizeof(int);

    /// <summary>Bytes before the ones that batchLength counts; the same in magic 0, 1 and 2.</summary>
    public const int LogOverhead = LengthAt + sizeof(int);

    /// <summary>Bytes that tell a batch's size and magic; the same in magic 0, 1 and 2.</summary>
    public const int PeekBytes = MagicAt + sizeof(byte);

    public const byte Magic = 2;
    public const short CodecMask = 0x07;
    public const short LogAppendTimeFlag = 0x08;
    public const short TransactionalFlag = 0x10;
    public const short ControlFlag = 0x20;
    public const short DeleteHorizonFlag = 0x40;

    public const long NoTimestamp = -1;
    public const long NoProducerId = -1;
    public const short NoProducerEpoch = -1;
    public const int NoSequence = -1;
    public const int NoLeaderEpoch = -1;

    public static void SetBaseOffset(Span<byte> batch, long offset) =>
        BinaryPrimitives.WriteInt64BigEndian(batch[BaseOffsetAt..], offset);

    public static void SetPartitionLeaderEpoch(Span<byte> batch, int epoch) =>
        BinaryPrimitives.WriteInt32BigEndian(batch[PartitionLeaderEpochAt..], epoch);

    /// <summary>Makes every record's timestamp the broker's (<c>message.timestamp.type=LogAppendTime</c>).</summary>
    /// <param name="batch">One whole batch.</param>
    /// <param name="timestampMs">The append's time, ms since 1970.</param>
    public static void SetLogAppendTime(Span<byte> batch, long timestampMs) =>
        SetMaxTimestamp(batch, TimestampType.LogAppendTime, timestampMs);

    /// <summary>Sets timestamp type and greatest timestamp, and changes the checksum by what they changed: a batch
    /// that was damaged before stays damaged. Costs no pass over the records.</summary>
    /// <param name="batch">One whole batch.</param>
    /// <param name="type">Create time or log-append time.</param>
    /// <param name="maxTimestampMs">Ms since 1970, or -1.</param>
    public static void SetMaxTimestamp(Span<byte> batch, TimestampType type, long maxTimestampMs)
    {
        Span<byte> changing = batch[AttributesAt..ProducerIdAt];
        Span<byte> difference = stackalloc byte[ProducerIdAt - AttributesAt];
        changing.CopyTo(difference);

        short attributes = BinaryPrimitives.ReadInt16BigEndian(changing);
        attributes = (short)(type == TimestampType.LogAppendTime
            ? attributes | LogAppendTimeFlag : attributes & ~LogAppendTimeFlag);
        BinaryPrimitives.WriteInt16BigEndian(changing, attributes);
        BinaryPrimitives.WriteInt64BigEndian(batch[MaxTimestampAt..], maxTimestampMs);

        for (int i = 0; i < difference.Length; i++)
        {
            difference[i] ^= changing[i];
        }
        uint crc = BinaryPrimitives.ReadUInt32BigEndian(batch[CrcAt..]);
        int after = LogOverhead + BinaryPrimitives.ReadInt32BigEndian(batch[LengthAt..]) - ProducerIdAt;
        BinaryPrimitives.WriteUInt32BigEndian(batch[CrcAt..], Crc32C.Patch(crc, difference, after));
    }

    /// <summary>The sequence <paramref name="increment"/> records later; after Int32.MaxValue comes 0 (Kafka
    /// DefaultRecordBatch.incrementSequence).</summary>
    public static int IncrementSequence(int sequence, int increment) =>
        sequence > int.MaxValue - increment ? increment - (int.MaxValue - sequence) - 1 : sequence + increment;

    /// <summary>The sequence <paramref name="decrement"/> records earlier; before 0 comes Int32.MaxValue.</summary>
    public static int DecrementSequence(int sequence, int decrement) =>
        sequence < decrement ? int.MaxValue - (decrement - sequence) + 1 : sequence - decrement;
}
