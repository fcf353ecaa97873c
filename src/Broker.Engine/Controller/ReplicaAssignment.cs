using System.Collections.Immutable;
using Broker.Engine.Coordination;

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

    /// <summary>The topic's node with this assignment of one partition.</summary>
    public TopicAssignment PutInto(TopicAssignment topic, int partition) => topic with
    {
        Partitions = topic.Partitions.SetItem(partition, Replicas),
        Adding = Adding.IsEmpty ? topic.Adding.Remove(partition) : topic.Adding.SetItem(partition, Adding),
        Removing = Removing.IsEmpty ? topic.Removing.Remove(partition) : topic.Removing.SetItem(partition, Removing),
    };

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
