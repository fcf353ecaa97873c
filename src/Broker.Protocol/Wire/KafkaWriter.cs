using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace Broker.Protocol.Wire;

/// <summary>A place in a writer's output where the transport has to send a region of a file.</summary>
/// <param name="At">Position in the writer's buffer before which the region goes.</param>
/// <param name="Region">The file.</param>
/// <param name="Position">First byte in the file.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct RecordsSplice(int At, object Region, long Position, int Length);

/// <summary>
/// Writes Kafka's primitives into one growing array. Records that lie in a file are not copied: they become
/// <see cref="Splices"/>. A writer is made once and reused; steady use allocates nothing. Not thread-safe.
/// </summary>
public sealed class KafkaWriter
{
    private readonly List<RecordsSplice> _splices = [];
    private byte[] _buffer;
    private int _position;
    private long _spliced;

    /// <param name="capacity">Initial bytes. The array is pinned, so that a reactor can hand it to the kernel.</param>
    public KafkaWriter(int capacity = 512) =>
        _buffer = GC.AllocateUninitializedArray<byte>(Math.Max(16, capacity), pinned: true);

    /// <summary>Bytes written into the buffer; splices are not among them.</summary>
    public int Position => _position;

    /// <summary>Bytes that will go out: the buffer's and the splices'.</summary>
    public long Length => _position + _spliced;

    public byte[] Buffer => _buffer;

    public ReadOnlySpan<byte> WrittenSpan => _buffer.AsSpan(0, _position);

    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, _position);

    public List<RecordsSplice> Splices => _splices;

    public void Reset()
    {
        _position = 0;
        _spliced = 0;
        _splices.Clear();
    }

    /// <summary>Drops what was written from <paramref name="position"/> on; there must be no splice after it.</summary>
    public void Truncate(int position) => _position = position;

    /// <summary>Drops what was written from <paramref name="position"/> on, and all but the first splices.</summary>
    /// <param name="position">New end of the buffer.</param>
    /// <param name="splices">Splices that stay; the caller has let go of the others' regions.</param>
    public void Truncate(int position, int splices)
    {
        for (int i = splices; i < _splices.Count; i++)
        {
            _spliced -= _splices[i].Length;
        }
        _splices.RemoveRange(splices, _splices.Count - splices);
        _position = position;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Span<byte> Room(int count)
    {
        if (_buffer.Length - _position < count)
        {
            Grow(count);
        }
        Span<byte> room = _buffer.AsSpan(_position, count);
        _position += count;
        return room;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int count)
    {
        int size = (int)Math.Min(Array.MaxLength, Math.Max((long)_buffer.Length * 2, (long)_position + count));
        byte[] larger = GC.AllocateUninitializedArray<byte>(size, pinned: true);
        _buffer.AsSpan(0, _position).CopyTo(larger);
        _buffer = larger;
    }

    public void WriteBool(bool value) => Room(1)[0] = value ? (byte)1 : (byte)0;
    public void WriteInt8(sbyte value) => Room(1)[0] = (byte)value;
    public void WriteInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Room(2), value);
    public void WriteUInt16(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Room(2), value);
    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Room(4), value);
    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Room(4), value);
    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Room(8), value);
    public void WriteFloat64(double value) => BinaryPrimitives.WriteDoubleBigEndian(Room(8), value);
    public void WriteUuid(Guid value) => value.TryWriteBytes(Room(16), bigEndian: true, out _);
    public void WriteRaw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Room(bytes.Length));

    /// <summary>Leaves room for an int32 and returns its position for <see cref="PatchInt32"/>.</summary>
    public int ReserveInt32()
    {
        int at = _position;
        Room(4);
        return at;
    }

    public void PatchInt32(int at, int value) => BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(at, 4), value);

    public void WriteUnsignedVarint(uint value)
    {
        while (value >= 0x80)
        {
            Room(1)[0] = (byte)(value | 0x80);
            value >>= 7;
        }
        Room(1)[0] = (byte)value;
    }

    public void WriteString(string? value, bool flexible)
    {
        if (value is null)
        {
            WriteStringLength(-1, flexible);
            return;
        }
        int length = Encoding.UTF8.GetByteCount(value);
        if (length > short.MaxValue)
        {
            throw new ArgumentException($"a string of {length} bytes is longer than the protocol's {short.MaxValue}");
        }
        WriteStringLength(length, flexible);
        Encoding.UTF8.GetBytes(value, Room(length));
    }

    public void WriteUtf8(ReadOnlyMemory<byte>? value, bool flexible)
    {
        WriteStringLength(value?.Length ?? -1, flexible);
        if (value is { } bytes)
        {
            WriteRaw(bytes.Span);
        }
    }

    public void WriteBytes(ReadOnlyMemory<byte>? value, bool flexible)
    {
        WriteLength(value?.Length ?? -1, flexible);
        if (value is { } bytes)
        {
            WriteRaw(bytes.Span);
        }
    }

    public void WriteRecords(in Records value, bool flexible)
    {
        WriteLength(value.HasValue ? value.Length : -1, flexible);
        if (value.Region is { } region)
        {
            if (value.Length > 0)
            {
                _splices.Add(new RecordsSplice(_position, region, value.Position, value.Length));
                _spliced += value.Length;
            }
        }
        else if (value.HasValue)
        {
            WriteRaw(value.Memory.Span);
        }
    }

    /// <summary>The length of an array or of bytes; -1 is null.</summary>
    public void WriteLength(int length, bool flexible)
    {
        if (flexible)
        {
            WriteUnsignedVarint((uint)(length + 1));
        }
        else
        {
            WriteInt32(length);
        }
    }

    private void WriteStringLength(int length, bool flexible)
    {
        if (flexible)
        {
            WriteUnsignedVarint((uint)(length + 1));
        }
        else
        {
            WriteInt16((short)length);
        }
    }

    /// <summary>Begins a tagged field: writes the tag and leaves one byte for the size.</summary>
    public int BeginTaggedField(int tag)
    {
        WriteUnsignedVarint((uint)tag);
        int at = _position;
        Room(1);
        return at;
    }

    /// <summary>Ends a tagged field: writes its size, moving the content when the size takes more than one byte.</summary>
    public void EndTaggedField(int at)
    {
        int size = _position - at - 1;
        int sizeBytes = 1;
        for (uint rest = (uint)size >> 7; rest != 0; rest >>= 7)
        {
            sizeBytes++;
        }
        if (sizeBytes > 1)
        {
            Room(sizeBytes - 1);
            _buffer.AsSpan(at + 1, size).CopyTo(_buffer.AsSpan(at + sizeBytes));
        }
        uint value = (uint)size;
        for (int i = 0; i < sizeBytes; i++)
        {
            _buffer[at + i] = (byte)(i == sizeBytes - 1 ? value : value | 0x80);
            value >>= 7;
        }
    }
}
