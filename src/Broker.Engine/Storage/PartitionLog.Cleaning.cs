using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage;

/// <summary>What a producer appended last, as far as the log remembers: its last batch stays, emptied, so that its sequence is
/// known after the state was rebuilt.</summary>
internal readonly record struct LastRecordOfProducer(long DataOffset, short Epoch);

/// <summary>What compaction asks of a log.</summary>
internal sealed partial class PartitionLog
{
    internal Disk Disk => _disk;

    internal bool IsClosed => _closed;

    internal Dictionary<long, LastRecordOfProducer> LastRecordsOfProducers()
    {
        lock (_lock)
        {
            return Producers.Producers.ToDictionary(
                p => p.ProducerId, p => new LastRecordOfProducer(p.LastOffset, p.Epoch));
        }
    }

    /// <summary>A segment that a cleaning writes, beside those that it is to replace.</summary>
    internal LogSegment NewCleanedSegment(long baseOffset)
    {
        string[] kinds =
        [
            LogFileNames.LogSuffix, LogFileNames.OffsetIndexSuffix, LogFileNames.TimeIndexSuffix, LogFileNames.TransactionIndexSuffix,
        ];
        foreach (string kind in kinds)
        {
            _disk.Delete(LogFileNames.Segment(_directory, baseOffset, kind) + LogFileNames.CleanedSuffix);
        }
        var segment = new LogSegment(_disk, _directory, baseOffset, 0, 0, 0, _clock.UnixMs, LogFileNames.CleanedSuffix);
        segment.File.SetLength(0);
        return segment;
    }

    /// <summary>
    /// Puts a cleaned segment, whose files are synced, in the place of others (Kafka: UnifiedLog.replaceSegments). Each step may
    /// be the last: until all its files are .swap the old ones count; from then on the loader puts the new one in place.
    /// Readers see the old segments or the new one; old files go after file.delete.delay.ms.
    /// </summary>
    /// <remarks>Who cuts the log ends its cleaning first, so that a .swap file never speaks of what was cut.</remarks>
    /// <returns>False when the log was cut, closed or shortened meanwhile: nothing has changed.</returns>
    internal bool ReplaceSegments(LogSegment cleaned, IReadOnlyList<LogSegment> replaced)
    {
        lock (_names)
        {
            if (!TryFind(replaced, out _))
            {
                return false;
            }
            cleaned.Rest();   // while nobody else uses it
            cleaned.RenameTo(LogFileNames.SwapSuffix);
            // The names must be on the disk before the old ones go.
            _disk.SyncDirectory(_directory);
            bool isIn;
            lock (_lock)
            {
                isIn = TryFind(replaced, out int at);
                if (isIn)
                {
                    Volatile.Write(ref _segments, [.. _segments[..at], cleaned, .. _segments[(at + replaced.Count)..]]);
                }
            }
            if (!isIn)
            {
                if (!_closed && !_isFailed)
                {
                    cleaned.RenameTo(LogFileNames.CleanedSuffix);
                }
                return false;
            }
            foreach (LogSegment old in replaced)
            {
                old.RenameTo(LogFileNames.DeletedSuffix);
            }
            cleaned.RenameTo("");
            _disk.SyncDirectory(_directory);   // before a cut changes the new segment: what it was to replace must not come back then
            DropSnapshots([.. replaced.Skip(1)]);   // those of boundaries that are no more
            Remove([.. replaced], _config.FileDeleteDelayMs);
            return true;
        }
    }

    /// <summary>Where segments lie in the log that are not its last.</summary>
    private bool TryFind(IReadOnlyList<LogSegment> segments, out int at)
    {
        lock (_lock)
        {
            at = Array.IndexOf(_segments, segments[0]);
            if (_closed || _isFailed || at < 0 || at + segments.Count >= _segments.Length)
            {
                return false;
            }
            for (int i = 0; i < segments.Count; i++)
            {
                if (_segments[at + i] != segments[i])
                {
                    return false;
                }
            }
            return true;
        }
    }

    /// <summary>Takes away what a cleaning wrote that does not count. Once its file is no longer .cleaned it may be the only
    /// copy: then it stays, and the next start finishes or undoes the replacement.</summary>
    internal void Discard(LogSegment cleaned)
    {
        if (!cleaned.File.Path.EndsWith(LogFileNames.CleanedSuffix, StringComparison.Ordinal))
        {
            return;
        }
        cleaned.Dispose();
        if (!_closed)
        {
            _disk.Delete(cleaned.File.Path);
            _disk.Delete(cleaned.OffsetIndex.File.Path);
            _disk.Delete(cleaned.TimeIndex.File.Path);
            _disk.Delete(cleaned.Transactions.Path);
        }
    }

    /// <summary>The disk failed under a cleaning.</summary>
    internal void CleaningFailed(IOException error) => Fail("a cleaning", error);
}
