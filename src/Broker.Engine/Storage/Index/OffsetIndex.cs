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
        return (baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry), BinaryPrimitives.ReadInt32BigEndian(entry[4..]));
    }

    /// <summary>The position of a batch at or before the one that holds <paramref name="offset"/>.</summary>
    public int Lookup(long offset) => Lookup(offset, out _);

    /// <summary>The same, with the offset of the entry that says so; -1 for none.</summary>
    public int Lookup(long offset, out long entryOffset)
    {
        entryOffset = -1;
        if (!Floor(offset, out int index))
        {
            return 0;
        }
        (entryOffset, int position) = Entry(index);
        return position;
    }

    /// <inheritdoc cref="EntryLog.WouldBlock"/>
    public bool WouldBlock() => _entries.WouldBlock();

    /// <summary>Finds the last entry whose offset is not above <paramref name="offset"/>.</summary>
    private bool Floor(long offset, out int index)
    {
        int low = 0;
        int high = Count - 1;
        index = -1;
        while (low <= high)
        {
            int middle = (int)(((uint)low + (uint)high) >> 1);
            if (Entry(middle).Offset <= offset)
            {
                index = middle;
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }
        return index >= 0;
    }

    /// <summary>Forgets what points at or beyond <paramref name="offset"/>.</summary>
    public void TruncateTo(long offset) => _entries.Truncate(Floor(offset - 1, out int index) ? index + 1 : 0);

    public void Write() => _entries.Write();

    public void Sync() => _entries.Sync();

    public void Seal() => _entries.Seal();

    public void Dispose() => _entries.Dispose();
}
