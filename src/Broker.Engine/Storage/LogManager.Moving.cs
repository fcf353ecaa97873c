using System.Collections.Concurrent;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Moving;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>
/// Moving a log to another log directory: a future log is copied there and takes the log's place when it has all of it. Until
/// then the log serves as ever. At the swap the old directory becomes <c>-delete</c> before the future one gets its name, so
/// that no name is there twice: a future log that is alone when the broker starts is the log. After Kafka's
/// Partition.maybeReplaceCurrentWithFutureReplica.
/// </summary>
internal sealed partial class LogManager
{
    private readonly ConcurrentDictionary<TopicPartition, LogMove> _moves = new();
    private readonly ConcurrentDictionary<TopicPartition, PartitionLog> _foundFutures = new();
    private readonly Dictionary<TopicPartition, string> _preferred = [];

    /// <summary>The moves under way.</summary>
    public ICollection<LogMove> Moves => _moves.Values;

    /// <summary>Called when a move begins.</summary>
    public Action? MoveBegun { get; set; }

    /// <summary>Carries out the swap of a partition's log while its role stands still; false when it cannot be now.</summary>
    public Func<TopicPartition, Func<PartitionLog?>, bool>? Swap { get; set; }

    /// <summary>Called when it has, before the cleaner may go on; what is kept by directory moves along.</summary>
    public Action<PartitionLog, PartitionLog>? Moved { get; set; }

    /// <summary>All logs, and the future ones among them.</summary>
    private IEnumerable<PartitionLog> LogsAndFutures => Logs.Concat(_moves.Select(m => m.Value.To));

    /// <summary>Begins a move, or ends the one that is under way to elsewhere. A partition that has no log yet will be made
    /// there.</summary>
    public ErrorCode Move(TopicPartition partition, string directory)
    {
        LogDirectory? target = Array.Find(_directories, d => Path.GetFullPath(d.Path) == directory);
        string name = LogFileNames.FutureDirectory(partition, Uuids.New(_random));
        if (target is not { IsOnline: true } || name.Length > LogFileNames.DirectoryNameMax)
        {
            return target is null ? ErrorCode.LogDirNotFound
                : target.IsOnline ? ErrorCode.InvalidTopicException : ErrorCode.KafkaStorageError;
        }
        lock (_creation)
        {
            if (_moves.TryGetValue(partition, out LogMove? under) && under.To.ParentDirectory != target.Path)
            {
                Abandon(under);
            }
            if (!_logs.TryGetValue(partition, out PartitionLog? log))
            {
                _preferred[partition] = target.Path;
                return ErrorCode.None;
            }
            if (log.IsFailed || IsAnyOffline)
            {
                return ErrorCode.KafkaStorageError;   // a future log of it may lie where nobody sees
            }
            if (log.ParentDirectory != target.Path && !_moves.ContainsKey(partition))
            {
                return Begin(log, target, name);
            }
        }
        return ErrorCode.None;
    }

    private ErrorCode Begin(PartitionLog log, LogDirectory target, string name)
    {
        try
        {
            PartitionLog future = NewLog(log.Partition, Path.Combine(target.Path, name), log.TopicId, FirstToCopy(log));
            target.CountLog(1);
            Begin(new LogMove(log, future));
            return ErrorCode.None;
        }
        catch (IOException e)
        {
            _background.Failed(target.Path, e);
            return ErrorCode.KafkaStorageError;
        }
    }

    private void Begin(LogMove move)
    {
        move.Paused = StopCleaning?.Invoke(move.Partition);
        _moves[move.Partition] = move;
        MoveBegun?.Invoke();
    }

    /// <summary>The first offset of the batch that holds the log's start.</summary>
    private static long FirstToCopy(PartitionLog log)
    {
        long start = log.LogStartOffset;
        var cursor = new BatchCursor(log.Copy(start, 1, log.LogEndOffset));
        return cursor.MoveNext() ? Math.Min(start, cursor.Offset) : start;
    }

    /// <summary>Copies what is next.</summary>
    public MoveStep CopyPiece(LogMove move, int bytesMax, out int copied)
    {
        lock (move.Lock)
        {
            copied = 0;
            if (move.IsDone)
            {
                return MoveStep.Done;
            }
            if (move.From.IsFailed || move.To.IsFailed)
            {
                End(move);   // the future log stays for the next start
                return MoveStep.Done;
            }
            copied = CopyNext(move, bytesMax);
            return copied > 0 ? MoveStep.Copied : MoveStep.CaughtUp;
        }
    }

    private int CopyNext(LogMove move, int bytesMax)
    {
        (PartitionLog from, PartitionLog to) = (move.From, move.To);
        long end = from.LogEndOffset;
        if (to.LogEndOffset < from.LogStartOffset)
        {
            to.TruncateFullyAndStartAt(FirstToCopy(from));   // retention was faster
        }
        byte[]? bytes = from.Copy(Math.Max(to.LogEndOffset, from.LogStartOffset), bytesMax, end);
        int copied = bytes is null ? 0 : to.AppendCopied(bytes, _clock.UnixMs);
        if (bytes is null && !from.IsFailed)
        {
            to.EndAt(end);   // nothing is left before it: the last offsets were cleaned or cut away
        }
        to.IncrementLogStartOffset(Math.Min(from.LogStartOffset, to.LogEndOffset), to.LogEndOffset);
        return copied;
    }

