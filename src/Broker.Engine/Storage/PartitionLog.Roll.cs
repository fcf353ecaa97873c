using Broker.Engine.Storage.Producers;

namespace Broker.Engine.Storage;

/// <summary>Rolling and cutting segments. All under the log's lock; what may take long goes to the background.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>Rolls when the batch does not fit or the active segment is too old (Kafka: LogSegment.shouldRoll).</summary>
    private void MaybeRoll(int batchBytes, long maxTimestampMs, long lastOffset)
    {
        LogSegment active = _active;
        Configuration.LogConfig config = _config;
        int size = active.SizeBytes;
        bool full = size > 0 && size > config.SegmentBytes - batchBytes;
        bool old = size > 0 && AgeOf(active, maxTimestampMs) > config.SegmentMs - JitterOf(config, active.BaseOffset);
        // One time entry is kept for the last one, which the roll itself makes.
        bool indexFull = active.OffsetIndex.Count >= config.SegmentIndexBytes / Index.OffsetIndex.EntryBytes
            || active.TimeIndex.Count >= (config.SegmentIndexBytes / Index.TimeIndex.EntryBytes) - 1;
        bool offsetTooFar = lastOffset - active.BaseOffset > int.MaxValue;
        if (full || old || (size > 0 && indexFull) || offsetTooFar)
        {
            Roll();
        }
    }

    /// <summary>When the segment is too old, by what timestamps of batches to come will say.</summary>
    public long RollsAtMs(LogSegment segment) =>
        (segment.FirstTimestampMs >= 0 ? segment.FirstTimestampMs : segment.CreatedMs) + _config.SegmentMs - JitterOf(_config, segment.BaseOffset);

    /// <summary>How far the batch to come is from the segment's first; by the clock when it has no timestamps.</summary>
    private long AgeOf(LogSegment segment, long timestampMs) =>
        segment.FirstTimestampMs >= 0 ? timestampMs - segment.FirstTimestampMs : _clock.UnixMs - segment.CreatedMs;

    /// <summary>Begins a new active segment at the log's end. The old one is synced and sealed in the background.</summary>
    private void Roll()
    {
        LogSegment old = _active;
        if (old.BaseOffset == _logEndOffset && old.SizeBytes == 0)
        {
            return;
        }
        LogSegment next = NewSegment(_logEndOffset);
        old.FinishTimeIndex();
        Volatile.Write(ref _segments, [.. _segments, next]);
        Volatile.Write(ref _active, next);
        LogRolled(Partition, next.BaseOffset);
        PendingSnapshot? snapshot = Producers.Snapshot(next.BaseOffset);
        _background.Run(() => SealRolled(old, next.BaseOffset, snapshot));
    }

    private LogSegment NewSegment(long baseOffset) => new(
        _disk, _directory, baseOffset, size: 0, indexCount: 0, timeIndexCount: 0, _clock.UnixMs);

    /// <summary>Milliseconds by which a segment rolls early (segment.jitter.ms), so that not all roll at once. The same for the
    /// same segment, so that a restart does not move its end.</summary>
    private long JitterOf(Configuration.LogConfig config, long baseOffset)
    {
        if (config.SegmentJitterMs <= 0)
        {
            return 0;
        }
        ulong hash = 14695981039346656037;
        foreach (char c in Partition.Topic)
        {
            hash = (hash ^ c) * 1099511628211;
        }
        hash = (hash ^ (uint)Partition.Partition) * 1099511628211;
        hash = (hash ^ (ulong)baseOffset) * 1099511628211;
        return (long)((hash >> 11) % (ulong)config.SegmentJitterMs);
    }

    private void SealRolled(LogSegment old, long recoveryPoint, PendingSnapshot? snapshot)
    {
        try
        {
            int cuts;
            lock (_lock)
            {
                if (Array.IndexOf(_segments, old) < 0)
                {
                    return;   // its records are deleted already
                }
                cuts = _cuts;
            }
            long began = System.Diagnostics.Stopwatch.GetTimestamp();
            old.Sync();
            _background.Flushed(System.Diagnostics.Stopwatch.GetTimestamp() - began);
            Producers.Write(snapshot, sync: true);
            SyncSmallFiles(recoveryPoint, [old]);
            lock (_lock)
            {
                if (_active == old || _closed)
                {
                    return;   // the log was cut back to it, or closed, meanwhile
                }
                old.Seal();
                if (cuts == _cuts && Array.IndexOf(_segments, old) is var at && at >= 0 && AllBeforeFlushed(at)
                    && recoveryPoint > _recoveryPoint)
                {
                    Volatile.Write(ref _recoveryPoint, recoveryPoint);
                }
            }
        }
        catch (IOException e) when (!_closed)
        {
            Fail("a sync", e);
        }
        catch (IOException)
        {
            // deleted meanwhile, with its directory
        }
        catch (ObjectDisposedException)
        {
            // closed or deleted meanwhile
        }
    }

    /// <summary>Whether the recovery point has reached a segment, so that flushing it may move the point on.</summary>
    private bool AllBeforeFlushed(int index) => index == 0 || _recoveryPoint >= _segments[index].BaseOffset;

    /// <summary>Cuts everything from <paramref name="offset"/> on: a cleaning that is under way ends first, what was cleaned beyond
    /// counts no more, and a copy in another log directory is cut likewise. Waits; not for network threads.</summary>
    /// <returns>Whether there was anything.</returns>
    /// <exception cref="IOException">The disk failed; the log directory is out of service.</exception>
    public bool TruncateTo(long offset)
    {
        using IDisposable? paused = offset < LogEndOffset ? _background.BeginCut(this) : null;
        bool cut;
        lock (_names)
        lock (_lock)
        {
            cut = OnDisk("a truncation", () => Cut(offset));
        }
        if (cut)
        {
            _background.WasCut(this, offset);
        }
        return cut;
    }

    private bool Cut(long offset)
    {
        if (offset >= _logEndOffset)
        {
            // A reign of this broker without a batch has an entry at the end, which the leader may not have.
            Epochs.TruncateFromEnd(_logEndOffset);
            return false;
        }
        if (offset <= _segments[0].BaseOffset)
        {
            StartOver(offset);
            return true;
        }
        int keep = FloorSegment(_segments, offset);
        LogSegment[] dropped = _segments[(keep + 1)..];
        if (dropped.Length > 0)
        {
            RenameAway(dropped);   // before the cut, from the last on: whenever this is interrupted, no hole is left
            _disk.SyncDirectory(_directory);
        }
        LogSegment last = _segments[keep];
        _cuts++;
        int position = last.FindPosition(offset, out _);
        if (position >= 0)
        {
            last.Truncate(offset, position);
            ReloadTimes(last);
            last.File.Flush();   // what was cut off must not come back with the power
        }
        Volatile.Write(ref _segments, _segments[..(keep + 1)]);
        Volatile.Write(ref _active, last);
        Volatile.Write(ref _logEndOffset, offset);
        Volatile.Write(ref _recoveryPoint, Math.Min(_recoveryPoint, offset));
        Volatile.Write(ref _logStartOffset, Math.Min(_logStartOffset, offset));
        LowerHighWatermark(offset);
        Epochs.TruncateFromEnd(offset);
        RebuildProducers(offset);
        DropSnapshots(dropped);
        _disk.SyncDirectory(_directory);   // nor must the snapshots that speak of it
        Remove(dropped, delayMs: 0);
        return true;
    }

    /// <summary>Deletes all segments and begins anew at <paramref name="offset"/>, with the same care.</summary>
    /// <exception cref="IOException">The disk failed; the log directory is out of service.</exception>
    public void TruncateFullyAndStartAt(long offset)
    {
        using IDisposable? paused = _background.BeginCut(this);
        lock (_names)
        lock (_lock)
        {
            OnDisk("a truncation", () =>
            {
                StartOver(offset);
                return true;
            });
        }
        _background.WasCut(this, LogStartOfNothing);
    }

    /// <summary>In place of the offset of a cut, after which nothing is as it was.</summary>
    internal const long LogStartOfNothing = -1;

    private void StartOver(long offset)
    {
        LogSegment[] dropped = _segments;
        _cuts++;
        // The files of a segment with the same base offset must be out of the way before the new one is made.
        for (int i = dropped.Length - 1; i >= 0; i--)
        {
            dropped[i].RenameTo(LogFileNames.DeletedSuffix);
        }
        LogSegment next = NewSegment(offset);
        next.File.SetLength(0);   // its name is all that says where the log begins
        Volatile.Write(ref _segments, [next]);
        Volatile.Write(ref _active, next);
        Volatile.Write(ref _logEndOffset, offset);
        Volatile.Write(ref _logStartOffset, offset);
        Volatile.Write(ref _recoveryPoint, offset);
        Volatile.Write(ref _highWatermark, offset);
        Epochs.Clear();
        Producers.StartAt(offset);
        _disk.SyncDirectory(_directory);   // and must not be lost, nor the old ones come back in its place
        Remove(dropped, delayMs: 0);
    }

    /// <summary>Ends the log and renames its directory; the files stay open. The log manager deletes it later.</summary>
    public void RenameDirectory(string directory)
    {
        lock (_names)
        lock (_lock)
        {
            _closed = true;
            _disk.RenameDirectory(_directory, directory);
            _directory = directory;
            Producers.MoveTo(directory);
        }
    }
}
