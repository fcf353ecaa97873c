namespace Broker.Engine.Coordination.Embedded;

/// <summary>What a change does. The values are stored.</summary>
internal enum ChangeKind : byte
{
    Create = 1,
    Set = 2,
    Delete = 3,

    /// <summary>A check that held: nothing changes, and nothing is stored.</summary>
    None = 6,
}

/// <summary>One change that was found possible; the path is final.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Path">The node.</param>
/// <param name="Data">New data, of create and set.</param>
/// <param name="SessionId">The owner of the node, where it is ephemeral; 0 for a persistent one.</param>
internal readonly record struct Change(ChangeKind Kind, string Path, ReadOnlyMemory<byte> Data, long SessionId);

/// <summary>Changes that are made together. Replaying the same transactions in order makes the same tree.</summary>
/// <param name="Zxid">Number: one more than the transaction before.</param>
/// <param name="TimeMs">Milliseconds since the epoch.</param>
/// <param name="Changes">In order.</param>
internal sealed record Transaction(long Zxid, long TimeMs, List<Change> Changes);
