namespace Broker.Engine.Storage.Moving;

/// <summary>A partition on its way to another log directory: its log, and the future log that is to take its place. Thread-safe by
/// <see cref="Lock"/>, which is taken before a log's own.</summary>
internal sealed class LogMove(PartitionLog from, PartitionLog to)
{
    private int _isTaken;

    public TopicPartition Partition => From.Partition;

    public PartitionLog From { get; } = from;

    public PartitionLog To { get; } = to;

    /// <summary>Held while the future log changes, and while the current one is cut.</summary>
    public Lock Lock { get; } = new();

    /// <summary>Keeps the cleaner off the current log.</summary>
    public IDisposable? Paused { get; set; }

    /// <summary>The move has ended, for good or ill. Under the lock.</summary>
    public bool IsDone { get; set; }

    /// <summary>One thread works on a move at a time.</summary>
    public bool TryTake() => Interlocked.Exchange(ref _isTaken, 1) == 0;

    public void LetGo() => Volatile.Write(ref _isTaken, 0);
}

/// <summary>How far a piece of a move came.</summary>
internal enum MoveStep
{
    /// <summary>Bytes were copied; there may be more.</summary>
    Copied,

    /// <summary>The future log has all there is.</summary>
    CaughtUp,

    /// <summary>The move has ended.</summary>
    Done,
}
