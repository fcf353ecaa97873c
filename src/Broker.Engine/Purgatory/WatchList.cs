namespace Broker.Engine.Purgatory;

/// <summary>
/// The delayed operations that wait for one thing: a partition's log to grow, its high watermark to rise, a group to be
/// complete. It is a field of that thing, so a watch needs no key and no look-up (Kafka keeps a sharded map of keys).
/// An operation that completes leaves all its lists at once, so nothing is ever purged. Thread-safe.
/// </summary>
internal sealed class WatchList
{
    [ThreadStatic]
    private static DelayedOperation?[]? t_snapshot;

    private readonly Lock _lock = new();
    private WatchNode? _first;
    private int _count;

    /// <summary>Operations that watch.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Asks every watcher whether it can complete now. Call it after the change is visible, without holding a
    /// lock that an operation's completion might need.</summary>
    /// <returns>How many operations this call completed.</returns>
    public int CheckAndComplete()
    {
        if (Count == 0)
        {
            return 0;
        }
        DelayedOperation?[] operations = t_snapshot ?? new DelayedOperation?[64];
        t_snapshot = null;   // a completion may come back here
        int count = Snapshot(ref operations);
        int completed = 0;
        Exception? first = null;
        for (int i = 0; i < count; i++)
        {
            try
            {
                if (operations[i]!.SafeTryComplete())
                {
                    completed++;
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                first ??= e;   // the others must not wait for their deadline because of one
            }
            operations[i] = null;
        }
        t_snapshot = operations;
        return first is null ? completed : throw new InvalidOperationException("a delayed operation failed as it completed", first);
    }

    private int Snapshot(ref DelayedOperation?[] operations)
    {
        lock (_lock)
        {
            if (operations.Length < _count)
            {
                operations = new DelayedOperation?[_count * 2];
            }
            int count = 0;
            for (WatchNode? node = _first; node is not null; node = node.Next)
            {
                operations[count++] = node.Operation;
            }
            return count;
        }
    }

    internal void Add(WatchNode node)
    {
        lock (_lock)
        {
            node.List = this;
            node.Previous = null;
            node.Next = _first;
            if (_first is not null)
            {
                _first.Previous = node;
            }
            _first = node;
            _count++;
        }
    }

    internal void Remove(WatchNode node)
    {
        lock (_lock)
        {
            if (node.List != this)
            {
                return;
            }
            if (node.Previous is null)
            {
                _first = node.Next;
            }
            else
            {
                node.Previous.Next = node.Next;
            }
            if (node.Next is not null)
            {
                node.Next.Previous = node.Previous;
            }
            node.List = null;
            node.Next = null;
            node.Previous = null;
            _count--;
        }
    }
}

/// <summary>An operation's place in one list. Belongs to the operation and is used again.</summary>
internal sealed class WatchNode(DelayedOperation operation)
{
    internal DelayedOperation Operation { get; } = operation;
    internal WatchList? List;
    internal WatchNode? Next;
    internal WatchNode? Previous;
}
