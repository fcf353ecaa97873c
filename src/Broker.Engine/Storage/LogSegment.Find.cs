using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>Finding a place. An index entry is believed only as far as the batch that it points at bears it out: the file was not
/// read when the log was opened. Where it does not, the segment is read from its beginning.</summary>
internal sealed partial class LogSegment
{
    /// <summary>In place of an entry's offset: the position is not from the index.</summary>
    private const long Unindexed = long.MaxValue;

    /// <summary>Position of the batch that holds <paramref name="offset"/>, or of the next one where compaction took it;
    /// -1 when the segment has nothing at or after it.</summary>
    public int FindPosition(long offset, out int batchBytes)
    {
        long entry = Unindexed;
        if (_tail is not { } tail || !tail.TryFind(offset, out int start))
        {
            start = OffsetIndex.Lookup(offset, out entry);
        }
        if (!TryFindAtOrAfter(offset, start, entry, SizeBytes, out int position, out batchBytes))
        {
            _ = TryFindAtOrAfter(offset, 0, Unindexed, SizeBytes, out position, out batchBytes);
        }
        return position;
    }

    /// <summary>Position of the first batch that is not wholly below <paramref name="offset"/>, or the size: where a read
    /// that must not pass the offset ends.</summary>
    public int FindEnd(long offset)
    {
        // The size first: a batch that it counts is in the ring by then.
        int size = SizeBytes;
        if (_tail is { } tail && tail.TryFindEnd(offset, size, out int end))
        {
            return end;
        }
        int start = OffsetIndex.Lookup(offset, out long entry);
        if (!TryFindAtOrAfter(offset, start, entry, size, out int position, out _))
        {
            _ = TryFindAtOrAfter(offset, 0, Unindexed, size, out position, out _);
        }
        return position < 0 ? size : position;
    }

    /// <summary>Walks headers from <paramref name="start"/> on.</summary>
    /// <returns>False when no batch that an index entry of <paramref name="entry"/> may point at begins at the start.</returns>
    private bool TryFindAtOrAfter(long offset, int start, long entry, int size, out int position, out int batchBytes)
    {
        bool isDoubtful = start != 0 && entry != Unindexed;
        position = -1;
        batchBytes = 0;
        if (start < 0)
        {
            return false;
        }
        var cursor = new HeaderCursor(File, start, size);
        while (cursor.MoveNext())
        {
            if (isDoubtful && (cursor.BaseOffset < BaseOffset || cursor.LastOffset > entry))
            {
                return false;
            }
            isDoubtful = false;
            if (cursor.LastOffset >= offset)
            {
                batchBytes = cursor.BatchBytes;
                position = cursor.Position;
                return true;
            }
        }
        return !isDoubtful;
    }

    private long ReadFirstTimestamp()
    {
        Span<byte> header = stackalloc byte[RecordBatchHeader.Size];
        return SizeBytes >= header.Length && File.Read(header, 0) == header.Length
            && header[RecordBatchHeader.MagicAt] >= RecordBatchHeader.Magic ? new RecordBatchView(header).MaxTimestamp : -1;
    }
}
