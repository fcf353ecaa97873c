using System.Buffers.Binary;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Index;

/// <summary>A transaction that was aborted, as consumers that read committed records must know it.</summary>
internal readonly record struct AbortedTransaction(long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset);

/// <summary>
/// The aborted transactions whose marker lies in a segment, in <c>.txnindex</c>: entries of 34 bytes, version i16 = 0,
/// producerId i64, firstOffset i64, lastOffset i64 (of the marker), lastStableOffset i64 (at the marker), in the order of the
/// markers. There is no file where no transaction was aborted. After Kafka's TransactionIndex and AbortedTxn. It is read whole
/// when first asked for. Changed under the log's lock; readers at any time.
/// </summary>
internal sealed class TransactionIndex(Disk disk, string directory, long baseOffset, string suffix = "") : IDisposable
{
    public const int EntryBytes = 34;

    private AbortedTransaction[]? _entries;
    private DiskFile? _file;
    private string _suffix = suffix;

    public string Path => LogFileNames.Segment(directory, baseOffset, LogFileNames.TransactionIndexSuffix) + _suffix;

    /// <summary>The entries, by the offset of their markers.</summary>
    public IReadOnlyList<AbortedTransaction> Entries => Load();

    /// <summary>Whether what is in the file can be index entries of this segment (Kafka: sanityCheck).</summary>
    public bool IsSane()
    {
        long length = disk.LengthOf(Path);
        if (length <= 0)
        {
            return true;
        }
        return length % EntryBytes == 0 && Load().Length == length / EntryBytes;
    }

    /// <summary>Enters an aborted transaction; its marker lies behind those before.</summary>
    public void Append(in AbortedTransaction aborted)
    {
        AbortedTransaction[] entries = Load();
        Span<byte> bytes = stackalloc byte[EntryBytes];
        bytes.Clear();
        BinaryPrimitives.WriteInt64BigEndian(bytes[2..], aborted.ProducerId);
        BinaryPrimitives.WriteInt64BigEndian(bytes[10..], aborted.FirstOffset);
        BinaryPrimitives.WriteInt64BigEndian(bytes[18..], aborted.LastOffset);
        BinaryPrimitives.WriteInt64BigEndian(bytes[26..], aborted.LastStableOffset);
        (_file ??= disk.Open(Path)).Write(bytes, (long)entries.Length * EntryBytes);
        Volatile.Write(ref _entries, [.. entries, aborted]);
    }

    /// <summary>Collects what a read of the offsets from <paramref name="from"/> up to <paramref name="end"/> must know.</summary>
    /// <returns>Whether later segments can have nothing more to say: the last stable offset has passed the end.</returns>
    public bool Collect(long from, long end, List<AbortedTransaction> into)
    {
        foreach (AbortedTransaction aborted in Load())
        {
            if (aborted.LastOffset >= from && aborted.FirstOffset < end)
            {
                into.Add(aborted);
            }
            if (aborted.LastStableOffset >= end)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Forgets the transactions whose marker lies at or beyond <paramref name="offset"/>.</summary>
    public void TruncateTo(long offset)
    {
        AbortedTransaction[] entries = Load();
        int keep = entries.Length;
        while (keep > 0 && entries[keep - 1].LastOffset >= offset)
        {
            keep--;
        }
        if (keep < entries.Length)
        {
            (_file ??= disk.Open(Path)).SetLength((long)keep * EntryBytes);
            Volatile.Write(ref _entries, entries[..keep]);
        }
    }

    /// <summary>Begins anew: the segment is read again, and enters what it finds.</summary>
    public void Reset()
    {
        _file?.Dispose();
        _file = null;
        if (disk.LengthOf(Path) >= 0)
        {
            disk.Delete(Path);
        }
        Volatile.Write(ref _entries, []);
    }

    public void Sync() => _file?.Flush();

    /// <summary>Gives the file another suffix, or none.</summary>
    public void Rename(string suffix)
    {
        if (disk.LengthOf(Path) >= 0)
        {
            (_file ??= disk.Open(Path)).Rename(LogFileNames.Segment(directory, baseOffset, LogFileNames.TransactionIndexSuffix) + suffix);
        }
        _suffix = suffix;
    }

    public void Dispose() => _file?.Dispose();

    private AbortedTransaction[] Load()
    {
        if (Volatile.Read(ref _entries) is { } loaded)
        {
            return loaded;
        }
        AbortedTransaction[] read = Parse(disk.ReadAll(Path), baseOffset);
        return Interlocked.CompareExchange(ref _entries, read, null) ?? read;
    }

    /// <summary>The entries before the first that is none.</summary>
    internal static AbortedTransaction[] Parse(ReadOnlySpan<byte> bytes, long baseOffset)
    {
        var entries = new List<AbortedTransaction>();
        long lastMarker = -1;
        for (; bytes.Length >= EntryBytes; bytes = bytes[EntryBytes..])
        {
            var entry = new AbortedTransaction(
                BinaryPrimitives.ReadInt64BigEndian(bytes[2..]), BinaryPrimitives.ReadInt64BigEndian(bytes[10..]),
                BinaryPrimitives.ReadInt64BigEndian(bytes[18..]), BinaryPrimitives.ReadInt64BigEndian(bytes[26..]));
            if (BinaryPrimitives.ReadInt16BigEndian(bytes) != 0 || entry.LastOffset < baseOffset || entry.LastOffset <= lastMarker
                || entry.FirstOffset < 0 || entry.FirstOffset > entry.LastOffset)
            {
                break;
            }
            lastMarker = entry.LastOffset;
            entries.Add(entry);
        }
        return [.. entries];
    }
}
