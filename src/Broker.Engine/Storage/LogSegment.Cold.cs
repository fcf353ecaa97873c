using System.Diagnostics;

namespace Broker.Engine.Storage;

/// <summary>Reads that would wait for the disk: how a network thread finds out, and how another thread does the waiting.</summary>
internal sealed partial class LogSegment
{
    /// <summary>How long what was written, and an index that was in memory, counts as being there.</summary>
    private static readonly long s_trust = Stopwatch.Frequency;

    private long _indexSeen;

    /// <summary>Whether finding <paramref name="offset"/> and reading from it would wait for the disk.</summary>
    public bool WouldBlock(long offset, int bytesMax, long now)
    {
        if (_tail is { } tail && tail.TryFind(offset, out _, since: now - s_trust))
        {
            return false;   // written a moment ago
        }
        if (!TryHold())
        {
            return false;
        }
        try
        {
            if (IndexWouldBlock(now))
            {
                return true;
            }
            (int from, int bytes) = Wanted(offset, bytesMax);
            return File.WouldBlock(from, bytes);
        }
        finally
        {
            LetGo();
        }
    }

    /// <summary>Reads what <see cref="WouldBlock"/> looks at, so that it is in memory; blocks.</summary>
    public void ReadAhead(long offset, int bytesMax)
    {
        if (!TryHold())
        {
            return;
        }
        try
        {
            OffsetIndex.File.ReadAhead(0, OffsetIndex.SizeBytes);
            (int from, int bytes) = Wanted(offset, bytesMax);
            File.ReadAhead(from, bytes);
        }
        finally
        {
            LetGo();
        }
    }

    /// <summary>The bytes asked for begin where the batch of the offset does, which is somewhere between two entries of the
    /// index: with batches of a megabyte the one that the first of them names is passed over whole.</summary>
    private (int From, int Bytes) Wanted(long offset, int bytesMax)
    {
        (int from, int to) = OffsetIndex.Bounds(offset);
        long end = Math.Min(SizeBytes, (long)to + bytesMax + HeaderCursor.BlockBytes);
        return (from, (int)Math.Max(0, end - from));
    }

    private bool IndexWouldBlock(long now)
    {
        if (_indexSeen != 0 && now - _indexSeen < s_trust)
        {
            return false;
        }
        if (OffsetIndex.WouldBlock())
        {
            return true;
        }
        _indexSeen = now;
        return false;
    }

    private bool TryHold()
    {
        if (!File.TryAddReference())
        {
            return false;
        }
        if (OffsetIndex.File.TryAddReference())
        {
            return true;
        }
        File.ReleaseReference();
        return false;
    }

    private void LetGo()
    {
        OffsetIndex.File.ReleaseReference();
        File.ReleaseReference();
    }
}
