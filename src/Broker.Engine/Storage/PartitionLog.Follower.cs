using Broker.Engine.Storage.Producers;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>What became of records that a leader sent.</summary>
/// <param name="Error">None; CorruptMessage; OffsetOutOfRange, where they do not continue the log; KafkaStorageError.</param>
/// <param name="Bytes">Of whole batches appended.</param>
/// <param name="Fault">What is wrong, for people.</param>
internal readonly record struct FollowerAppend(ErrorCode Error, int Bytes, string? Fault = null);

/// <summary>Appending what the leader has: the same bytes, offsets and epochs included.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>Appends the whole batches among <paramref name="records"/>; a batch that is cut at their end is left for the next
    /// fetch. Batches that follow each other are written at once. Only <see cref="EndReign"/> makes a log take them.</summary>
    public FollowerAppend AppendAsFollower(ReadOnlySpan<byte> records, long nowMs)
    {
        if (CheckFromLeader(records, out int bytes, out long first, out long last) is { } fault)
        {
            return new FollowerAppend(ErrorCode.CorruptMessage, 0, fault);
        }
        if (bytes == 0)
        {
            return new FollowerAppend(ErrorCode.None, 0);
        }
        lock (_lock)
        {
            if (_closed || _isFailed || _reignEpoch != NoEpoch)
            {
                return new FollowerAppend(_isFailed ? ErrorCode.KafkaStorageError : ErrorCode.NotLeaderOrFollower, 0);
            }
            if (first < _logEndOffset)
            {
                // The log was begun anew inside a batch: it begins where that batch does (Kafka: Partition.appendRecordsToFollower).
                if (_logEndOffset != _logStartOffset || _active.SizeBytes != 0 || last < _logStartOffset)
                {
                    return new FollowerAppend(
                        ErrorCode.OffsetOutOfRange, 0, $"the leader's records begin at {first}, this log ends at {_logEndOffset}");
                }
                StartOver(first);
            }
            try
            {
                WriteFromLeader(records[..bytes], nowMs);
            }
            catch (IOException e)
            {
                Fail("an append", e);
                return new FollowerAppend(ErrorCode.KafkaStorageError, 0, e.Message);
            }
            return new FollowerAppend(ErrorCode.None, bytes);
        }
    }

    /// <summary>Checks every whole batch: its checksum, and that offsets rise.</summary>
    private static string? CheckFromLeader(ReadOnlySpan<byte> records, out int bytes, out long first, out long last)
    {
        bytes = 0;
        first = -1;
        last = -1;
        var cursor = new BatchCursor(records);
        while (cursor.MoveNext())
        {
            bool legacy = cursor.Magic < RecordBatchHeader.Magic;
            if (legacy ? !new LegacyMessageView(cursor.Current).IsCrcValid() : !cursor.Batch.IsCrcValid())
            {
                return $"the batch at offset {cursor.Offset} does not match its CRC";
            }
            long lastOffset = legacy ? cursor.Offset : cursor.Batch.LastOffset;
            if (cursor.Offset <= last || lastOffset < cursor.Offset)
            {
                return $"offset {cursor.Offset} comes after {last}";
            }
            first = bytes == 0 ? cursor.Offset : first;
            last = lastOffset;
            bytes += cursor.SizeInBytes;
        }
        return cursor.Outcome == BatchOutcome.Garbage ? $"what follows offset {last} is no batch" : null;
    }

    private void WriteFromLeader(ReadOnlySpan<byte> records, long nowMs)
    {
        while (!records.IsEmpty)
        {
            var cursor = new BatchCursor(records);
            cursor.MoveNext();
            (long lastOffset, long maxTimestamp) = FactsOf(cursor);
            MaybeRoll(cursor.SizeInBytes, maxTimestamp, lastOffset);
            int run = MeasureRun(records);
            int position = _active.SizeBytes;
            _active.File.Write(records[..run], position);
            _active.ModifiedMs = nowMs;
            Enter(records[..run], position);
            records = records[run..];
        }
        if (_logEndOffset - 1 - _recoveryPoint >= _config.FlushMessages)
        {
            _background.Run(_flush);
        }
    }

    private static (long LastOffset, long MaxTimestamp) FactsOf(scoped in BatchCursor cursor)
    {
        if (cursor.Magic >= RecordBatchHeader.Magic)
        {
            return (cursor.Batch.LastOffset, cursor.Batch.MaxTimestamp);
        }
        var message = new LegacyMessageView(cursor.Current);
        return (cursor.Offset, message.Magic == 1 ? message.Timestamp : RecordBatchHeader.NoTimestamp);
    }

    /// <summary>Bytes of the batches that go to the active segment together: as many as the leader would have put there.</summary>
    private int MeasureRun(ReadOnlySpan<byte> records)
    {
        int run = 0;
        int size = _active.SizeBytes;
        int entriesLeft = (_config.SegmentIndexBytes / Index.OffsetIndex.EntryBytes) - _active.OffsetIndex.Count - 1;
        var cursor = new BatchCursor(records);
        while (cursor.MoveNext())
        {
            (long lastOffset, long maxTimestamp) = FactsOf(cursor);
            bool fits = size + run <= _config.SegmentBytes - cursor.SizeInBytes && lastOffset - _active.BaseOffset <= int.MaxValue
                && run / Math.Max(1, _config.IndexIntervalBytes) < entriesLeft
                && AgeOf(_active, maxTimestamp) <= _config.SegmentMs - JitterOf(_config, _active.BaseOffset);
            if (run > 0 && !fits)
            {
                break;
            }
            run += cursor.SizeInBytes;
        }
        return run;
    }

    /// <summary>Enters batches that are in the file: indexes, epochs, producers, and last the log's end.</summary>
    private void Enter(ReadOnlySpan<byte> run, int position)
    {
        long baseOffset = -1;
        var cursor = new BatchCursor(run);
        while (cursor.MoveNext())
        {
            baseOffset = baseOffset < 0 ? cursor.Offset : baseOffset;
            (long lastOffset, long maxTimestamp) = FactsOf(cursor);
            _active.Track(
                position + cursor.Position, cursor.SizeInBytes, cursor.Offset, lastOffset, maxTimestamp, _config.IndexIntervalBytes);
            if (cursor.Magic >= RecordBatchHeader.Magic)
            {
                RecordBatchView batch = cursor.Batch;
                if (batch.PartitionLeaderEpoch != Epochs.LatestEpoch)
                {
                    Epochs.Assign(batch.PartitionLeaderEpoch, cursor.Offset);
                }
                if (batch.HasProducerId)
                {
                    ProducerReplay.Enter(batch, Producers, _active);
                }
            }
            Volatile.Write(ref _logEndOffset, lastOffset + 1);
        }
        MaybeBeginFiles(baseOffset);
    }

    /// <summary>Follows the leader's first readable offset, as far as the high watermark.</summary>
    public void FollowLogStart(long leaderLogStartOffset)
    {
        if (leaderLogStartOffset <= LogStartOffset)
        {
            return;
        }
        lock (_lock)
        {
            if (leaderLogStartOffset <= _highWatermark && !_closed)
            {
                MoveLogStart(leaderLogStartOffset, "leader offset increment");
            }
        }
    }
}
