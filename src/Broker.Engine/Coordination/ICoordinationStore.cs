namespace Broker.Engine.Coordination;

/// <summary>
/// The tree of versioned nodes with sessions and watches that a cluster coordinates through: the model that ZooKeeper
/// defined, kept to what a ZooKeeper 3.8 ensemble can serve. Thread-safe.
/// </summary>
internal interface ICoordinationStore : IAsyncDisposable
{
    /// <summary>Largest data of a node, bytes (ZooKeeper's jute.maxbuffer). One multi must stay below it in all.</summary>
    const int DataBytesMax = 1024 * 1024 - 1;

    /// <summary>Opens a session. Its ephemeral nodes live until it is closed or its heartbeats stop for
    /// <paramref name="timeout"/>.</summary>
    /// <exception cref="CoordinationException">The store cannot be reached (ConnectionLoss).</exception>
    ValueTask<ICoordinationSession> OpenSessionAsync(TimeSpan timeout, CancellationToken cancellationToken);
}

/// <summary>
/// One party's connection to the tree. A write that was answered is durable, and is seen by every read that begins
/// after the answer. Errors are results; see <see cref="CoordinationExtensions"/> for callers that cannot go on.
/// A cancelled write may still be carried out. Thread-safe.
/// </summary>
internal interface ICoordinationSession : IAsyncDisposable
{
    /// <summary>Never used before in this tree.</summary>
    long Id { get; }

    TimeSpan Timeout { get; }

    /// <summary>Cancelled once the session has expired, was closed, or its store failed; nothing brings it back.</summary>
    CancellationToken Ended { get; }

    /// <summary>Why the store cannot be reached at present; null while it can.</summary>
    string? Outage => null;

    /// <summary>Creates a node. The parent must exist, and must not be ephemeral.</summary>
    ValueTask<CreateResult> CreateAsync(
        string path, ReadOnlyMemory<byte> data, CreateMode mode, CancellationToken cancellationToken);

    ValueTask<GetResult> GetAsync(string path, CancellationToken cancellationToken);

    /// <summary>Sets a node's data if it has the version, or whatever its version if that is -1.</summary>
    ValueTask<StatResult> SetAsync(
        string path, ReadOnlyMemory<byte> data, int version, CancellationToken cancellationToken);

    /// <summary>Deletes a node that has no children, if it has the version, or whatever its version if that is
    /// -1.</summary>
    ValueTask<StatResult> DeleteAsync(string path, int version, CancellationToken cancellationToken);

    ValueTask<StatResult> ExistsAsync(string path, CancellationToken cancellationToken);

    ValueTask<ChildrenResult> GetChildrenAsync(string path, CancellationToken cancellationToken);

    /// <summary>Carries out all operations as one transaction, or none.</summary>
    ValueTask<MultiResult> MultiAsync(
        IReadOnlyList<CoordinationOperation> operations, CancellationToken cancellationToken);

    /// <summary>
    /// Watches a path, whether or not its node exists, until the registration is disposed or the session ends. Every
    /// change that is committed after this call has completed is told, in the order of commitment, one call at a time
    /// for the session, never under a lock of the store. A change may be told more than once or late: what it tells is
    /// that reading again is due. The handler must not block.
    /// </summary>
    /// <exception cref="CoordinationException">The path is not valid, or the session ended.</exception>
    ValueTask<IDisposable> WatchAsync(
        string path, WatchKinds kinds, Action<WatchEvent> handler, CancellationToken cancellationToken);

    /// <summary>Tells the store that this party lives. Every other call tells it too.</summary>
    ValueTask<CoordinationError> HeartbeatAsync(CancellationToken cancellationToken);
}
