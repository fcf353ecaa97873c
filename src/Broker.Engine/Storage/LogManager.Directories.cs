using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>The log directories: opening them, and taking one out of service when the disk fails under it, while the others
/// serve (Kafka: LogDirFailureChannel).</summary>
internal sealed partial class LogManager
{
    private volatile bool _isOpen;

    /// <summary>Called, on a thread that may block, when a directory has failed that was in use.</summary>
    public Action<LogDirectory>? DirectoryFailed { get; set; }

    /// <summary>Called when the last directory has failed, with a line for the operator.</summary>
    public Action<string>? AllFailed { get; set; }

    /// <summary>Whether a directory is out of service: what is not found elsewhere may lie there.</summary>
    public bool IsAnyOffline => Array.Exists(_directories, d => !d.IsOnline);

    /// <summary>Locks the directories and opens every log in them. A directory that the disk fails under is left out.</summary>
    /// <exception cref="LogDirectoryException">A directory is not this broker's to use, or none works.</exception>
    public void Open()
    {
        var opened = new List<LogDirectory>();
        try
        {
            foreach (string path in _options.Directories)
            {
                opened.Add(LogDirectory.Open(_disk, path, _options.BrokerId, _options.ClusterId, _random));
            }
            _directories = [.. opened];
            foreach (LogDirectory directory in _directories)
            {
                if (directory.OfflineReason is { } reason)
                {
                    LogOutOfService(directory.Path, reason);
                    continue;
                }
                Load(directory);
            }
            FinishMoves();
            DropFailed();
            ThrowIfNoneWorks();
            CorrectCheckpoints([.. LogsAndFutures]);
        }
        catch (LogDirectoryException)
        {
            opened.ForEach(d => d.Dispose());
            Dispose();
            throw;
        }
        _isOpen = true;
    }

    private void ThrowIfNoneWorks()
    {
        if (!Array.Exists(_directories, d => d.IsOnline))
        {
            throw new LogDirectoryException(string.Join("; ", _directories.Select(d => $"log directory {d.Path} failed: {d.OfflineReason}")));
        }
    }

    private void Load(LogDirectory directory)
    {
        try
        {
            LoadDirectory(directory);
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<LogDirectoryException>().FirstOrDefault() is { } first)
        {
            throw first;
        }
        catch (IOException e)
        {
            TakeOffline(directory.Path, e);
        }
        _recovery = null;
        DropFailed();
    }

    /// <summary>Nobody holds a log yet: those of directories that failed are as if they were not there.</summary>
    private void DropFailed()
    {
        foreach (ConcurrentDictionary<TopicPartition, PartitionLog> logs in new[] { _logs, _foundFutures })
        {
            foreach (PartitionLog log in logs.Values.Where(l => !DirectoryOf(l).IsOnline))
            {
                logs.TryRemove(log.Partition, out _);
                log.Dispose();
            }
        }
    }

    private LogDirectory DirectoryOf(PartitionLog log) => Array.Find(_directories, d => d.Path == log.ParentDirectory)!;

    /// <summary>The disk failed under a directory: it and its logs serve no more. May be called under a log's lock.</summary>
    public void TakeOffline(string path, IOException error)
    {
        LogDirectory? directory = Array.Find(_directories, d => d.Path == path);
        if (directory is null || !directory.TakeOffline(error.Message))
        {
            return;
        }
        LogOutOfService(path, error.Message);
        foreach (PartitionLog log in LogsAndFutures.Where(l => l.ParentDirectory == path))
        {
            log.FailWithDirectory();
        }
        if (!_isOpen)
        {
            return;
        }
        if (Array.Exists(_directories, d => d.IsOnline))
        {
            _background.Run(() => DirectoryFailed?.Invoke(directory));
        }
        else
        {
            AllFailed?.Invoke($"all log directories have failed, the last one {path}: {error.Message}");
        }
    }

    /// <summary>A segment's file could not be read as a response was sent from it.</summary>
    public void ReadFailed(string file, IOException error) => TakeOffline(Path.GetDirectoryName(Path.GetDirectoryName(file))!, error);

    /// <summary>Reads a file of each directory that is in service.</summary>
    public void ReadEach<T>(Func<LogDirectory, T> read, Action<LogDirectory, T> take)
    {
        foreach (LogDirectory directory in _directories.Where(d => d.IsOnline))
        {
            try
            {
                take(directory, read(directory));
            }
            catch (IOException e)
            {
                TakeOffline(directory.Path, e);
            }
        }
    }

    /// <summary>Runs what reads or writes a file of a directory; a failure takes the directory out of service.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    private void OnDisk(string directory, Action work)
    {
        try
        {
            work();
        }
        catch (IOException e)
        {
            _background.Failed(directory, e);
            throw;
        }
    }

    [LoggerMessage(3030, LogLevel.Error, "log directory {Path} failed and is out of service: {Reason}", EventName = "LogDirectoryFailed")]
    private partial void LogOutOfService(string path, string reason);
}
