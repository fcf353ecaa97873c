using System.Buffers.Binary;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Index;

/// <summary>
/// The sparse index from timestamps to offsets: entries of 12 bytes, the greatest timestamp so far (i64) and the relative
/// last offset (i32) of the batch that brought it, both strictly rising. All messages with a greater timestamp lie after
/// the offset. After Kafka's TimeIndex. One writer; readers at any time.
/// </summary>
internal sealed class TimeIndex(DiskFile file, long baseOffset, int count) : IDisposable
{
    public const int EntryBytes = 12;

    private readonly EntryLog _entries = new(file, EntryBytes, count);

    public int Count => _entries.Count;

    public long SizeBytes => _entries.SizeBytes;

    public DiskFile File => _entries.File;

    /// <summary>Appends unless the last entry says as much already, or nothing had a timestamp yet.</summary>
    public void MaybeAppend(long timestamp, long offset)
    {
        if (timestamp < 0)
        {
            return;
        }
        if (Count > 0)
        {
            (long lastTimestamp, long lastOffset) = Entry(Count - 1);
            if (timestamp <= lastTimestamp || offset <= lastOffset)
            {
                return;
            }
        }
        Span<byte> entry = stackalloc byte[EntryBytes];
        BinaryPrimitives.WriteInt64BigEndian(entry, timestamp);
        BinaryPrimitives.WriteInt32BigEndian(entry[8..], (int)(offset - baseOffset));
        _entries.Append(entry);
    }

    public (long Timestamp, long Offset) Entry(int index)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        _entries.Get(index, entry);
        return (BinaryPrimitives.ReadInt64BigEndian(entry), baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry[8..]));
    }

    /// <summary>The last entry whose timestamp is not above <paramref name="timestamp"/>; (-1, base offset) when none is.</summary>
    public (long Timestamp, long Offset) Lookup(long timestamp)
    {
        int low = 0;
        int high = Count - 1;
        (long, long) found = (-1, baseOffset);
        while (low <= high)
        {
            int middle = (int)(((uint)low + (uint)high) >> 1);
            (long Timestamp, long Offset) entry = Entry(middle);
            if (entry.Timestamp <= timestamp)
            {
                found = entry;
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }
        return found;
    }

    /// <summary>Forgets what points at or beyond <paramref name="offset"/>.</summary>
    public void TruncateTo(long offset)
    {
        int count = Count;
        while (count > 0 && Entry(count - 1).Offset >= offset)
        {
            count--;
        }
        _entries.Truncate(count);
    }

    public void Write() => _entries.Write();

    public void Sync() => _entries.Sync();

    public void Seal() => _entries.Seal();

    public void Dispose() => _entries.Dispose();
}