    /// <summary>Puts the future log in the log's place, if it still has all of it.</summary>
    public bool TrySwap(LogMove move)
    {
        string away = Path.Combine(move.From.ParentDirectory, LogFileNames.DeletedDirectory(move.Partition, Uuids.New(_random)));
        lock (move.Lock)
        {
            if (move.IsDone)
            {
                return false;
            }
            move.To.Flush();
            CheckpointLogStartOffsets();   // the copy must not begin earlier than the log after a crash
            PartitionLog? Exchange() => move.From.TryGiveWay(() => Replace(move, away), away) ? _logs[move.Partition] : null;
            if (move.To.IsFailed || !(Swap is { } swap ? swap(move.Partition, Exchange) : Exchange() is not null))
            {
                return false;
            }
            Moved?.Invoke(move.From, _logs[move.Partition]);
            End(move);
        }
        DirectoryOf(move.From).CountLog(-1);
        move.From.Dispose();
        CheckpointRecoveryPoints();
        CheckpointLogStartOffsets();
        LogDeleted(move.Partition, move.From.Config.FileDeleteDelayMs);
        _background.RunLater(() => DeleteDirectory(away), move.From.Config.FileDeleteDelayMs);
        return true;
    }

    /// <summary>Under the current log's lock: nothing is appended to it.</summary>
    private bool Replace(LogMove move, string away)
    {
        (PartitionLog from, PartitionLog to) = (move.From, move.To);
        if (to.LogEndOffset != from.LogEndOffset)
        {
            CopyNext(move, LastPieceBytes);
        }
        if (to.LogEndOffset != from.LogEndOffset || to.LogStartOffset != from.LogStartOffset)
        {
            return false;
        }
        OnDisk(to.ParentDirectory, to.Close);
        OnDisk(from.ParentDirectory, () =>
        {
            _disk.RenameDirectory(from.Directory, away);
            _disk.SyncDirectory(from.ParentDirectory);
        });
        try
        {
            PartitionLog made = TakeName(to);
            made.TakeOver(from);
            _logs[move.Partition] = made;
        }
        catch (IOException e)
        {
            _background.Failed(to.ParentDirectory, e);
            TakeBack(from, to, away);
            throw;
        }
        return true;
    }

    /// <summary>The future log could not be put in place: the log keeps its. Where even the names cannot be given back, the future
    /// log has the name, on a disk that failed, and all the records: the partition is out of service.</summary>
    private void TakeBack(PartitionLog from, PartitionLog to, string away)
    {
        try
        {
            string taken = Path.Combine(to.ParentDirectory, LogFileNames.PartitionDirectory(to.Partition));
            if (_disk.DirectoryExists(taken))
            {
                _disk.RenameDirectory(taken, to.Directory);
                _disk.SyncDirectory(to.ParentDirectory);
            }
        }
        catch (IOException)
        {
            from.FailWithDirectory();
            return;
        }
        OnDisk(from.ParentDirectory, () =>
        {
            _disk.RenameDirectory(away, from.Directory);
            _disk.SyncDirectory(from.ParentDirectory);   // the other name is one of what is to be deleted
        });
    }

    /// <summary>Bytes that may be missing yet when the log stands still for the swap.</summary>
    private const int LastPieceBytes = 256 * 1024;

    /// <summary>Gives a closed future log's directory the partition's name, and opens it under that.</summary>
    private PartitionLog TakeName(PartitionLog future)
    {
        string path = Path.Combine(future.ParentDirectory, LogFileNames.PartitionDirectory(future.Partition));
        var end = new LogEnd(future.ActiveSegment.BaseOffset, future.ActiveSegment.SizeBytes, future.LogEndOffset);
        _disk.RenameDirectory(future.Directory, path);
        _disk.SyncDirectory(future.ParentDirectory);
        var loader = new LogLoader(_disk, _logger, _clock.UnixMs) { ProducerExpirationMs = _options.ProducerExpirationMs };
        LoadedLog loaded = loader.Load(
            future.Partition, path, future.Config, future.LogStartOffset, end.EndOffset, clean: true, future.TopicId, end);
        return new PartitionLog(future.Partition, path, _disk, future.Config, _clock, _background, _logger, loaded);
    }

    /// <summary>Ends a move whose threads have met a failure; the future log stays for the next start.</summary>
    public void EndMove(LogMove move)
    {
        lock (move.Lock)
        {
            End(move);
        }
    }

    private void End(LogMove move)
    {
        move.IsDone = true;
        _moves.TryRemove(KeyValuePair.Create(move.Partition, move));
        move.Paused?.Dispose();
    }

    /// <summary>Ends a move and takes its future log away.</summary>
    public void Abandon(LogMove move)
    {
        lock (move.Lock)
        {
            if (!move.IsDone)
            {
                End(move);
                DirectoryOf(move.To).CountLog(-1);
                Remove(move.To);
            }
        }
    }
}
