using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage.Moving;

/// <summary>
/// Threads that copy logs to other log directories (num.replica.alter.log.dirs.threads), a piece of each in turn, within
/// replica.alter.log.dirs.io.max.bytes.per.second, and let the copies take the logs' places when they have caught up. The
/// threads are there while there is something to move. After Kafka's ReplicaAlterLogDirsThread. Thread-safe.
/// </summary>
internal sealed partial class LogMover : IDisposable
{
    /// <summary>Bytes copied at once.</summary>
    private const int PieceBytes = 512 * 1024;

    /// <summary>How long a log rests that could not be swapped.</summary>
    private const int SwapRestMs = 5;

    private readonly object _states = new();
    private readonly ManualResetEvent _stopping = new(initialState: false);
    private readonly List<Thread> _threads = [];
    private readonly LogManager _logs;
    private readonly string _name;
    private readonly ILogger _logger;
    private int _next;
    private volatile bool _isStopped;

    /// <param name="logs">The broker's logs.</param>
    /// <param name="name">Of the threads.</param>
    /// <param name="time">For the meter.</param>
    /// <param name="logger">The broker's log.</param>
    public LogMover(LogManager logs, string name, TimeProvider time, ILogger logger)
    {
        _logs = logs;
        _name = name;
        _logger = logger;
        Throttle = new IoThrottle(time);
    }

    public IoThrottle Throttle { get; }

    /// <summary>Threads at most.</summary>
    public int Threads { get; set; } = 1;

    /// <summary>There is something to move.</summary>
    public void Wake()
    {
        lock (_states)
        {
            _threads.RemoveAll(t => !t.IsAlive && t.ThreadState != ThreadState.Unstarted);
            while (!_isStopped && _threads.Count < Math.Min(Threads, _logs.Moves.Count))
            {
                var thread = new Thread(Run) { IsBackground = true, Name = $"{_name}-{_threads.Count}" };
                _threads.Add(thread);
                thread.Start();
            }
        }
    }

    private void Run()
    {
        while (!_isStopped && Take() is { } move)
        {
            try
            {
                Work(move);
            }
            catch (IOException e)
            {
                LogMoveFailed(move.Partition, move.To.ParentDirectory, e.Message);
                _logs.EndMove(move);
            }
            catch (InvalidDataException e)
            {
                LogMoveFailed(move.Partition, move.To.ParentDirectory, e.Message);
                _logs.Abandon(move);
            }
            finally
            {
                move.LetGo();
            }
        }
    }

    private LogMove? Take()
    {
        lock (_states)
        {
            LogMove[] moves = [.. _logs.Moves];
            for (int i = 0; i < moves.Length; i++)
            {
                LogMove move = moves[(i + _next) % moves.Length];
                if (move.TryTake())
                {
                    _next = (i + _next + 1) % moves.Length;
                    return move;
                }
            }
            _threads.Remove(Thread.CurrentThread);   // nothing is left for this one
            return null;
        }
    }

    private void Work(LogMove move)
    {
        MoveStep step = _logs.CopyPiece(move, PieceBytes, out int copied);
        if (step == MoveStep.Copied)
        {
            Throttle.Take(copied, static () => { }, _stopping);
        }
        else if (step == MoveStep.CaughtUp && _logs.TrySwap(move))
        {
            LogMoved(move.Partition, move.From.ParentDirectory, move.To.ParentDirectory);
        }
        else if (step == MoveStep.CaughtUp)
        {
            _stopping.WaitOne(SwapRestMs);   // records came in between, or the partition has no role yet
        }
    }

    public void Dispose()
    {
        Thread[] threads;
        lock (_states)
        {
            _isStopped = true;
            threads = [.. _threads];
        }
        _stopping.Set();
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }

    [LoggerMessage(3050, LogLevel.Information, "{Partition}: moved from log directory {From} to {To}", EventName = "LogMoved")]
    private partial void LogMoved(TopicPartition partition, string from, string to);

    [LoggerMessage(3051, LogLevel.Error, "{Partition}: it could not be moved to log directory {To}: {Reason}", EventName = "LogMoveFailed")]
    private partial void LogMoveFailed(TopicPartition partition, string to, string reason);
}
