namespace Broker.Engine.Coordination.Embedded;

/// <summary>What a change does. The values are stored.</summary>
internal enum ChangeKind : byte
{
    Create = 1,
    Set = 2,
    Delete = 3,
    SetAccess = 4,

    /// <summary>A creation with an access list, or of a container, as it is stored.</summary>
    CreateWith = 5,

    /// <summary>A check that held: nothing changes, and nothing is stored.</summary>
    None = 6,
}

/// <summary>One change that was found possible; the path is final.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Path">The node.</param>
/// <param name="Data">New data, of create and set.</param>
/// <param name="SessionId">The owner of the node, where it is ephemeral; 0 for a persistent one.</param>
internal readonly record struct Change(ChangeKind Kind, string Path, ReadOnlyMemory<byte> Data, long SessionId)
{
    /// <summary>The access list that a creation or a change of it gives, or that what is deleted had; null is open to all.</summary>
    public AccessEntry[]? Access { get; init; }

    /// <summary>Whether the node that is created is a container.</summary>
    public bool IsContainer { get; init; }
}

/// <summary>Changes that are made together. Replaying the same transactions in order makes the same tree.</summary>
/// <param name="Zxid">Number: one more than the transaction before.</param>
/// <param name="TimeMs">Milliseconds since the epoch.</param>
/// <param name="Changes">In order.</param>
internal sealed record Transaction(long Zxid, long TimeMs, List<Change> Changes);
