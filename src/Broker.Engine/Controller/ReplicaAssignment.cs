using System.Collections.Immutable;

namespace Broker.Engine.Controller;

/// <summary>A partition's replicas, the preferred leader first, and what a reassignment is about to do with them (KIP-455;
/// Kafka: ReplicaAssignment). Immutable.</summary>
/// <param name="Replicas">All replicas, those being added and those being removed included.</param>
/// <param name="Adding">Those that come.</param>
/// <param name="Removing">Those that go once the others are in sync.</param>
internal sealed record ReplicaAssignment(ImmutableArray<int> Replicas, ImmutableArray<int> Adding, ImmutableArray<int> Removing)
{
    public ReplicaAssignment(ImmutableArray<int> replicas) : this(replicas, [], [])
    {
    }

    public bool IsBeingReassigned => !Adding.IsEmpty || !Removing.IsEmpty;

    /// <summary>What the replicas were, and are again when the reassignment is cancelled.</summary>
    public ImmutableArray<int> Origin => [.. Replicas.Where(r => !Adding.Contains(r))];

    /// <summary>What the replicas will be.</summary>
    public ImmutableArray<int> Target => [.. Replicas.Where(r => !Removing.Contains(r))];

    /// <summary>The assignment on the way from the original replicas to others, whatever was under way before.</summary>
    public ReplicaAssignment ReassignTo(ImmutableArray<int> target)
    {
        ImmutableArray<int> origin = Origin;
        ImmutableArray<int> all = [.. target.Concat(origin).Distinct()];
        return new ReplicaAssignment(
            all, [.. all.Where(r => !origin.Contains(r))], [.. all.Where(r => !target.Contains(r))]);
    }

    public bool Equals(ReplicaAssignment? other) =>
        other is not null && Replicas.SequenceEqual(other.Replicas) && Adding.SequenceEqual(other.Adding)
            && Removing.SequenceEqual(other.Removing);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int replica in Replicas)
        {
            hash.Add(replica);
        }
        return hash.ToHashCode();
    }
}
