using System.Diagnostics;

namespace Broker.Engine.Storage;

/// <summary>
/// Where the last batches of the active segment begin, so that a consumer at the tail is served without reading the file to
/// find them. A ring: the writer overwrites, and a reader that was overtaken notices. One writer; readers at any time.
/// </summary>
internal sealed class TailPositions
{
    private const int Size = 32;
    private readonly long[] _offsets = new long[Size];
    private readonly int[] _positions = new int[Size];
    private readonly long[] _addedAt = new long[Size];
    private long _count;

    /// <summary>Called before the batch is made visible to readers.</summary>
    public void Add(long baseOffset, int position)
    {
        long count = _count;
        _offsets[count % Size] = baseOffset;
        _positions[count % Size] = position;
        _addedAt[count % Size] = Stopwatch.GetTimestamp();
        Volatile.Write(ref _count, count + 1);
    }

    /// <summary>Position of the batch that holds <paramref name="offset"/>, which lies below the log's end; false when it
    /// is not among the last ones, or it or one behind it was added before <paramref name="since"/>.</summary>
    /// <param name="since"><see cref="Stopwatch"/> ticks.</param>
    public bool TryFind(long offset, out int position, long since = long.MinValue)
    {
        long count = Volatile.Read(ref _count);
        // One slot is left out: the writer may be in it already.
        for (long i = count - 1; i >= 0 && i > count - Size && _addedAt[i % Size] >= since; i--)
        {
            if (_offsets[i % Size] <= offset)
            {
                position = _positions[i % Size];
                Thread.MemoryBarrier();
                return Volatile.Read(ref _count) < i + Size;
            }
        }
        position = 0;
        return false;
    }

    /// <summary>Position of the first batch that begins at or after <paramref name="offset"/>, at most
    /// <paramref name="size"/>; false when that is not decided by the last batches.</summary>
    public bool TryFindEnd(long offset, int size, out int end)
    {
        long count = Volatile.Read(ref _count);
        end = size;
        for (long i = count - 1; i >= 0 && i > count - Size; i--)
        {
            long found = _offsets[i % Size];
            int position = _positions[i % Size];
            Thread.MemoryBarrier();
            if (Volatile.Read(ref _count) >= i + Size)
            {
                return false;
            }
            if (found < offset)
            {
                return true;
            }
            end = Math.Min(end, position);
        }
        return false;
    }

    public void Clear() => Volatile.Write(ref _count, 0);
}
