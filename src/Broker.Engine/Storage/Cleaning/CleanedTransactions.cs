using Broker.Engine.Storage.Index;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>
/// Follows transactions while a log is read from its beginning: which batches are of aborted ones, and which markers have no
/// records left that need them. After Kafka's CleanedTransactionMetadata. Not thread-safe.
/// </summary>
internal sealed class CleanedTransactions
{
    private readonly HashSet<long> _committed = [];
    private readonly Dictionary<long, Aborted> _aborted = [];
    private readonly PriorityQueue<AbortedTransaction, long> _ahead = new();

    /// <summary>Entries for the cleaned segment: aborted transactions of which something is left.</summary>
    public List<AbortedTransaction>? CleanedIndex { get; set; }

    public void Add(List<AbortedTransaction> entries)
    {
        foreach (AbortedTransaction entry in entries)
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
        while (_ahead.TryPeek(out AbortedTransaction entry, out long first) && first <= offset)
        {
            _ahead.Dequeue();
            _aborted.TryAdd(entry.ProducerId, new Aborted(entry));
        }
    }

    private sealed class Aborted(AbortedTransaction entry)
    {
        public AbortedTransaction Entry { get; } = entry;

        public bool WasSeen { get; set; }
    }
}
