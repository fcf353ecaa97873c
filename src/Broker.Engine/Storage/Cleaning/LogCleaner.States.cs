using System.Collections.Concurrent;
using Broker.Engine.Storage.Checkpoints;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>Which logs are being cleaned, which may not be, and how far each was cleaned.</summary>
internal sealed partial class LogCleaner
{
    private readonly object _states = new();
    private readonly HashSet<TopicPartition> _inProgress = [];
    private readonly HashSet<TopicPartition> _aborting = [];
    private readonly Dictionary<TopicPartition, int> _paused = [];
    private readonly ConcurrentDictionary<TopicPartition, string> _uncleanable = new();
    private readonly Dictionary<string, Checkpoint> _checkpoints = new(StringComparer.Ordinal);

    /// <summary>Logs that cannot be cleaned, and why.</summary>
    public IReadOnlyDictionary<TopicPartition, string> Uncleanable => _uncleanable;

    public bool IsInProgress(TopicPartition partition)
    {
        lock (_states)
        {
            return _inProgress.Contains(partition);
        }
    }

    private bool MayClean(TopicPartition partition) =>
        !_inProgress.Contains(partition) && !_paused.ContainsKey(partition) && !_uncleanable.ContainsKey(partition);

    private void CheckDone(TopicPartition partition)
    {
        lock (_states)
        {
            if (_isStopped || _aborting.Contains(partition))
            {
                throw new CleaningAbortedException();
            }
        }
    }

    private void Done(TopicPartition partition)
    {
        lock (_states)
        {
            _inProgress.Remove(partition);
            _aborting.Remove(partition);
            Monitor.PulseAll(_states);
        }
    }

    /// <summary>Ends a cleaning that is under way, waits until it is, and keeps the cleaner off the log until the result is
    /// disposed of.</summary>
    public IDisposable AbortAndPause(TopicPartition partition)
    {
        lock (_states)
        {
            Pause(partition);
            while (_inProgress.Contains(partition))
            {
                _aborting.Add(partition);
                Monitor.Wait(_states);
            }
        }
        return new Pausing(this, partition);
    }

    /// <summary>Keeps the cleaner off the log while old segments go; null while it is at work there.</summary>
    public IDisposable? TryPause(PartitionLog log)
    {
        lock (_states)
        {
            if (_inProgress.Contains(log.Partition))
            {
                return null;
            }
            Pause(log.Partition);
        }
        return new Pausing(this, log.Partition);
    }

    private void Pause(TopicPartition partition) => _paused[partition] = _paused.GetValueOrDefault(partition) + 1;

    private void Resume(TopicPartition partition)
    {
        lock (_states)
        {
            if (_paused.TryGetValue(partition, out int times) && times > 1)
            {
                _paused[partition] = times - 1;
            }
            else
            {
                _paused.Remove(partition);
            }
        }
    }

    /// <summary>Forgets a log that is deleted, once no cleaning is at work there.</summary>
    public void Forget(PartitionLog log)
    {
        using IDisposable pause = AbortAndPause(log.Partition);
        _runs.TryRemove(log.Partition, out _);
        _uncleanable.TryRemove(log.Partition, out _);
        UpdateCheckpoint(log, null);
    }

    /// <summary>A log was cut: what was cleaned beyond counts no more.</summary>
    public void Truncated(PartitionLog log, long offset)
    {
        if (CheckpointOf(log) > offset)
        {
            UpdateCheckpoint(log, offset);
        }
    }

    /// <summary>A log lies in another directory now (Kafka: LogCleanerManager.alterCheckpointDir).</summary>
    public void Moved(PartitionLog from, PartitionLog to) => UpdateCheckpoint(to, CheckpointOf(from));

    private void LoadCheckpoints()
    {
        _logs.ReadEach(
            directory => new Checkpoint(directory.CleanerOffsets, directory.CleanerOffsets.ReadOrEmpty(LogCheckpointDamaged)),
            (directory, checkpoint) => _checkpoints[directory.Path] = checkpoint);
    }

    private long? CheckpointOf(PartitionLog log) =>
        _checkpoints.TryGetValue(log.ParentDirectory, out Checkpoint? checkpoint) ? checkpoint.Get(log.Partition) : null;

    private void UpdateCheckpoint(PartitionLog log, long? offset)
    {
        try
        {
            foreach ((string path, Checkpoint checkpoint) in _checkpoints)
            {
                // A partition that moved has its entry in one directory alone.
                checkpoint.Set(log.Partition, path == log.ParentDirectory ? offset : null);
            }
        }
        catch (IOException e)
        {
            log.CleaningFailed(e);
        }
    }

    private sealed class Checkpoint(OffsetCheckpoint file, Dictionary<TopicPartition, long> offsets)
    {
        public long? Get(TopicPartition partition)
        {
            lock (offsets)
            {
                return offsets.TryGetValue(partition, out long offset) ? offset : null;
            }
        }

        public void Set(TopicPartition partition, long? offset)
        {
            lock (offsets)
            {
                if (offset is { } given)
                {
                    offsets[partition] = given;
                }
                else if (!offsets.Remove(partition))
                {
                    return;
                }
                file.Write(offsets, sync: true);
            }
        }
    }

    private sealed class Pausing(LogCleaner cleaner, TopicPartition partition) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                cleaner.Resume(partition);
            }
        }
    }

    [LoggerMessage(3043, LogLevel.Warning, "{Reason}; all compacted logs of the directory are cleaned from their start", EventName = "CleanerCheckpointDamaged")]
    private partial void LogCheckpointDamaged(string reason);
}
