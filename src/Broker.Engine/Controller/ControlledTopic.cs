using System.Collections.Immutable;
using Broker.Engine.Coordination;

namespace Broker.Engine.Controller;

/// <summary>A topic as the controller knows it. Belongs to the controller's loop.</summary>
internal sealed class ControlledTopic(string name, Guid id, IDisposable watch)
{
    public string Name { get; } = name;

    public Guid Id { get; set; } = id;

    /// <summary>Watches the topic's node for added partitions.</summary>
    public IDisposable Watch { get; } = watch;

    /// <summary>Whether a state of one of its partitions was seen in the tree.</summary>
    public bool HasStates { get; set; }

    public SortedDictionary<int, ControlledPartition> Partitions { get; } = [];

    /// <summary>While the topic is being deleted: the replicas that are not known to be gone. Null otherwise.</summary>
    public HashSet<(int Partition, int Broker)>? Undeleted { get; set; }
}

/// <summary>A partition as the controller knows it.</summary>
internal sealed class ControlledPartition(ControlledTopic topic, int index, ReplicaAssignment assignment)
{
    public ControlledTopic Topic { get; } = topic;

    public int Index { get; } = index;

    public ReplicaAssignment Assignment { get; set; } = assignment;

    /// <summary>All replicas, those that come and those that go included.</summary>
    public ImmutableArray<int> Replicas => Assignment.Replicas;

    /// <summary>Null until its first leader was chosen.</summary>
    public PartitionStateNode? State { get; set; }

    /// <summary>The transaction that wrote the state which a controller found as it took over, until it has looked who was away
    /// since; the greatest number then.</summary>
    public long FoundZxid { get; set; } = long.MaxValue;
}
