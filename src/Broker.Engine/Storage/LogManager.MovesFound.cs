using Broker.Engine.Storage.Moving;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>Moves between log directories that a stop or a crash interrupted.</summary>
internal sealed partial class LogManager
{
    /// <summary>What a crash left of moves: a future log beside its log is copied on, one alone is the log.</summary>
    private void FinishMoves()
    {
        foreach ((TopicPartition partition, PartitionLog future) in _foundFutures)
        {
            try
            {
                FinishMove(partition, future);
            }
            catch (IOException e)
            {
                TakeOffline(future.ParentDirectory, e);
            }
        }
        _foundFutures.Clear();
    }

    private void FinishMove(TopicPartition partition, PartitionLog future)
    {
        if (_logs.TryGetValue(partition, out PartitionLog? log) && (log.TopicId == future.TopicId || future.TopicId == Guid.Empty))
        {
            future.TruncateTo(log.LogEndOffset);
            LogMoveGoesOn(partition, future.ParentDirectory);
            Begin(new LogMove(log, future));
        }
        else if (log is not null)
        {
            Remove(future);   // of a topic that is deleted since
        }
        else if (IsAnyOffline)
        {
            LogFutureAlone(partition, future.Directory);
            future.Dispose();
        }
        else
        {
            future.Close();
            _logs[partition] = TakeName(future);
            LogMoveFinished(partition, future.ParentDirectory);
        }
    }

    /// <summary>Goes on with the moves that were found at the start, now that the cleaner can be kept away.</summary>
    public void ResumeMoves()
    {
        foreach (LogMove move in _moves.Values)
        {
            move.Paused ??= StopCleaning?.Invoke(move.Partition);
        }
        MoveBegun?.Invoke();
    }

    [LoggerMessage(3052, LogLevel.Information, "{Partition}: its move to log directory {To} goes on", EventName = "LogMoveGoesOn")]
    private partial void LogMoveGoesOn(TopicPartition partition, string to);

    [LoggerMessage(3053, LogLevel.Information, "{Partition}: its move to log directory {To} is finished", EventName = "LogMoveFinished")]
    private partial void LogMoveFinished(TopicPartition partition, string to);

    [LoggerMessage(3054, LogLevel.Warning, "{Partition}: {Path} is a copy of a log that may lie in a log directory out of service; it is left alone", EventName = "FutureLogAlone")]
    private partial void LogFutureAlone(TopicPartition partition, string path);
}
