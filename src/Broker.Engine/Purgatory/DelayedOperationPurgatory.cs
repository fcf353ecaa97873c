using Broker.Engine.Timing;

namespace Broker.Engine.Purgatory;

/// <summary>
/// Where delayed operations of one kind wait: each is watched on the things whose change may complete it and timed on the
/// purgatory's own wheel. After Kafka's DelayedOperationPurgatory. Thread-safe.
/// </summary>
internal sealed class DelayedOperationPurgatory(string name, EngineTimer timer)
{
    private int _delayed;
    private int _watched;
    private long _expired;
    private long _completed;

    /// <summary>Kafka's name of the kind: Produce, Fetch, Heartbeat, Rebalance, topic ...</summary>
    public string Name { get; } = name;

    public EngineTimer Timer { get; } = timer;

    /// <summary>Operations waiting (MBean NumDelayedOperations).</summary>
    public int NumDelayedOperations => Volatile.Read(ref _delayed);

    /// <summary>Watches held (MBean PurgatorySize): one operation may watch several things.</summary>
    public int PurgatorySize => Volatile.Read(ref _watched);

    /// <summary>Operations that their deadline completed, since start.</summary>
    public long Expired => Interlocked.Read(ref _expired);

    /// <summary>Operations that completed after waiting, their deadline's included, since start.</summary>
    public long Completed => Interlocked.Read(ref _completed);

    /// <summary>Completes the operation now if its condition holds, else lets it wait.</summary>
    /// <param name="operation">An operation that is not armed.</param>
    /// <param name="lists">What it watches.</param>
    /// <param name="delayMs">Milliseconds to its deadline.</param>
    /// <returns>Whether it completed in this call.</returns>
    public bool TryCompleteElseWatch(DelayedOperation operation, ReadOnlySpan<WatchList> lists, long delayMs) =>
        operation.Arm(this, lists, delayMs);

    internal void Admit(DelayedOperation operation, long delayMs)
    {
        Interlocked.Increment(ref _delayed);
        Timer.Add(operation, delayMs);
    }

    internal void Watching(int count) => Interlocked.Add(ref _watched, count);

    internal void Release(DelayedOperation operation)
    {
        Timer.Cancel(operation);
        Watching(-operation.Watched);
        operation.Unwatch();
        Interlocked.Decrement(ref _delayed);
        Interlocked.Increment(ref _completed);
    }

    internal void CountExpired() => Interlocked.Increment(ref _expired);
}
