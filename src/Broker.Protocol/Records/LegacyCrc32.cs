using Broker.Protocol.Wire;

namespace Broker.Protocol.Records;

/// <summary>CRC-32 (reflected polynomial 0xEDB88320), the checksum of messages of magic 0 and 1: eight table look-ups for
/// eight bytes, since only old files have it. Stateless; thread-safe.</summary>
internal static class LegacyCrc32
{
    private const uint Polynomial = 0xEDB88320;
    private static readonly uint[] s_slices = CrcTables.Slices(Polynomial);

    public static uint Compute(ReadOnlySpan<byte> data)
    {
        uint[] t = s_slices;
        uint crc = uint.MaxValue;
        while (data.Length >= 8)
        {
            ulong x = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(data) ^ crc;
            crc = 0;
            for (int i = 7; i >= 0; i--, x >>= 8)
            {
                crc ^= t[(i * 256) + (int)(x & 0xff)];
            }
            data = data[8..];
        }
        foreach (byte b in data)
        {
            crc = (crc >> 8) ^ t[(crc ^ b) & 0xff];
        }
        return ~crc;
    }
}
