namespace Broker.Engine.Timing;

/// <summary>
/// Something that is due at a time. It is its own node in a bucket of the wheel, so that adding and cancelling allocate
/// nothing, and it may be added again after it ran or was cancelled. The links belong to the timer's lock.
/// </summary>
internal abstract class TimerTask
{
    internal TimerBucket? Bucket;
    internal TimerTask? Next;
    internal TimerTask? Previous;

    /// <summary>Rises with every addition; an expiry that lost the race against a re-arming is recognised by it.</summary>
    internal int Arming;

    /// <summary>When the task is due, in milliseconds of the timer's clock.</summary>
    public long DueMs { get; internal set; }

    /// <summary>Runs on the timer's thread, outside its lock; must not block.</summary>
    /// <param name="arming">The <see cref="Arming"/> that expired.</param>
    protected internal abstract void Expire(int arming);

    /// <summary>One line for the console: what waits, for whom.</summary>
    protected internal virtual string Describe() => GetType().Name;
}
