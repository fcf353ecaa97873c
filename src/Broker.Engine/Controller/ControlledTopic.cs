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
}

/// <summary>A partition as the controller knows it.</summary>
internal sealed class ControlledPartition(ControlledTopic topic, int index, ImmutableArray<int> replicas)
{
    public ControlledTopic Topic { get; } = topic;

    public int Index { get; } = index;

    public ImmutableArray<int> Replicas { get; } = replicas;

    /// <summary>Null until its first leader was chosen.</summary>
    public PartitionStateNode? State { get; set; }
}
