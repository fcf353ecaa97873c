using System.Buffers.Binary;
using Snappier;

namespace Broker.Protocol.Records.Compression;

/// <summary>
/// Snappy as Kafka's clients write it: either the framing of xerial's Java library, {magic, version i32, compatible
/// version i32, then chunks of {length i32 big-endian, one snappy block}}, or one bare snappy block (librdkafka and
/// others). The first eight bytes tell. A header may come again between chunks, where two streams were joined.
/// </summary>
internal static class SnappyStream
{
    public const int HeaderBytes = 16;
    public const int ChunkBytes = 32 * 1024;
    public static ReadOnlySpan<byte> Header => [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    public static ReadOnlySpan<byte> Magic => Header[..8];
}

/// <inheritdoc cref="SnappyStream"/>
internal sealed class SnappyDecompressor : RecordDecompressor
{
    private bool _begun;
    private bool _framed;

    public override void Begin(byte magic)
    {
        _begun = false;
        RoomNeeded = 1;
    }

    public override DecompressionStatus Decompress(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written)
    {
        written = 0;
        if (!_begun)
        {
            if (source.IsEmpty)
            {
                return DecompressionStatus.Corrupt;
            }
            _begun = true;
            _framed = source.Length >= SnappyStream.HeaderBytes && source.StartsWith(SnappyStream.Magic);
        }
        if (!_framed)
        {
            return consumed == source.Length
                ? DecompressionStatus.End
                : DecodeBlock(source, source.Length - consumed, ref consumed, destination, out written);
        }

        int head = consumed;
        while (source.Length - head >= sizeof(int) && source[head..].StartsWith(SnappyStream.Magic[..sizeof(int)]))
        {
            if (source.Length - head < SnappyStream.HeaderBytes || !source[head..].StartsWith(SnappyStream.Magic))
            {
                return DecompressionStatus.Corrupt;
            }
            head += SnappyStream.HeaderBytes;
        }
        if (source.Length - head < sizeof(int))
        {
            consumed = head;
            return DecompressionStatus.End;
        }
        int size = BinaryPrimitives.ReadInt32BigEndian(source[head..]);
        head += sizeof(int);
        if ((uint)size > (uint)(source.Length - head))
        {
            return DecompressionStatus.Corrupt;
        }
        DecompressionStatus status = DecodeBlock(source, size, ref head, destination, out written);
        if (status == DecompressionStatus.More)
        {
            consumed = head;
        }
        return status;
    }

    /// <summary>Decodes the block of <paramref name="size"/> bytes at <paramref name="at"/>, when there is room.</summary>
    private DecompressionStatus DecodeBlock(
        ReadOnlySpan<byte> source, int size, ref int at, Span<byte> destination, out int written)
    {
        written = 0;
        ReadOnlySpan<byte> block = source.Slice(at, size);
        int body = 0;
        if (!SnappyBlock.TryReadLength(block, ref body, out int length))
        {
            return DecompressionStatus.Corrupt;
        }
        if (length > destination.Length)
        {
            RoomNeeded = length;
            return DecompressionStatus.Room;
        }
        if (!SnappyBlock.TryDecode(block[body..], destination[..length]))
        {
            return DecompressionStatus.Corrupt;
        }
        RoomNeeded = 1;
        at += size;
        written = length;
        return DecompressionStatus.More;
    }
}

/// <inheritdoc cref="SnappyStream"/>
internal sealed class SnappyCompressor : RecordCompressor
{
    public override void Compress(ReadOnlySpan<byte> source, int level, PooledBuffer output)
    {
        output.Write(SnappyStream.Header);
        for (; !source.IsEmpty; source = source[Math.Min(source.Length, SnappyStream.ChunkBytes)..])
        {
            ReadOnlySpan<byte> chunk = source[..Math.Min(source.Length, SnappyStream.ChunkBytes)];
            Span<byte> room = output.GetSpan(sizeof(int) + Snappy.GetMaxCompressedLength(chunk.Length));
            int size = Snappy.Compress(chunk, room[sizeof(int)..]);
            BinaryPrimitives.WriteInt32BigEndian(room, size);
            output.Advance(sizeof(int) + size);
        }
    }
}
