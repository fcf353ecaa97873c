using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace Broker.Protocol.Wire;

/// <summary>
/// Reads Kafka's primitives (KIP-482 compact forms included) from one frame. Every length is held against the bytes
/// that are left and every collection against <see cref="ElementsMax"/>, so a hostile frame costs memory in proportion
/// to its size. All methods throw <see cref="MalformedRequestException"/> on bytes that do not fit.
/// A reader over an array hands out slices of it; one over a span copies.
/// </summary>
public ref struct KafkaReader
{
    /// <summary>Collection elements that one frame may hold in all; a frame of 100 MiB could else name 10^8 objects.</summary>
    public const int ElementsMax = 1_000_000;

    private readonly ReadOnlySpan<byte> _span;
    private readonly byte[]? _array;
    private readonly int _arrayOffset;
    private int _position;
    private int _elementsLeft;

    public KafkaReader(ReadOnlySpan<byte> span)
    {
        _span = span;
        _elementsLeft = ElementsMax;
    }

    /// <summary>Reads <paramref name="count"/> bytes of <paramref name="array"/>; slices point into the array.</summary>
    public KafkaReader(byte[] array, int offset, int count)
    {
        _span = array.AsSpan(offset, count);
        _array = array;
        _arrayOffset = offset;
        _elementsLeft = ElementsMax;
    }

    public readonly int Position => _position;
    public readonly int Remaining => _span.Length - _position;

    /// <summary>Where in the array that it reads the next byte lies.</summary>
    public readonly int ArrayPosition => _arrayOffset + _position;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)(_span.Length - _position))
        {
            MalformedRequestException.ThrowShort(count, Remaining);
        }
        ReadOnlySpan<byte> taken = _span.Slice(_position, count);
        _position += count;
        return taken;
    }

    public bool ReadBool() => Take(1)[0] != 0;
    public sbyte ReadInt8() => (sbyte)Take(1)[0];
    public short ReadInt16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));
    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));
    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));
    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));
    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));
    public double ReadFloat64() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));
    public Guid ReadUuid() => new(Take(16), bigEndian: true);

    /// <summary>An unsigned varint of at most five bytes (KIP-482).</summary>
    public uint ReadUnsignedVarint()
    {
        uint value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            uint b = Take(1)[0];
            if (shift == 28 && b > 0x0f)
            {
                break;
            }
            value |= (b & 0x7f) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
        throw new MalformedRequestException("varint longer than five bytes");
    }

    /// <summary>A string's length: null is -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int ReadStringLength(bool flexible)
    {
        long length = flexible ? ReadUnsignedVarint() - 1L : ReadInt16();
        if (length > Remaining || length < -1 || length > short.MaxValue)
        {
            MalformedRequestException.ThrowLength("string", length, Remaining);
        }
        return (int)length;
    }

    private int ReadBytesLength(bool flexible)
    {
        long length = flexible ? ReadUnsignedVarint() - 1L : ReadInt32();
        if (length > Remaining || length < -1)
        {
            MalformedRequestException.ThrowLength("bytes", length, Remaining);
        }
        return (int)length;
    }

    public string? ReadNullableString(bool flexible)
    {
        int length = ReadStringLength(flexible);
        return length < 0 ? null : length == 0 ? "" : Encoding.UTF8.GetString(Take(length));
    }

    public string ReadString(bool flexible, string field)
    {
        string? value = ReadNullableString(flexible);
        if (value is null)
        {
            MalformedRequestException.ThrowNull(field);
        }
        return value;
    }

    /// <summary>A string as its UTF-8 bytes.</summary>
    public ReadOnlyMemory<byte>? ReadNullableUtf8(bool flexible)
    {
        int length = ReadStringLength(flexible);
        return length < 0 ? (ReadOnlyMemory<byte>?)null : Slice(length);
    }

    public ReadOnlyMemory<byte> ReadUtf8(bool flexible, string field)
    {
        int length = ReadStringLength(flexible);
        if (length < 0)
        {
            MalformedRequestException.ThrowNull(field);
        }
        return Slice(length);
    }

    public ReadOnlyMemory<byte>? ReadNullableBytes(bool flexible)
    {
        int length = ReadBytesLength(flexible);
        return length < 0 ? (ReadOnlyMemory<byte>?)null : Slice(length);
    }

    public ReadOnlyMemory<byte> ReadBytes(bool flexible, string field)
    {
        int length = ReadBytesLength(flexible);
        if (length < 0)
        {
            MalformedRequestException.ThrowNull(field);
        }
        return Slice(length);
    }

    public Records ReadRecords(bool flexible)
    {
        int length = ReadBytesLength(flexible);
        return length < 0 ? default : new Records(Slice(length));
    }

    /// <summary>An array's length, held against the bytes left and the frame's budget of elements; null is -1.</summary>
    /// <param name="flexible">Compact form.</param>
    /// <param name="elementBytesMin">The least that one element takes on the wire.</param>
    public int ReadArrayLength(bool flexible, int elementBytesMin)
    {
        long length = flexible ? ReadUnsignedVarint() - 1L : ReadInt32();
        if (length < -1 || length * elementBytesMin > Remaining || length > _elementsLeft)
        {
            MalformedRequestException.ThrowLength("array", length, Remaining);
        }
        _elementsLeft -= (int)Math.Max(0, length);
        return (int)length;
    }

    /// <summary>Skips the tagged fields from here to the structure's end: for structures that know no tags.</summary>
    public void SkipTaggedFields()
    {
        uint count = ReadUnsignedVarint();
        for (uint i = 0; i < count; i++)
        {
            ReadUnsignedVarint();
            SkipTaggedField();
        }
    }

    /// <summary>Skips the size and content of one tagged field whose tag has been read.</summary>
    public void SkipTaggedField()
    {
        uint size = ReadUnsignedVarint();
        if (size > (uint)Remaining)
        {
            MalformedRequestException.ThrowLength("tagged field", size, Remaining);
        }
        _position += (int)size;
    }

    /// <summary>Reads a tagged field's size and returns the position at which its content must end.</summary>
    public int BeginTaggedField()
    {
        uint size = ReadUnsignedVarint();
        if (size > (uint)Remaining)
        {
            MalformedRequestException.ThrowLength("tagged field", size, Remaining);
        }
        return _position + (int)size;
    }

    /// <summary>Checks that a tagged field was exactly as long as it said.</summary>
    public readonly void EndTaggedField(int end)
    {
        if (_position != end)
        {
            throw new MalformedRequestException($"tagged field ends at {_position} where its size says {end}");
        }
    }

    public void Skip(int count) => Take(count);

    private ReadOnlyMemory<byte> Slice(int length)
    {
        int at = _position;
        ReadOnlySpan<byte> taken = Take(length);
        return _array is not null ? new ReadOnlyMemory<byte>(_array, _arrayOffset + at, length) : taken.ToArray();
    }
}
