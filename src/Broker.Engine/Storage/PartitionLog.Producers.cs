using Broker.Engine.Storage.Index;
using Broker.Engine.Storage.Producers;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>What the log remembers of producers and their transactions. Under the log's lock.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>First offset that is not stable (read_committed readers stop there), or null when all is.</summary>
    public long? FirstUnstableOffset
    {
        get
        {
            lock (_lock)
            {
                return Producers.Transactions?.FirstUnstableOffset;
            }
        }
    }

    /// <summary>Tells how far the log is replicated: transactions that ended before it are stable.</summary>
    public void OnHighWatermark(long highWatermark)
    {
        if (Producers.Transactions is null)
        {
            return;
        }
        lock (_lock)
        {
            Producers.Transactions?.OnHighWatermark(highWatermark);
        }
    }

    /// <summary>The aborted transactions that a reader of the offsets from <paramref name="from"/> up to
    /// <paramref name="end"/> must know.</summary>
    public List<AbortedTransaction> CollectAborted(long from, long end)
    {
        List<AbortedTransaction> found = [];
        LogSegment[] segments = Volatile.Read(ref _segments);
        for (int i = FloorSegment(segments, from); i < segments.Length; i++)
        {
            if (segments[i].Transactions.Collect(from, end, found))
            {
                break;
            }
        }
        return found;
    }

    /// <summary>Enters a batch that was appended; false when the transaction index could not be written.</summary>
    private bool TryTrackProducer(ReadOnlySpan<byte> batch, in ValidatedBatch facts, long baseOffset, long lastOffset)
    {
        if (!facts.IsControl)
        {
            Producers.Update(
                facts.ProducerId,
                facts.ProducerEpoch,
                new BatchMetadata(facts.LastSequence, lastOffset, (int)(lastOffset - baseOffset), facts.MaxTimestamp),
                facts.IsTransactional);
            return true;
        }
        try
        {
            ProducerReplay.EndTransaction(new RecordBatchView(batch), Producers, _active);
            return true;
        }
        catch (IOException e)
        {
            Fail("an append", e);
            return false;
        }
    }

    /// <summary>After a cut: the state of the newest snapshot that is left, and the batches after it.</summary>
    private void RebuildProducers(long offset)
    {
        Producers.LoadNewest(_logStartOffset, offset, _clock.UnixMs);
        ProducerReplay.Read(_segments, Producers, offset);
        Producers.Transactions?.OnHighWatermark(_highWatermark);
        Producers.TakeSnapshot(offset, sync: false);
    }

    private void DropSnapshots(LogSegment[] segments) =>
        Producers.RemoveSnapshots(offset => Array.Exists(segments, s => s.BaseOffset == offset));
}
