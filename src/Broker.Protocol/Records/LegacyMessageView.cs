using System.Buffers.Binary;

namespace Broker.Protocol.Records;

/// <summary>
/// One entry of magic 0 or 1 where it lies (Kafka LegacyRecord), big-endian:
/// <code>
/// 0 offset i64   8 size i32 (bytes after it)   12 crc u32 (CRC-32 of everything after it)   16 magic i8
/// 17 attributes i8 (0-2 codec, 3 timestamp type)   18 timestamp i64, magic 1 only
/// keyLength i32 (-1: null), key, valueLength i32 (-1: null), value
/// </code>
/// A compressed entry is a wrapper: its value is a whole message set, its offset the last one's. The span must come from
/// <see cref="BatchCursor"/>. A plain view; as thread-safe as the memory under it.
/// </summary>
/// <param name="span">The entry.</param>
public readonly ref struct LegacyMessageView(ReadOnlySpan<byte> span)
{
    private const int CrcAt = 12;
    private const int CrcFrom = 16;
    private const int MagicAt = 16;
    private const int AttributesAt = 17;
    private const int TimestampAt = 18;
    private const int KeyAtV0 = 18;
    private const int KeyAtV1 = 26;
    private const int CodecMask = 0x07;
    private const int LogAppendTimeFlag = 0x08;

    private readonly ReadOnlySpan<byte> _span = span;

    public long Offset => BinaryPrimitives.ReadInt64BigEndian(_span);
    public int SizeInBytes => _span.Length;
    public byte Magic => _span[MagicAt];
    public uint Crc => BinaryPrimitives.ReadUInt32BigEndian(_span[CrcAt..]);
    public byte Attributes => _span[AttributesAt];
    public CompressionCodec Codec => (CompressionCodec)(Attributes & CodecMask);

    public TimestampType TimestampType => Magic == 0 ? TimestampType.None
        : (Attributes & LogAppendTimeFlag) != 0 ? TimestampType.LogAppendTime : TimestampType.CreateTime;

    /// <summary>Ms since 1970; -1 in magic 0.</summary>
    public long Timestamp => Magic == 0
        ? RecordBatchHeader.NoTimestamp : BinaryPrimitives.ReadInt64BigEndian(_span[TimestampAt..]);

    public bool IsCrcValid() => Crc == LegacyCrc32.Compute(_span[CrcFrom..]);

    /// <summary>Takes key and value; false when their lengths do not fit into the entry.</summary>
    public bool TryRead(out NullableBytes key, out NullableBytes value)
    {
        int at = Magic == 0 ? KeyAtV0 : KeyAtV1;
        value = default;
        return TryRead(ref at, out key) && TryRead(ref at, out value);
    }

    private bool TryRead(scoped ref int at, out NullableBytes bytes)
    {
        bytes = default;
        if (_span.Length - at < sizeof(int))
        {
            return false;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(_span[at..]);
        at += sizeof(int);
        if (length > _span.Length - at)
        {
            return false;
        }
        if (length >= 0)
        {
            bytes = new NullableBytes(_span.Slice(at, length));
            at += length;
        }
        return true;
    }
}
