namespace Broker.Engine.Admin;

/// <summary>Where a partition's replicas shall be, the preferred leader first.</summary>
public sealed record PartitionMove(string Topic, int Partition, IReadOnlyList<int> Replicas);

/// <summary>What became of the election of one partition's leader; the error is NONE, or Kafka's name of it.</summary>
public sealed record ElectionResult(string Topic, int Partition, string Error, string? Message);

/// <summary>A move that would make things even.</summary>
public sealed record ProposedMove
{
    public required string Topic { get; init; }
    public required int Partition { get; init; }
    public required IReadOnlyList<int> Current { get; init; }
    public required IReadOnlyList<int> Proposed { get; init; }

    /// <summary>Bytes that brokers would copy for it; 0 where only the order changes.</summary>
    public required long CopiedBytes { get; init; }
}

/// <summary>What a broker has before and after.</summary>
public sealed record BrokerShare(int Broker, int ReplicasBefore, int ReplicasAfter, int LeadersBefore, int LeadersAfter);

/// <summary>A preview: nothing is done until its moves are asked for.</summary>
public sealed record ReassignmentProposal
{
    public required IReadOnlyList<ProposedMove> Moves { get; init; }
    public required IReadOnlyList<BrokerShare> Brokers { get; init; }
    public required long CopiedBytes { get; init; }
}

/// <summary>A reassignment under way.</summary>
public sealed record ReassignmentView
{
    public required string Topic { get; init; }
    public required int Partition { get; init; }
    public required IReadOnlyList<int> Replicas { get; init; }
    public required IReadOnlyList<int> Adding { get; init; }
    public required IReadOnlyList<int> Removing { get; init; }

    /// <summary>Bytes of the leader's log; -1 where its broker is of another host.</summary>
    public required long LeaderBytes { get; init; }

    /// <summary>Bytes of each new replica; those on brokers of other hosts are left out.</summary>
    public required IReadOnlyDictionary<int, long> CopiedBytes { get; init; }

    /// <summary>Share of the offsets that the slowest new replica of this host has, 0 to 1; -1 where nothing is known.</summary>
    public required double Progress { get; init; }
}
