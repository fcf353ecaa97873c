namespace Broker.Engine.Transport;

/// <summary>Something to run on the thread of a reactor or connection. It is its own node in the queue, so that posting
/// allocates nothing; it must not be posted again before it ran.</summary>
internal abstract class ConnectionWork
{
    internal ConnectionWork? NextWork;

    /// <summary>Runs on the thread it was posted to; must not block.</summary>
    protected internal abstract void Run();
}
