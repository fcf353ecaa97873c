namespace Broker.Engine.Timing;

/// <summary>One slot of a wheel: a cyclic list of the tasks that fall due within one tick. It carries the start of that
/// tick while it is queued. Guarded by the timer's lock.</summary>
internal sealed class TimerBucket
{
    /// <summary>Start of the tick that the bucket stands for, or -1 while it is not queued.</summary>
    internal long ExpirationMs = -1;

    /// <summary>When the first of its tasks is due, or was before it was cancelled: where the bucket stands in the queue; -1
    /// while it stands nowhere.</summary>
    internal long QueuedMs = -1;
    internal TimerTask? First;
    internal int Count;

    internal void Add(TimerTask task)
    {
        task.Bucket = this;
        if (First is null)
        {
            task.Next = task;
            task.Previous = task;
            First = task;
        }
        else
        {
            TimerTask last = First.Previous!;
            task.Previous = last;
            task.Next = First;
            last.Next = task;
            First.Previous = task;
        }
        Count++;
    }

    internal void Remove(TimerTask task)
    {
        if (task.Next == task)
        {
            First = null;
        }
        else
        {
            task.Previous!.Next = task.Next;
            task.Next!.Previous = task.Previous;
            if (First == task)
            {
                First = task.Next;
            }
        }
        task.Bucket = null;
        task.Next = null;
        task.Previous = null;
        Count--;
    }
}
