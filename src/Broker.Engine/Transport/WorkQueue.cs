namespace Broker.Engine.Transport;

/// <summary>
/// Many producers, one consumer, first in first out. A push is one compare-and-swap; a drain takes all at once. Thread-safe
/// for pushes; drains belong to one thread.
/// </summary>
internal sealed class WorkQueue
{
    private ConnectionWork? _top;

    public bool IsEmpty => Volatile.Read(ref _top) is null;

    /// <summary>How much waits, about: it may change while it is counted.</summary>
    public int CountUpTo(int most)
    {
        int count = 0;
        for (ConnectionWork? work = Volatile.Read(ref _top); work is not null && count < most; work = work.NextWork)
        {
            count++;
        }
        return count;
    }

    public void Push(ConnectionWork work)
    {
        ConnectionWork? top = Volatile.Read(ref _top);
        while (true)
        {
            work.NextWork = top;
            ConnectionWork? seen = Interlocked.CompareExchange(ref _top, work, top);
            if (seen == top)
            {
                return;
            }
            top = seen;
        }
    }

    /// <summary>Takes everything, oldest first, as a chain by <see cref="ConnectionWork.NextWork"/>.</summary>
    public ConnectionWork? TakeAll()
    {
        ConnectionWork? taken = Interlocked.Exchange(ref _top, null);
        ConnectionWork? oldest = null;
        while (taken is not null)
        {
            ConnectionWork? next = taken.NextWork;
            taken.NextWork = oldest;
            oldest = taken;
            taken = next;
        }
        return oldest;
    }
}
