using System.Buffers.Binary;
using Broker.Protocol.Records;

namespace Broker.Protocol.Tests.Records;

/// <summary>Makes entries of magic 0 and 1, as Kafka before 0.11 wrote them.</summary>
internal static class LegacyMessages
{
    public static byte[] Entry(
        byte magic, long offset, byte[]? key, byte[]? value, long timestamp = -1, CompressionCodec codec = 0, bool appendTime = false)
    {
        int header = magic == 0 ? 18 : 26;
        byte[] entry = new byte[header + 8 + (key?.Length ?? 0) + (value?.Length ?? 0)];
        BinaryPrimitives.WriteInt64BigEndian(entry, offset);
        BinaryPrimitives.WriteInt32BigEndian(entry.AsSpan(8), entry.Length - 12);
        entry[16] = magic;
        entry[17] = (byte)((int)codec | (appendTime ? 8 : 0));
        if (magic == 1)
        {
            BinaryPrimitives.WriteInt64BigEndian(entry.AsSpan(18), timestamp);
        }
        int at = header;
        foreach (byte[]? field in new[] { key, value })
        {
            BinaryPrimitives.WriteInt32BigEndian(entry.AsSpan(at), field?.Length ?? -1);
            field?.CopyTo(entry, at + 4);
            at += 4 + (field?.Length ?? 0);
        }
        BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(12), Crc(entry.AsSpan(16)));
        return entry;
    }

    /// <summary>A wrapper around messages "value FIRST" ... of a run of offsets, one key each.</summary>
    public static byte[] Wrapper(byte magic, long first, int count, CompressionCodec codec, long timestamp = 1000, bool appendTime = false)
    {
        byte[] inner =
        [
            .. Enumerable.Range(0, count).SelectMany(i => Entry(
                magic, magic == 0 ? first + i : i, "k"u8.ToArray(), Value(first + i), timestamp + i)),
        ];
        using var codecs = new RecordCodecs();
        using var output = new PooledBuffer();
        codecs.Compress(codec, CompressionCodecs.LevelDefault(codec), inner, output);
        return Entry(
            magic, first + count - 1, null, output.WrittenSpan.ToArray(), appendTime ? 5000 : timestamp + count - 1, codec, appendTime);
    }

    public static byte[] Value(long offset) => System.Text.Encoding.UTF8.GetBytes($"value {offset}");

    /// <summary>CRC-32 bit by bit: not the code under test.</summary>
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            }
        }
        return ~crc;
    }
}
