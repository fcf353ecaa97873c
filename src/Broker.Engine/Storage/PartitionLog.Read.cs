using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage;

/// <summary>A slice of a segment's file. Whoever holds it holds a reference to the file.</summary>
internal struct LogSlice
{
    public DiskFile? File;
    public long Position;
    public int Length;

    /// <summary>Whether the slice is cut inside its first batch.</summary>
    public bool FirstBatchIncomplete;
}

/// <summary>Reading: a few look-ups and no copy.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>Finds the bytes from the batch that holds <paramref name="offset"/> on, within one segment. The slice may end
    /// inside a batch, as Kafka's does; clients drop the rest.</summary>
    /// <param name="offset">Between the log's start and its end.</param>
    /// <param name="bytesMax">Most bytes wanted.</param>
    /// <param name="endOffset">No batch at or beyond it is read: the high watermark, or the log's end for a follower.</param>
    /// <param name="wholeFirstBatch">Give the first batch whole even where it is longer (KIP-74).</param>
    /// <param name="slice">The bytes; with length 0 when there is nothing before <paramref name="endOffset"/>.</param>
    /// <returns>False when the offset lies outside the log.</returns>
    public bool TryRead(long offset, int bytesMax, long endOffset, bool wholeFirstBatch, out LogSlice slice)
    {
        slice = default;
        if (offset > LogEndOffset || offset < LogStartOffset)
        {
            return false;
        }
        LogSegment[] segments = Volatile.Read(ref _segments);
        if (offset < segments[0].BaseOffset)
        {
            return false;   // deleted since the log's start was looked at
        }
        for (int i = FloorSegment(segments, offset); i < segments.Length; i++)
        {
            if (offset >= endOffset)
            {
                return true;
            }
            LogSegment segment = segments[i];
            if (!segment.File.TryAddReference())
            {
                return true;   // deleted meanwhile
            }
            int length = Locate(segments, i, offset, endOffset, out int position, out int batchBytes);
            length = Math.Min(length, Math.Max(bytesMax, wholeFirstBatch ? batchBytes : 0));
            if (length <= 0)
            {
                segment.File.ReleaseReference();
                if (position >= 0)
                {
                    return true;
                }
                // Compaction, or a roll, left nothing at or after the offset here.
                offset = i + 1 < segments.Length ? Math.Max(offset, segments[i + 1].BaseOffset) : offset;
                continue;
            }
            slice.File = segment.File;
            slice.Position = position;
            slice.Length = length;
            slice.FirstBatchIncomplete = length < batchBytes;
            return true;
        }
        return true;
    }

    /// <summary>Bytes of a slice up to the end of its last whole batch. To cut the rest is to look into the slice, which is not
    /// worth it but where replication is throttled: there it would use up what may go for nothing.</summary>
    public int BytesOfWholeBatches(in LogSlice slice)
    {
        int start = (int)slice.Position;
        int whole = 0;
        try
        {
            var batches = new HeaderCursor(slice.File!, start, start + slice.Length);
            while (batches.MoveNext())
            {
                whole = batches.Position + batches.BatchBytes - start;
            }
        }
        catch (IOException e)
        {
            Fail("a read", e);
        }
        return whole > 0 ? whole : slice.Length;
    }

    /// <summary>Copies what <see cref="TryRead"/> finds, the first batch whole; null when there is nothing. For coordinators and
    /// people, who look into records; not for network threads.</summary>
    public byte[]? Copy(long offset, int bytesMax, long endOffset)
    {
        if (!TryRead(offset, bytesMax, endOffset, wholeFirstBatch: true, out LogSlice slice) || slice.File is not { } file)
        {
            return null;
        }
        byte[] bytes = new byte[slice.Length];
        try
        {
            _ = OnDisk("a read", () => file.Read(bytes, slice.Position));
        }
        finally
        {
            file.ReleaseReference();
        }
        return bytes;
    }

    /// <summary>Bytes that <see cref="TryRead"/> would give, without holding a file.</summary>
    public int Measure(long offset, int bytesMax, long endOffset)
    {
        if (!TryRead(offset, bytesMax, endOffset, wholeFirstBatch: true, out LogSlice slice))
        {
            return 0;
        }
        slice.File?.ReleaseReference();
        return slice.Length;
    }

    /// <summary>Whether a read of <paramref name="offset"/> would end with its segment before it got to
    /// <paramref name="endOffset"/>.</summary>
    public bool IsOnOlderSegment(long offset, long endOffset)
    {
        LogSegment[] segments = Volatile.Read(ref _segments);
        int next = FloorSegment(segments, offset) + 1;
        return next < segments.Length && segments[next].BaseOffset < endOffset;
    }

    /// <summary>Finds the batch that holds an offset; how many bytes there are from it to the end of what may be read.</summary>
    private int Locate(LogSegment[] segments, int index, long offset, long endOffset, out int position, out int batchBytes)
    {
        LogSegment segment = segments[index];
        try
        {
            position = segment.FindPosition(offset, out batchBytes);
            return position < 0 ? 0 : EndPosition(segments, index, segment, endOffset) - position;
        }
        catch (ObjectDisposedException)
        {
            // deleted meanwhile
        }
        catch (IOException e)
        {
            Fail("a read", e);
        }
        position = 0;
        batchBytes = 0;
        return 0;
    }

    private static int EndPosition(LogSegment[] segments, int index, LogSegment segment, long endOffset) =>
        index + 1 < segments.Length && segments[index + 1].BaseOffset <= endOffset ? segment.SizeBytes : segment.FindEnd(endOffset);

    /// <summary>Index of the last segment that begins at or before an offset; 0 when none does.</summary>
    private static int FloorSegment(LogSegment[] segments, long offset)
    {
        int low = 0;
        int high = segments.Length - 1;
        int found = 0;
        while (low <= high)
        {
            int middle = (int)(((uint)low + (uint)high) >> 1);
            if (segments[middle].BaseOffset <= offset)
            {
                found = middle;
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }
        return found;
    }
}
