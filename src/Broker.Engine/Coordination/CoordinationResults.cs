namespace Broker.Engine.Coordination;

/// <summary>Why an operation on the tree was not carried out. The names are ZooKeeper's (KeeperException.Code).</summary>
internal enum CoordinationError
{
    None = 0,

    /// <summary>The node, or the parent of a node to create, is not there.</summary>
    NoNode,
    NodeExists,

    /// <summary>The node's version is not the one expected.</summary>
    BadVersion,

    /// <summary>A node with children cannot be deleted.</summary>
    NotEmpty,
    NoChildrenForEphemerals,

    /// <summary>The session is closed or its heartbeats stopped; its ephemeral nodes are gone.</summary>
    SessionExpired,

    /// <summary>The store cannot say whether the operation was carried out.</summary>
    ConnectionLoss,

    /// <summary>The path or the size of the data is not acceptable.</summary>
    BadArguments,

    /// <summary>The store does not let this party do that.</summary>
    NoAuth,

    /// <summary>An operation of a multi that was not reached because an earlier one failed.</summary>
    NotReached,

    /// <summary>The access list is none, or names nobody whom the store knows.</summary>
    InvalidAccess,
}

/// <summary>What a node is like, as ZooKeeper's Stat has it.</summary>
/// <param name="Czxid">Transaction that created the node.</param>
/// <param name="Mzxid">Transaction that last set its data.</param>
/// <param name="Pzxid">Transaction that last added or removed a child.</param>
/// <param name="CtimeMs">Creation, milliseconds since the epoch.</param>
/// <param name="MtimeMs">Last change of data, milliseconds since the epoch.</param>
/// <param name="Version">Changes of data since creation.</param>
/// <param name="ChildVersion">Children added and removed since creation.</param>
/// <param name="EphemeralOwner">Session that the node ends with, 0 for a persistent node.</param>
/// <param name="DataLength">Bytes of data.</param>
/// <param name="ChildCount">Children.</param>
/// <param name="AccessVersion">Changes of the access list since creation.</param>
internal readonly record struct NodeStat(
    long Czxid,
    long Mzxid,
    long Pzxid,
    long CtimeMs,
    long MtimeMs,
    int Version,
    int ChildVersion,
    long EphemeralOwner,
    int DataLength,
    int ChildCount,
    int AccessVersion = 0);

/// <summary>Answer to create: the path as created (with its number, when sequential) and its stat.</summary>
internal readonly record struct CreateResult(CoordinationError Error, string Path, NodeStat Stat);

/// <summary>Answer to get. The data must not be changed.</summary>
internal readonly record struct GetResult(CoordinationError Error, ReadOnlyMemory<byte> Data, NodeStat Stat);

/// <summary>Answer to set, exists, delete and check. Delete leaves no stat.</summary>
internal readonly record struct StatResult(CoordinationError Error, NodeStat Stat);

/// <summary>Answer to children: their names, in ordinal order.</summary>
internal readonly record struct ChildrenResult(
    CoordinationError Error, IReadOnlyList<string> Children, NodeStat Stat);

/// <summary>Answer to one operation of a multi.</summary>
internal readonly record struct OperationResult(CoordinationError Error, string Path, NodeStat Stat);

/// <summary>
/// Answer to a multi. All operations were carried out (<see cref="Error"/> is None), or none was:
/// <see cref="FailedIndex"/> names the one that stood in the way, those after it are NotReached.
/// </summary>
internal readonly record struct MultiResult(
    CoordinationError Error, int FailedIndex, IReadOnlyList<OperationResult> Results);

/// <summary>An error where the caller cannot go on.</summary>
internal sealed class CoordinationException(CoordinationError error, string path, string? message = null)
    : Exception(message ?? $"coordination: {error} at {path}")
{
    public CoordinationError Error { get; } = error;
    public string Path { get; } = path;
}
