using System.Buffers.Binary;
using K4os.Compression.LZ4;
using K4os.Hash.xxHash;

namespace Broker.Protocol.Records.Compression;

/// <summary>
/// The LZ4 frame as Kafka reads and writes it (Lz4BlockInputStream): magic, FLG, BD, optional content size, header
/// checksum, then independent blocks {size u32 little-endian, top bit: stored; bytes; optional xxHash32}, then a size of
/// 0. Kafka refuses blocks that depend on earlier ones, dictionaries and other versions, so must a broker: its consumers
/// would stop there. The content checksum is skipped, as in Kafka. Magic 0 and 1 carried a header checksum that took the
/// magic in; theirs is not checked.
/// </summary>
internal static class Lz4Frame
{
    public const uint Magic = 0x184D2204;
    public const uint Stored = 0x80000000;
    public const byte Flags = 0x60;
    public const byte BlockDescriptor64K = 0x40;
    public const int BlockBytes = 64 * 1024;
    public const int HeaderBytes = 7;

    public static byte HeaderChecksum(ReadOnlySpan<byte> descriptor) => (byte)(XXH32.DigestOf(descriptor) >> 8);
}

/// <inheritdoc cref="Lz4Frame"/>
internal sealed class Lz4Decompressor : RecordDecompressor
{
    private const int ContentSizeBytes = 8;
    private bool _lenient;
    private bool _header;
    private bool _ended;
    private bool _blockChecksums;
    private bool _contentChecksum;
    private int _blockBytesMax;

    public override void Begin(byte magic)
    {
        _lenient = magic < RecordBatchHeader.Magic;
        _header = false;
        _ended = false;
        RoomNeeded = 1;
    }

    public override DecompressionStatus Decompress(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written)
    {
        written = 0;
        if (_ended)
        {
            return DecompressionStatus.End;
        }
        if (!_header)
        {
            DecompressionStatus status = ReadHeader(source, ref consumed);
            if (status != DecompressionStatus.More)
            {
                return status;
            }
            _header = true;
            RoomNeeded = _blockBytesMax;
        }
        return destination.Length < _blockBytesMax
            ? DecompressionStatus.Room
            : ReadBlock(source, ref consumed, destination, out written);
    }

    private DecompressionStatus ReadHeader(ReadOnlySpan<byte> source, ref int consumed)
    {
        if (source.Length < Lz4Frame.HeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(source) != Lz4Frame.Magic)
        {
            return DecompressionStatus.Corrupt;
        }
        byte flags = source[4];
        byte descriptor = source[5];
        int blockSize = descriptor >> 4;
        if ((flags & 0xE3) != Lz4Frame.Flags || (descriptor & 0x0F) != 0 || blockSize is < 4 or > 7)
        {
            return DecompressionStatus.Unsupported;
        }
        _blockBytesMax = 1 << (8 + (2 * blockSize));
        _blockChecksums = (flags & 0x10) != 0;
        _contentChecksum = (flags & 0x04) != 0;
        int end = 6 + ((flags & 0x08) != 0 ? ContentSizeBytes : 0);
        if (source.Length <= end || (!_lenient && source[end] != Lz4Frame.HeaderChecksum(source[4..end])))
        {
            return DecompressionStatus.Corrupt;
        }
        consumed = end + 1;
        return DecompressionStatus.More;
    }

    private DecompressionStatus ReadBlock(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written)
    {
        written = 0;
        ReadOnlySpan<byte> rest = source[consumed..];
        if (rest.Length < sizeof(uint))
        {
            return DecompressionStatus.Corrupt;
        }
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        bool stored = (size & Lz4Frame.Stored) != 0;
        size &= ~Lz4Frame.Stored;
        rest = rest[sizeof(uint)..];
        if (size == 0)
        {
            _ended = true;
            return _contentChecksum && rest.Length < sizeof(uint)
                ? DecompressionStatus.Corrupt : DecompressionStatus.End;
        }
        int trailer = _blockChecksums ? sizeof(uint) : 0;
        if (size > (uint)_blockBytesMax || rest.Length < (int)size + trailer)
        {
            return DecompressionStatus.Corrupt;
        }
        ReadOnlySpan<byte> block = rest[..(int)size];
        if (stored)
        {
            block.CopyTo(destination);
            written = block.Length;
        }
        else
        {
            written = LZ4Codec.Decode(block, destination[.._blockBytesMax]);
        }
        if (written < 0
            || (_blockChecksums && XXH32.DigestOf(block) != BinaryPrimitives.ReadUInt32LittleEndian(rest[(int)size..])))
        {
            written = 0;
            return DecompressionStatus.Corrupt;
        }
        consumed += sizeof(uint) + (int)size + trailer;
        return DecompressionStatus.More;
    }
}

/// <inheritdoc cref="Lz4Frame"/>
internal sealed class Lz4Compressor : RecordCompressor
{
    public override void Compress(ReadOnlySpan<byte> source, int level, PooledBuffer output)
    {
        LZ4Level lz4Level = Level(level);
        Span<byte> header = output.GetSpan(Lz4Frame.HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header, Lz4Frame.Magic);
        header[4] = Lz4Frame.Flags;
        header[5] = Lz4Frame.BlockDescriptor64K;
        header[6] = Lz4Frame.HeaderChecksum(header[4..6]);
        output.Advance(Lz4Frame.HeaderBytes);

        for (; !source.IsEmpty; source = source[Math.Min(source.Length, Lz4Frame.BlockBytes)..])
        {
            ReadOnlySpan<byte> block = source[..Math.Min(source.Length, Lz4Frame.BlockBytes)];
            Span<byte> room = output.GetSpan(sizeof(uint) + LZ4Codec.MaximumOutputSize(block.Length));
            int size = LZ4Codec.Encode(block, room[sizeof(uint)..], lz4Level);
            bool stored = size <= 0 || size >= block.Length;
            if (stored)
            {
                block.CopyTo(room[sizeof(uint)..]);
                size = block.Length;
            }
            BinaryPrimitives.WriteUInt32LittleEndian(room, (uint)size | (stored ? Lz4Frame.Stored : 0));
            output.Advance(sizeof(uint) + size);
        }
        BinaryPrimitives.WriteUInt32LittleEndian(output.GetSpan(sizeof(uint)), 0);
        output.Advance(sizeof(uint));
    }

    /// <summary>Kafka's default, 9, is the fast compressor; every other level the high one (Lz4BlockOutputStream).</summary>
    private static LZ4Level Level(int level) => level == CompressionCodecs.Lz4LevelDefault
        ? LZ4Level.L00_FAST
        : (LZ4Level)Math.Clamp(level, (int)LZ4Level.L03_HC, (int)LZ4Level.L12_MAX);
}
