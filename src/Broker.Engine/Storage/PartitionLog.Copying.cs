using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>A log as a copy of another that is to take its place.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>Appends the whole batches among <paramref name="bytes"/>, as they are: offsets, epochs and checksums included.</summary>
    /// <returns>Bytes appended.</returns>
    /// <exception cref="IOException">The disk failed; the log directory is out of service.</exception>
    /// <exception cref="InvalidDataException">What is there does not continue the log.</exception>
    internal int AppendCopied(ReadOnlySpan<byte> bytes, long nowMs)
    {
        lock (_lock)
        {
            if (_closed || _isFailed)
            {
                return 0;
            }
            try
            {
                var cursor = new BatchCursor(bytes);
                int copied = 0;
                while (cursor.MoveNext())
                {
                    Copy(cursor);
                    copied += cursor.SizeInBytes;
                }
                _active.ModifiedMs = nowMs;
                return copied > 0 || bytes.IsEmpty ? copied : throw new InvalidDataException($"no batch begins at offset {_logEndOffset}");
            }
            catch (IOException e)
            {
                Fail("a copy to another log directory", e);
                throw;
            }
        }
    }

    private void Copy(scoped in BatchCursor cursor)
    {
        bool legacy = cursor.Magic < RecordBatchHeader.Magic;
        long lastOffset = legacy ? cursor.Offset : cursor.Batch.LastOffset;
        if (cursor.Offset < _logEndOffset || lastOffset < cursor.Offset)
        {
            throw new InvalidDataException($"a batch of offsets {cursor.Offset} to {lastOffset} does not follow {_logEndOffset - 1}");
        }
        long timestamp = legacy ? new LegacyMessageView(cursor.Current).Timestamp : cursor.Batch.MaxTimestamp;
        MaybeRoll(cursor.SizeInBytes, timestamp, lastOffset);
        _active.Append(cursor.Current, cursor.Offset, lastOffset, timestamp, _config.IndexIntervalBytes);
        Volatile.Write(ref _logEndOffset, lastOffset + 1);
        if (legacy)
        {
            return;
        }
        if (cursor.Batch.PartitionLeaderEpoch > Epochs.LatestEpoch)
        {
            Epochs.Assign(cursor.Batch.PartitionLeaderEpoch, cursor.Offset);
        }
        Storage.Producers.ProducerReplay.Enter(cursor.Batch, Producers, _active);
    }

    /// <summary>Moves the log's end on over offsets that no batch has any more.</summary>
    internal void EndAt(long offset)
    {
        lock (_lock)
        {
            if (offset > _logEndOffset && !_closed && !_isFailed)
            {
                Volatile.Write(ref _logEndOffset, offset);
                OnDisk("a copy to another log directory", () =>
                {
                    Roll();   // the name of a segment says where the log ends
                    _active.File.SetLength(0);
                    return true;
                });
            }
        }
    }

    /// <summary>Lets another log take this one's place while nothing is appended here. When that was done, this log is closed,
    /// and what it holds lies in <paramref name="away"/>.</summary>
    internal bool TryGiveWay(Func<bool> replace, string away)
    {
        lock (_names)
        lock (_lock)
        {
            if (_closed || _isFailed || !replace())
            {
                return false;
            }
            _closed = true;
            _directory = away;
            Producers.MoveTo(away);
            return true;
        }
    }
}
