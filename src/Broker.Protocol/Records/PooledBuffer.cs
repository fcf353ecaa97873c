using System.Buffers;

namespace Broker.Protocol.Records;

/// <summary>Bytes that grow, in an array of the shared pool. <see cref="Clear"/> keeps the array unless it is larger than
/// <see cref="KeepBytesMax"/>; steady use allocates nothing. Not thread-safe.</summary>
public sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    /// <summary>An array above this goes back to the pool when its content is dropped.</summary>
    public const int KeepBytesMax = 2 * 1024 * 1024;

    private const int FirstBytes = 4096;

    private byte[] _array = [];
    private int _length;

    public int Length => _length;

    public Span<byte> WrittenSpan => _array.AsSpan(0, _length);

    public Memory<byte> WrittenMemory => _array.AsMemory(0, _length);

    /// <summary>Drops the content.</summary>
    public void Clear()
    {
        _length = 0;
        if (_array.Length > KeepBytesMax)
        {
            Dispose();
        }
    }

    /// <summary>Drops what stands at <paramref name="length"/> and after it.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)_length, nameof(length));
        _length = length;
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_array.Length - _length), nameof(count));
        _length += count;
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _array.AsSpan(_length);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _array.AsMemory(_length);
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_array.AsSpan(_length));
        _length += bytes.Length;
    }

    public void Dispose()
    {
        if (_array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_array);
        }
        _array = [];
        _length = 0;
    }

    private void Reserve(int count)
    {
        if (_array.Length - _length >= count)
        {
            return;
        }
        long size = Math.Max(Math.Max((long)_array.Length * 2, (long)_length + count), FirstBytes);
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(size, Array.MaxLength));
        _array.AsSpan(0, _length).CopyTo(larger);
        if (_array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_array);
        }
        _array = larger;
    }
}
