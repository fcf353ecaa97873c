using System.Buffers.Binary;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Index;

/// <summary>
/// The sparse index from offsets to positions in a segment's file: entries of 8 bytes, a relative offset (i32) and a
/// position (i32), both rising. The offset is the last of a batch, the position that batch's first byte, entered before a
/// batch is appended once more than index.interval.bytes have passed. No checksum: a doubtful index is rebuilt from the log.
/// After Kafka's OffsetIndex. One writer; readers at any time.
/// </summary>
internal sealed class OffsetIndex(DiskFile file, long baseOffset, int count) : IDisposable
{
    public const int EntryBytes = 8;

    /// <summary>Entries that one read brings as well as one entry.</summary>
    private const int RunEntries = 64;

    private readonly EntryLog _entries = new(file, EntryBytes, count);

    public int Count => _entries.Count;

    public long SizeBytes => _entries.SizeBytes;

    public DiskFile File => _entries.File;

    public void Append(long offset, int position)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        BinaryPrimitives.WriteInt32BigEndian(entry, (int)(offset - baseOffset));
        BinaryPrimitives.WriteInt32BigEndian(entry[4..], position);
        _entries.Append(entry);
    }

    public (long Offset, int Position) Entry(int index)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        _entries.Get(index, entry);
        return Decode(entry);
    }

    /// <summary>The position of a batch at or before the one that holds <paramref name="offset"/>.</summary>
    public int Lookup(long offset) => Lookup(offset, out _);

    /// <summary>The same, with the offset of the entry that says so; -1 for none.</summary>
    public int Lookup(long offset, out long entryOffset)
    {
        _ = Floor(offset, out entryOffset, out int position);
        return position;
    }

    /// <summary>Positions between which the batch that holds <paramref name="offset"/> begins; the second is
    /// <see cref="int.MaxValue"/> where no entry lies behind the offset.</summary>
    public (int From, int To) Bounds(long offset)
    {
        int floor = Floor(offset, out _, out int from);
        return (from, floor + 1 < Count ? Entry(floor + 1).Position : int.MaxValue);
    }

    /// <inheritdoc cref="EntryLog.WouldBlock"/>
    public bool WouldBlock() => _entries.WouldBlock();

    /// <summary>Finds the last entry whose offset is not above <paramref name="offset"/>; the last few are read at once, so
    /// that a lookup in a sealed segment is a handful of system calls.</summary>
    /// <returns>Its number, or -1 for none, with offset -1 and position 0.</returns>
    private int Floor(long offset, out long entryOffset, out int position)
    {
        (int index, entryOffset, position) = (-1, -1, 0);
        Span<byte> run = stackalloc byte[RunEntries * EntryBytes];
        int low = 0;
        int high = Count - 1;
        while (high - low >= RunEntries)
        {
            int middle = (int)(((uint)low + (uint)high) >> 1);
            (low, high) = Entry(middle).Offset <= offset ? (middle, high) : (low, middle - 1);
        }
        // One run, or two where the first of them lie in the file and the rest in memory.
        while (low <= high)
        {
            int got = _entries.GetRun(low, run[..((high - low + 1) * EntryBytes)]);
            int found = FloorIn(run[..(got * EntryBytes)], offset);
            if (found >= 0)
            {
                index = low + found;
                (entryOffset, position) = Decode(run[(found * EntryBytes)..]);
            }
            if (found < got - 1)
            {
                break;
            }
            low += got;
        }
        return index;
    }

    private int FloorIn(ReadOnlySpan<byte> run, long offset)
    {
        int low = 0;
        int high = run.Length / EntryBytes - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            (low, high) = Decode(run[(middle * EntryBytes)..]).Offset <= offset ? (middle + 1, high) : (low, middle - 1);
        }
        return high;
    }

    private (long Offset, int Position) Decode(ReadOnlySpan<byte> entry) =>
        (baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry), BinaryPrimitives.ReadInt32BigEndian(entry[4..]));

    /// <summary>Forgets what points at or beyond <paramref name="offset"/>.</summary>
    public void TruncateTo(long offset) => _entries.Truncate(Floor(offset - 1, out _, out _) + 1);

    public void Write() => _entries.Write();

    public void Sync() => _entries.Sync();

    public void Seal() => _entries.Seal();

    public void Dispose() => _entries.Dispose();
}
