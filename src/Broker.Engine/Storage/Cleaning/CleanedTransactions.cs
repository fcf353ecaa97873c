using System.Buffers.Binary;
using Broker.Engine.Storage.Files;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>An entry of a .txnindex file: 34 bytes, version i16 = 0, producer id, first, last and last stable offset i64
/// (Kafka AbortedTxn).</summary>
internal readonly record struct AbortedEntry(long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset)
{
    public const int Bytes = 34;

    /// <summary>What a segment's file holds; nothing when there is none.</summary>
    public static List<AbortedEntry> Read(Disk disk, string path)
    {
        var entries = new List<AbortedEntry>();
        ReadOnlySpan<byte> left = disk.LengthOf(path) > 0 ? disk.ReadAll(path) : null;
        for (; left.Length >= Bytes && BinaryPrimitives.ReadInt16BigEndian(left) == 0; left = left[Bytes..])
        {
            entries.Add(new AbortedEntry(
                BinaryPrimitives.ReadInt64BigEndian(left[2..]), BinaryPrimitives.ReadInt64BigEndian(left[10..]),
                BinaryPrimitives.ReadInt64BigEndian(left[18..]), BinaryPrimitives.ReadInt64BigEndian(left[26..])));
        }
        return entries;
    }

    public static byte[] ToBytes(List<AbortedEntry> entries)
    {
        byte[] bytes = new byte[entries.Count * Bytes];
        for (int i = 0; i < entries.Count; i++)
        {
            Span<byte> at = bytes.AsSpan(i * Bytes, Bytes);
            BinaryPrimitives.WriteInt64BigEndian(at[2..], entries[i].ProducerId);
            BinaryPrimitives.WriteInt64BigEndian(at[10..], entries[i].FirstOffset);
            BinaryPrimitives.WriteInt64BigEndian(at[18..], entries[i].LastOffset);
            BinaryPrimitives.WriteInt64BigEndian(at[26..], entries[i].LastStableOffset);
        }
        return bytes;
    }
}

/// <summary>
/// Follows transactions while a log is read from its beginning: which batches are of aborted ones, and which markers have no
/// records left that need them. After Kafka's CleanedTransactionMetadata. Not thread-safe.
/// </summary>
internal sealed class CleanedTransactions
{
    private readonly HashSet<long> _committed = [];
    private readonly Dictionary<long, Aborted> _aborted = [];
    private readonly PriorityQueue<AbortedEntry, long> _ahead = new();

    /// <summary>Entries for the cleaned segment: aborted transactions of which something is left.</summary>
    public List<AbortedEntry>? CleanedIndex { get; set; }

    public void Add(List<AbortedEntry> entries)
    {
        foreach (AbortedEntry entry in entries)
        {
            _ahead.Enqueue(entry, entry.FirstOffset);
        }
    }

    /// <summary>Takes a marker; true when it may go, since no record before it needs it.</summary>
    public bool OnControlBatch(RecordBatchView batch, RecordCodecs codecs)
    {
        PassUpTo(batch.LastOffset);
        using var records = new RecordCursor(batch, codecs);
        if (!records.MoveNext())
        {
            return true;   // emptied by a cleaning before
        }
        switch (ControlRecord.TypeOf(records.Current.Key.Span))
        {
            case ControlRecordType.Abort:
                if (_aborted.Remove(batch.ProducerId, out Aborted? aborted) && aborted.WasSeen)
                {
                    CleanedIndex?.Add(aborted.Entry);
                    return false;
                }
                return true;
            case ControlRecordType.Commit:
                return !_committed.Remove(batch.ProducerId);
            default:
                return false;
        }
    }

    /// <summary>Takes a batch of records; true when its transaction was aborted.</summary>
    public bool OnBatch(RecordBatchView batch)
    {
        PassUpTo(batch.LastOffset);
        if (!batch.IsTransactional)
        {
            return false;
        }
        if (_aborted.TryGetValue(batch.ProducerId, out Aborted? aborted))
        {
            aborted.WasSeen = true;
            return true;
        }
        _committed.Add(batch.ProducerId);
        return false;
    }

    private void PassUpTo(long offset)
    {
        while (_ahead.TryPeek(out AbortedEntry entry, out long first) && first <= offset)
        {
            _ahead.Dequeue();
            _aborted.TryAdd(entry.ProducerId, new Aborted(entry));
        }
    }

    private sealed class Aborted(AbortedEntry entry)
    {
        public AbortedEntry Entry { get; } = entry;

        public bool WasSeen { get; set; }
    }
}
