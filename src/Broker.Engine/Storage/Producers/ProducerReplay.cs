using Broker.Engine.Storage.Index;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage.Producers;

/// <summary>Brings the producers' state up to date by the batches of the log. Under the log's lock, or while it is
/// loaded.</summary>
internal static class ProducerReplay
{
    private const int BlockBytes = 1024 * 1024;

    /// <summary>Reads the batches from where the state stands up to <paramref name="end"/>.</summary>
    public static void Read(IReadOnlyList<LogSegment> segments, ProducerStateManager producers, long end)
    {
        for (int i = 0; i < segments.Count && producers.LoadedOffset < end; i++)
        {
            long next = i + 1 < segments.Count ? segments[i + 1].BaseOffset : long.MaxValue;
            if (next > producers.LoadedOffset && segments[i].BaseOffset < end)
            {
                Read(segments[i], producers, end);
            }
        }
        producers.Advance(end);
    }

    private static void Read(LogSegment segment, ProducerStateManager producers, long end)
    {
        int position = segment.FindPosition(Math.Max(producers.LoadedOffset, segment.BaseOffset), out _);
        int size = segment.SizeBytes;
        if (position < 0 || position >= size)
        {
            return;
        }
        // What is no batch ends the walk: what reads the log will say so.
        var walk = new SegmentWalk(segment.File, position, size, new byte[Math.Min(BlockBytes, size - position)]);
        while (walk.MoveNext())
        {
            BatchCursor cursor = walk.Current;
            if (cursor.Offset >= end)
            {
                return;
            }
            if (cursor.Magic >= RecordBatchHeader.Magic && cursor.Batch.LastOffset >= producers.LoadedOffset)
            {
                Enter(cursor.Batch, producers, indexInto: null);
                producers.Advance(cursor.Batch.NextOffset);
            }
        }
    }

    /// <summary>Enters one batch.</summary>
    /// <param name="batch">Whole.</param>
    /// <param name="producers">The state.</param>
    /// <param name="indexInto">The segment whose transaction index is made anew, or null where it has its entries.</param>
    public static void Enter(in RecordBatchView batch, ProducerStateManager producers, LogSegment? indexInto)
    {
        if (!batch.HasProducerId)
        {
            return;
        }
        if (batch.IsControl)
        {
            EndTransaction(batch, producers, indexInto);
            return;
        }
        producers.Update(
            batch.ProducerId, batch.ProducerEpoch,
            new BatchMetadata(batch.LastSequence, batch.LastOffset, batch.LastOffsetDelta, batch.MaxTimestamp), batch.IsTransactional);
    }

    /// <summary>Enters a control batch: a transaction's end, or something that is not of producers.</summary>
    public static void EndTransaction(in RecordBatchView batch, ProducerStateManager producers, LogSegment? indexInto)
    {
        using var records = new RecordCursor(batch, BatchTools.Current.Codecs);
        if (!records.MoveNext())
        {
            return;
        }
        RecordView record = records.Current;
        ControlRecordType type = ControlRecord.TypeOf(record.Key.Span);
        if (type == ControlRecordType.Unknown || !ControlRecord.TryReadCoordinatorEpoch(record.Value.Span, out int coordinatorEpoch))
        {
            return;
        }
        CompletedTransaction? ended = producers.EndTransaction(
            batch.ProducerId, batch.ProducerEpoch, batch.BaseOffset, batch.MaxTimestamp, coordinatorEpoch,
            isAborted: type == ControlRecordType.Abort);
        if (ended is { } completed)
        {
            if (completed.IsAborted)
            {
                indexInto?.Transactions.Append(new AbortedTransaction(
                    completed.ProducerId, completed.FirstOffset, completed.LastOffset, producers.LastStableOffsetAfter(completed)));
            }
            producers.Complete(completed);
        }
    }
}
