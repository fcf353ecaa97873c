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
        int whole = 0;
        long last = -1;
        long first = -1;
        var cursor = new BatchCursor(bytes);
        while (cursor.MoveNext())
        {
            long lastOffset = cursor.Magic < RecordBatchHeader.Magic ? cursor.Offset : cursor.Batch.LastOffset;
            if (cursor.Offset <= last || lastOffset < cursor.Offset)
            {
                throw new InvalidDataException($"a batch of offsets {cursor.Offset} to {lastOffset} does not follow {last}");
            }
            first = first < 0 ? cursor.Offset : first;
            last = lastOffset;
            whole += cursor.SizeInBytes;
        }
        lock (_lock)
        {
            if (_closed || _isFailed || bytes.IsEmpty)
            {
                return 0;
            }
            if (whole == 0 || first < _logEndOffset)
            {
                throw new InvalidDataException($"no batch begins at offset {_logEndOffset}");
            }
            try
            {
                WriteFromLeader(bytes[..whole], nowMs);
                return whole;
            }
            catch (IOException e)
            {
                Fail("a copy to another log directory", e);
                throw;
            }
        }
    }

    /// <summary>Takes what is not in the files from the log whose place this one takes, which is locked.</summary>
    internal void TakeOver(PartitionLog from)
    {
        lock (_lock)
        {
            _reignEpoch = from._reignEpoch;
            _isAlone = from._isAlone;
            RaiseHighWatermark(Math.Min(from._highWatermark, _logEndOffset));
        }
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
