using System.Numerics;
using System.Runtime.CompilerServices;

namespace Broker.Protocol.Records;

/// <summary>The zigzag varints of records (Kafka ByteUtils): at most five bytes for an int32, ten for an int64; bits
/// that do not fit are dropped, as Kafka drops them. Stateless; thread-safe.</summary>
internal static class Varint
{
    public const int BytesMax32 = 5;
    public const int BytesMax64 = 10;

    /// <summary>Reads an int32 at <paramref name="position"/> and moves it on; false when it has no end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> span, ref int position, out int value)
    {
        int at = position;
        if ((uint)at < (uint)span.Length)
        {
            uint bits = span[at];
            if (bits < 0x80)
            {
                position = at + 1;
                value = (int)(bits >> 1) ^ -(int)(bits & 1);
                return true;
            }
            if ((uint)(at + 1) < (uint)span.Length && span[at + 1] is < 0x80 and var high)
            {
                bits = (bits & 0x7f) | ((uint)high << 7);
                position = at + 2;
                value = (int)(bits >> 1) ^ -(int)(bits & 1);
                return true;
            }
        }

        // The copies keep the caller's position in a register.
        bool read = TryReadLong(span, ref at, out ulong long64, BytesMax32);
        position = at;
        value = (int)((uint)long64 >> 1) ^ -(int)((uint)long64 & 1);
        return read;
    }

    /// <summary>Reads an int64 at <paramref name="position"/> and moves it on; false when it has no end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> span, ref int position, out long value)
    {
        int at = position;
        if ((uint)at < (uint)span.Length)
        {
            uint bits = span[at];
            if (bits < 0x80)
            {
                position = at + 1;
                value = (int)(bits >> 1) ^ -(int)(bits & 1);
                return true;
            }
            if ((uint)(at + 1) < (uint)span.Length && span[at + 1] is < 0x80 and var high)
            {
                bits = (bits & 0x7f) | ((uint)high << 7);
                position = at + 2;
                value = (int)(bits >> 1) ^ -(int)(bits & 1);
                return true;
            }
        }
        bool read = TryReadLong(span, ref at, out ulong long64, BytesMax64);
        position = at;
        value = (long)(long64 >> 1) ^ -(long)(long64 & 1);
        return read;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadLong(ReadOnlySpan<byte> span, ref int position, out ulong bits, int bytesMax)
    {
        bits = 0;
        int at = position;
        for (int shift = 0; shift < 7 * bytesMax && (uint)at < (uint)span.Length; shift += 7)
        {
            ulong b = span[at++];
            bits |= (b & 0x7f) << shift;
            if (b < 0x80)
            {
                position = at;
                return true;
            }
        }
        bits = 0;
        return false;
    }

    public static int SizeOf(int value) => SizeOfUnsigned((uint)((value << 1) ^ (value >> 31)));

    public static int SizeOf(long value) => SizeOfUnsigned((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>Writes at the start of <paramref name="destination"/> and returns the bytes taken.</summary>
    public static int Write(Span<byte> destination, long value)
    {
        ulong bits = (ulong)((value << 1) ^ (value >> 63));
        int at = 0;
        for (; bits >= 0x80; bits >>= 7)
        {
            destination[at++] = (byte)(bits | 0x80);
        }
        destination[at++] = (byte)bits;
        return at;
    }

    private static int SizeOfUnsigned(ulong bits) => ((BitOperations.Log2(bits | 1) * 9) + 73) >> 6;
}
