using Broker.Engine.Configuration;
using Broker.Engine.Storage.Checkpoints;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>Opening the logs of a directory, over its recovery threads, and telling how far that is.</summary>
internal sealed partial class LogManager
{
    private volatile RecoveryProgress? _recovery;

    /// <summary>The recovery that is under way, or null.</summary>
    public RecoveryProgress? Recovery => _recovery;

    /// <summary>Logs that recovery has still to read.</summary>
    public int RemainingToRecover => _recovery?.RemainingLogs ?? 0;

    private void LoadDirectory(LogDirectory directory)
    {
        List<FoundLog> found = FindLogs(directory);
        // Kafka does the same with a damaged one: everything is recovered from the start, which costs time and loses nothing.
        var checkpoints = new LoadCheckpoints(
            directory.RecoveryPoints.ReadOrEmpty(LogCheckpointDamaged), directory.LogStartOffsets.ReadOrEmpty(LogCheckpointDamaged),
            directory.LogEnds.Take(), directory.CleanerOffsets.ReadOrEmpty(LogCheckpointDamaged));
        MarkGone(directory, checkpoints, found);
        var progress = new RecoveryProgress(_clock, directory.Path);
        if (!directory.WasClean && found.Count > 0)
        {
            LogRecovering(directory.Path, found.Count);
            progress.Begin(found.Count, found.Sum(f => SegmentsToRecover(f.Path, checkpoints.RecoveryPoints.GetValueOrDefault(f.Partition))));
            _recovery = progress;
        }
        Parallel.ForEach(
            found,
            new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, _options.RecoveryThreads) },
            one => LoadLog(directory, one, checkpoints, progress));
        if (progress.IsRunning)
        {
            LogRecovered(directory.Path, found.Count, progress.ElapsedMs);
        }
    }

    private List<FoundLog> FindLogs(LogDirectory directory)
    {
        List<FoundLog> found = [];
        foreach (string name in _disk.DirectoriesIn(directory.Path))
        {
            string path = Path.Combine(directory.Path, name);
            if (name.EndsWith(LogFileNames.DeleteDirectorySuffix, StringComparison.Ordinal))
            {
                _background.Run(() => DeleteDirectory(path));
            }
            else if (LogFileNames.IsKRaftMetadata(name))
            {
                LogKRaftMetadata(path);
            }
            else if (LogFileNames.TryParsePartition(name, out TopicPartition partition))
            {
                found.Add(new FoundLog(partition, path, IsFuture: false));
            }
            else if (LogFileNames.TryParseFuture(name, out partition))
            {
                found.Add(new FoundLog(partition, path, IsFuture: true));
            }
            else
            {
                LogStray(path);
            }
        }
        return found;
    }

    private void LoadLog(LogDirectory directory, FoundLog one, LoadCheckpoints checkpoints, RecoveryProgress progress)
    {
        (TopicPartition partition, string path, bool isFuture) = one;
        if (!directory.IsOnline)
        {
            return;
        }
        try
        {
            LogConfig config = ConfigOf(partition.Topic);
            var loader = new LogLoader(_disk, _logger, _clock.UnixMs)
            {
                ProducerExpirationMs = _options.ProducerExpirationMs,
                CleanedTo = checkpoints.Cleaned.GetValueOrDefault(partition),
                SegmentRecovered = () => TellProgress(directory, progress, logs: 0, segments: 1),
            };
            LoadedLog loaded = loader.Load(
                partition, path, config, checkpoints.LogStartOffsets.GetValueOrDefault(partition),
                checkpoints.RecoveryPoints.GetValueOrDefault(partition), directory.WasClean, ReadTopicId(path),
                checkpoints.LogEnds.TryGetValue(partition, out LogEnd end) ? end : null);
            var log = new PartitionLog(partition, path, _disk, config, _clock, _background, _logger, loaded)
            {
                CheckpointedRecoveryPoint = checkpoints.RecoveryPoints.GetValueOrDefault(partition),
                CheckpointedLogStart = checkpoints.LogStartOffsets.GetValueOrDefault(partition),
            };
            if (!(isFuture ? _foundFutures : _logs).TryAdd(partition, log))
            {
                if (isFuture)
                {
                    Remove(log);   // of an attempt that was given up
                    return;
                }
                throw new LogDirectoryException(
                    $"partition {partition} lies in two log directories, {_logs[partition].Directory} and {path}: remove the wrong one");
            }
            directory.CountLog(1);
            TellProgress(directory, progress, logs: 1, segments: 0);
        }
        catch (IOException e)
        {
            TakeOffline(directory.Path, new IOException($"{partition} could not be loaded: {e.Message}", e));
        }
    }

    private void TellProgress(LogDirectory directory, RecoveryProgress progress, int logs, int segments)
    {
        if (progress.Done(logs, segments))
        {
            LogProgress(directory.Path, progress.RemainingLogs, progress.RemainingSegments);
        }
    }

    /// <summary>Segments that reach beyond the recovery point.</summary>
    private int SegmentsToRecover(string path, long recoveryPoint)
    {
        List<long> bases = [];
        foreach (string name in _disk.FilesIn(path))
        {
            if (LogFileNames.TryParseOffset(name, LogFileNames.LogSuffix, out long baseOffset))
            {
                bases.Add(baseOffset);
            }
        }
        int beyond = bases.Count(b => b >= recoveryPoint);
        bool reachesOver = bases.Exists(b => b < recoveryPoint) && !bases.Contains(recoveryPoint);
        return beyond + (reachesOver ? 1 : 0);
    }

    private readonly record struct FoundLog(TopicPartition Partition, string Path, bool IsFuture);

    private sealed record LoadCheckpoints(
        Dictionary<TopicPartition, long> RecoveryPoints, Dictionary<TopicPartition, long> LogStartOffsets,
        Dictionary<TopicPartition, LogEnd> LogEnds, Dictionary<TopicPartition, long> Cleaned);

    [LoggerMessage(3026, LogLevel.Information, "{Path}: {Logs} logs and {Segments} segments are still to be recovered", EventName = "RecoveryProgress")]
    private partial void LogProgress(string path, int logs, int segments);

    [LoggerMessage(3027, LogLevel.Information, "{Path}: {Count} logs are recovered after {ElapsedMs} ms", EventName = "Recovered")]
    private partial void LogRecovered(string path, int count, long elapsedMs);

    [LoggerMessage(3028, LogLevel.Information, "{Path} is the metadata log of Kafka in KRaft mode; it is left alone", EventName = "KRaftMetadata")]
    private partial void LogKRaftMetadata(string path);
}
