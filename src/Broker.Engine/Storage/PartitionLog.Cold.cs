namespace Broker.Engine.Storage;

/// <summary>Old records that are no longer in memory.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>Whether <see cref="TryRead"/>, and sending what it finds, would wait for the disk. Itself it does not wait. An
    /// offset outside the log does not.</summary>
    /// <param name="now"><see cref="System.Diagnostics.Stopwatch"/> ticks.</param>
    public bool WouldBlock(long offset, int bytesMax, long now)
    {
        if (_isFailed || offset >= LogEndOffset || offset < LogStartOffset)
        {
            return false;
        }
        LogSegment[] segments = Volatile.Read(ref _segments);
        try
        {
            return segments[FloorSegment(segments, offset)].WouldBlock(offset, bytesMax, now);
        }
        catch (ObjectDisposedException)
        {
            return false;   // deleted meanwhile: the read finds it so
        }
        catch (IOException e)
        {
            if (!_closed)
            {
                Fail("a read", e);
            }
            return false;
        }
    }

    /// <summary>Reads those bytes on the calling thread, which waits for the disk, so that they are in memory afterwards.</summary>
    public void ReadAhead(long offset, int bytesMax)
    {
        LogSegment[] segments = Volatile.Read(ref _segments);
        try
        {
            segments[FloorSegment(segments, offset)].ReadAhead(offset, bytesMax);
        }
        catch (ObjectDisposedException)
        {
            // deleted meanwhile
        }
        catch (IOException e)
        {
            Fail("a read", e);
        }
    }
}
