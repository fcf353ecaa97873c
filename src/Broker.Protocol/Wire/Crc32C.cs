using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using ArmCrc32 = System.Runtime.Intrinsics.Arm.Crc32;

namespace Broker.Protocol.Wire;

/// <summary>
/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), the checksum of record batches and of producer snapshots.
/// One instruction takes eight bytes in one cycle but its result three cycles later, so long inputs run as three
/// interleaved chains of equal length, joined by "append n zero bytes" tables (8 KiB chains above 24 KiB, 256-byte
/// chains above 768 bytes). Without the instruction: eight table look-ups for eight bytes. Stateless; thread-safe.
/// </summary>
public static class Crc32C
{
    private const uint Polynomial = 0x82F63B78;
    private const int LongChain = 8192;
    private const int ShortChain = 256;

    private static readonly bool s_hardware = Sse42.X64.IsSupported || ArmCrc32.Arm64.IsSupported;
    private static readonly uint[] s_slices = CrcTables.Slices(Polynomial);
    private static readonly uint[] s_longShift = MakeShift(LongChain);
    private static readonly uint[] s_shortShift = MakeShift(ShortChain);

    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => Append(0, data);

    /// <summary>The checksum of what gave <paramref name="crc"/> followed by <paramref name="data"/>.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> data) =>
        ~(s_hardware ? AppendHardware(~crc, data) : AppendTable(~crc, data));

    /// <summary>The checksum after bytes were changed in place, without reading those that were not: the checksum is
    /// linear, so the difference's own checksum is shifted behind it and added.</summary>
    /// <param name="crc">The checksum before.</param>
    /// <param name="difference">Old bytes xor new bytes, of the stretch that changed.</param>
    /// <param name="bytesAfter">Bytes of the input after that stretch.</param>
    public static uint Patch(uint crc, ReadOnlySpan<byte> difference, int bytesAfter) =>
        crc ^ Multiply(PowerOfX((ulong)bytesAfter * 8), AppendTable(0, difference));

    private static uint AppendHardware(uint crc, ReadOnlySpan<byte> data)
    {
        ref byte at = ref MemoryMarshal.GetReference(data);
        int left = data.Length;
        while (left >= 3 * LongChain)
        {
            crc = Three(crc, ref at, LongChain, s_longShift);
            at = ref Unsafe.Add(ref at, 3 * LongChain);
            left -= 3 * LongChain;
        }
        while (left >= 3 * ShortChain)
        {
            crc = Three(crc, ref at, ShortChain, s_shortShift);
            at = ref Unsafe.Add(ref at, 3 * ShortChain);
            left -= 3 * ShortChain;
        }
        for (; left >= 8; left -= 8, at = ref Unsafe.Add(ref at, 8))
        {
            crc = BitOperations.Crc32C(crc, Unsafe.ReadUnaligned<ulong>(ref at));
        }
        for (; left > 0; left--, at = ref Unsafe.Add(ref at, 1))
        {
            crc = BitOperations.Crc32C(crc, at);
        }
        return crc;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Three(uint a, ref byte at, int chain, uint[] shift)
    {
        uint b = 0;
        uint c = 0;
        for (int i = 0; i < chain; i += 8)
        {
            a = BitOperations.Crc32C(a, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, i)));
            b = BitOperations.Crc32C(b, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, i + chain)));
            c = BitOperations.Crc32C(c, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, i + (2 * chain))));
        }
        return Shift(shift, Shift(shift, a) ^ b) ^ c;
    }

    private static uint Shift(uint[] table, uint crc) =>
        table[crc & 0xff] ^ table[256 + ((crc >> 8) & 0xff)] ^ table[512 + ((crc >> 16) & 0xff)] ^ table[768 + (crc >> 24)];

    /// <summary>The fallback: slicing by eight.</summary>
    internal static uint AppendTable(uint crc, ReadOnlySpan<byte> data)
    {
        uint[] t = s_slices;
        while (data.Length >= 8)
        {
            ulong x = BinaryPrimitives.ReadUInt64LittleEndian(data) ^ crc;
            crc = t[(7 * 256) + (int)(x & 0xff)] ^ t[(6 * 256) + (int)((x >> 8) & 0xff)]
                ^ t[(5 * 256) + (int)((x >> 16) & 0xff)] ^ t[(4 * 256) + (int)((x >> 24) & 0xff)]
                ^ t[(3 * 256) + (int)((x >> 32) & 0xff)] ^ t[(2 * 256) + (int)((x >> 40) & 0xff)]
                ^ t[256 + (int)((x >> 48) & 0xff)] ^ t[(int)(x >> 56)];
            data = data[8..];
        }
        foreach (byte b in data)
        {
            crc = (crc >> 8) ^ t[(int)((crc ^ b) & 0xff)];
        }
        return crc;
    }

    /// <summary>For each byte of a checksum, what it becomes when <paramref name="bytes"/> zero bytes follow.</summary>
    private static uint[] MakeShift(int bytes)
    {
        uint power = PowerOfX((ulong)bytes * 8);
        uint[] table = new uint[4 * 256];
        for (int i = 0; i < table.Length; i++)
        {
            table[i] = Multiply(power, (uint)(i & 0xff) << (8 * (i >> 8)));
        }
        return table;
    }

    /// <summary>x^n modulo the polynomial, by repeated squaring; bits are reflected, 0x80000000 is 1.</summary>
    private static uint PowerOfX(ulong n)
    {
        uint result = 0x80000000;
        uint square = 0x40000000;
        for (; n != 0; n >>= 1)
        {
            if ((n & 1) != 0)
            {
                result = Multiply(square, result);
            }
            square = Multiply(square, square);
        }
        return result;
    }

    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (; a != 0; a <<= 1)
        {
            product ^= (a & 0x80000000) != 0 ? b : 0;
            b = (b >> 1) ^ ((b & 1) != 0 ? Polynomial : 0);
        }
        return product;
    }
}
