using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Broker.Protocol.Records.Compression;

/// <summary>
/// Decodes one snappy block: the length as a varint, then literals and copies (snappy's format_description.txt). Written
/// here because the package's decoder allocates at every block. Copies of up to 64 bytes go in steps of 16 or 8 that may
/// run over the element's end but never over the destination's. Stateless; thread-safe.
/// </summary>
internal static class SnappyBlock
{
    private const int LengthBytesMax = 5;

    /// <summary>No element gives more: 64 bytes for the three of a copy.</summary>
    private const long ExpansionMax = 22;

    /// <summary>Reads the length of the block's content; false when a block of this size cannot give that.</summary>
    public static bool TryReadLength(ReadOnlySpan<byte> block, ref int at, out int length)
    {
        ulong bits = 0;
        length = 0;
        for (int shift = 0; shift < 7 * LengthBytesMax && at < block.Length; shift += 7)
        {
            byte b = block[at++];
            bits |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                length = (int)bits;
                return bits <= int.MaxValue && (long)bits <= (block.Length - at) * ExpansionMax;
            }
        }
        return false;
    }

    /// <summary>Decodes the elements; true when they fill <paramref name="destination"/> exactly.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        ref byte src = ref MemoryMarshal.GetReference(source);
        ref byte dst = ref MemoryMarshal.GetReference(destination);
        int ip = 0;
        int op = 0;
        while (ip < source.Length)
        {
            int tag = Unsafe.Add(ref src, ip++);
            int length = (tag >> 2) + 1;
            int kind = tag & 3;
            int sourceLeft = source.Length - ip;
            int destinationLeft = destination.Length - op;
            if (kind == 0)
            {
                if (length <= 16 && sourceLeft >= 16 && destinationLeft >= 16)
                {
                    Copy16(ref Unsafe.Add(ref src, ip), ref Unsafe.Add(ref dst, op));
                }
                else if (!TryCopyLiteral(source, ref ip, destination[op..], ref length))
                {
                    return false;
                }
                ip += length;
                op += length;
                continue;
            }
            int offsetBytes = kind == 3 ? 4 : kind;
            if (sourceLeft < offsetBytes)
            {
                return false;
            }
            uint offset;
            if (kind == 1)
            {
                length = ((tag >> 2) & 7) + 4;
                offset = ((uint)(tag >> 5) << 8) | Unsafe.Add(ref src, ip);
            }
            else
            {
                offset = kind == 2
                    ? Unsafe.ReadUnaligned<ushort>(ref Unsafe.Add(ref src, ip))
                    : Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref src, ip));
            }
            ip += offsetBytes;
            if (offset - 1 >= (uint)op || length > destinationLeft)
            {
                return false;
            }
            CopyBack(ref Unsafe.Add(ref dst, op), (int)offset, length, destinationLeft);
            op += length;
        }
        return op == destination.Length;
    }

    /// <summary>A literal that is long, or near an end. <paramref name="length"/> above 60 is a count of length
    /// bytes.</summary>
    private static bool TryCopyLiteral(ReadOnlySpan<byte> source, ref int ip, Span<byte> destination, ref int length)
    {
        if (length > 60)
        {
            int bytes = length - 60;
            if (source.Length - ip < bytes)
            {
                return false;
            }
            long value = 0;
            for (int i = 0; i < bytes; i++)
            {
                value |= (long)source[ip + i] << (8 * i);
            }
            ip += bytes;
            if (value >= int.MaxValue)
            {
                return false;
            }
            length = (int)value + 1;
        }
        if (length > source.Length - ip || length > destination.Length)
        {
            return false;
        }
        source.Slice(ip, length).CopyTo(destination);
        return true;
    }

    /// <summary>Repeats what stands <paramref name="offset"/> bytes before; the stretches may overlap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyBack(ref byte to, int offset, int length, int room)
    {
        ref byte from = ref Unsafe.Subtract(ref to, offset);
        if (offset >= 16 && room >= 64)
        {
            Copy16(ref from, ref to);
            if (length > 16)
            {
                Copy16(ref Unsafe.Add(ref from, 16), ref Unsafe.Add(ref to, 16));
                if (length > 32)
                {
                    Copy16(ref Unsafe.Add(ref from, 32), ref Unsafe.Add(ref to, 32));
                    Copy16(ref Unsafe.Add(ref from, 48), ref Unsafe.Add(ref to, 48));
                }
            }
        }
        else if (offset >= 8 && room >= 72)
        {
            for (int i = 0; i < length; i += 8)
            {
                Unsafe.WriteUnaligned(
                    ref Unsafe.Add(ref to, i), Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref from, i)));
            }
        }
        else
        {
            for (int i = 0; i < length; i++)
            {
                Unsafe.Add(ref to, i) = Unsafe.Add(ref from, i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy16(ref byte from, ref byte to) => Unsafe.WriteUnaligned(
        ref to, System.Runtime.Intrinsics.Vector128.LoadUnsafe(ref from));
}
