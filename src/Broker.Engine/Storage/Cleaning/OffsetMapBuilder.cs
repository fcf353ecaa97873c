using Broker.Protocol.Records;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>Puts the keys of a log's dirty part into the offset map, until that is full. Records of aborted transactions are
/// passed over. Not thread-safe.</summary>
internal sealed class OffsetMapBuilder(
    OffsetMap map, int keysMax, long startOffset, CleanedTransactions transactions, RecordCodecs codecs, CleanerStats stats) : IBatchVisitor
{
    public bool IsFull { get; private set; }

    public bool Visit(scoped in BatchCursor cursor)
    {
        long last;
        if (cursor.Magic < RecordBatchHeader.Magic)
        {
            last = cursor.Offset;
            using var records = new LegacyRecordCursor(new LegacyMessageView(cursor.Current), codecs);
            while (records.MoveNext())
            {
                Enter(records.Current);
                if (IsFull)
                {
                    return false;
                }
            }
            Refuse(records.Fault, cursor.Offset);
        }
        else
        {
            RecordBatchView batch = cursor.Batch;
            last = batch.LastOffset;
            if (batch.IsControl)
            {
                transactions.OnControlBatch(batch, codecs);
                stats.MapMessagesRead++;
            }
            else if (transactions.OnBatch(batch))
            {
                stats.MapMessagesRead += batch.Count;
            }
            else if (!EnterAll(batch))
            {
                return false;
            }
        }
        if (last >= startOffset)
        {
            map.UpdateLatest(last);
        }
        stats.MapBytesRead += cursor.SizeInBytes;
        return true;
    }

    private bool EnterAll(RecordBatchView batch)
    {
        using var records = new RecordCursor(batch, codecs);
        while (records.MoveNext())
        {
            Enter(records.Current);
            if (IsFull)
            {
                return false;
            }
        }
        Refuse(records.Fault, batch.BaseOffset);
        return true;
    }

    private void Enter(RecordView record)
    {
        if (!record.Key.IsNull && record.Offset >= startOffset)
        {
            if (map.Count >= keysMax)
            {
                IsFull = true;
                return;
            }
            map.Put(record.Key.Span, record.Offset);
        }
        stats.MapMessagesRead++;
    }

    public static void Refuse(RecordFault fault, long offset)
    {
        if (fault != RecordFault.None)
        {
            throw new CleaningException($"the batch at offset {offset} cannot be read: {RecordFaults.Message(fault)}");
        }
    }
}
