using System.Diagnostics;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage;

/// <summary>Reads that would wait for the disk: how a network thread finds out, and how another thread does the waiting.</summary>
internal sealed partial class LogSegment
{
    /// <summary>How long an index that was in memory counts as being there.</summary>
    private static readonly long s_indexTrust = Stopwatch.Frequency;

    private long _indexSeen;

    /// <summary>Whether finding <paramref name="offset"/> and reading from it would wait for the disk.</summary>
    public bool WouldBlock(long offset, int bytesMax)
    {
        if (_tail is { } tail && tail.TryFind(offset, out _))
        {
            return false;   // written a moment ago
        }
        if (!TryHold())
        {
            return false;
        }
        try
        {
            if (IndexWouldBlock())
            {
                return true;
            }
            int from = OffsetIndex.Lookup(offset);
            return File.WouldBlock(from, Wanted(from, bytesMax));
        }
        finally
        {
            LetGo();
        }
    }

    /// <summary>Reads what <see cref="WouldBlock"/> looks at, so that it is in memory; blocks.</summary>
    public void ReadAhead(long offset, int bytesMax, Span<byte> scratch)
    {
        if (!TryHold())
        {
            return;
        }
        try
        {
            Read(OffsetIndex.File, 0, OffsetIndex.SizeBytes, scratch);
            int from = OffsetIndex.Lookup(offset);
            Read(File, from, Wanted(from, bytesMax), scratch);
        }
        finally
        {
            LetGo();
        }
    }

    /// <summary>The bytes asked for lie behind the batches between the index entry and the offset.</summary>
    private long Wanted(int from, int bytesMax) => Math.Min(SizeBytes - from, (long)bytesMax + HeaderCursor.BlockBytes);

    private bool IndexWouldBlock()
    {
        long now = Stopwatch.GetTimestamp();
        if (_indexSeen != 0 && now - _indexSeen < s_indexTrust)
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

    private static void Read(DiskFile file, long position, long bytes, Span<byte> scratch)
    {
        for (long end = position + bytes; position < end;)
        {
            int n = file.Read(scratch[..(int)Math.Min(scratch.Length, end - position)], position);
            if (n == 0)
            {
                return;
            }
            position += n;
        }
    }
}
