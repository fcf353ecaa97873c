using Broker.Engine.Storage.Moving;

namespace Broker.Engine.Storage;

/// <summary>What else there is to do where a log is cut: its cleaning and its copy in another directory know nothing of it.</summary>
internal sealed partial class LogManager
{
    /// <summary>Ends a cleaning and keeps the cleaner off a log until the result is disposed of.</summary>
    public Func<TopicPartition, IDisposable>? StopCleaning { get; set; }

    /// <summary>Called when a log was cut at an offset.</summary>
    public Action<PartitionLog, long>? Cut { get; set; }

    /// <summary>A log is about to be cut: neither the cleaner nor a move is at work there until the result is disposed of, by the
    /// same thread.</summary>
    public IDisposable? BeginCut(PartitionLog log)
    {
        if (_logs.GetValueOrDefault(log.Partition) != log)
        {
            return null;   // a future log, which is cut by who holds its move
        }
        IDisposable? cleaning = StopCleaning?.Invoke(log.Partition);
        _moves.TryGetValue(log.Partition, out LogMove? move);
        move?.Lock.Enter();
        return new PausedWork(cleaning, move);
    }

    /// <summary>A log was cut at an offset, or begun anew where that is below zero.</summary>
    public void WasCut(PartitionLog log, long offset)
    {
        CorrectCheckpoints([log]);
        if (_logs.GetValueOrDefault(log.Partition) != log)
        {
            return;
        }
        Cut?.Invoke(log, Math.Max(offset, log.LogStartOffset));
        if (_moves.TryGetValue(log.Partition, out LogMove? move))
        {
            CutCopy(move, log, offset);
        }
    }

    /// <summary>Under the move's lock, which the cut holds already, but for a move that has begun since: what it is copying now is
    /// what was cut off.</summary>
    private static void CutCopy(LogMove move, PartitionLog log, long offset)
    {
        lock (move.Lock)
        {
            if (move.IsDone)
            {
                return;
            }
            if (offset < 0)
            {
                move.To.TruncateFullyAndStartAt(log.LogStartOffset);
            }
            else
            {
                move.To.TruncateTo(offset);
            }
        }
    }

    private sealed class PausedWork(IDisposable? cleaning, LogMove? move) : IDisposable
    {
        public void Dispose()
        {
            move?.Lock.Exit();
            cleaning?.Dispose();
        }
    }
}
