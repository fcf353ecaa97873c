using System.Collections.Immutable;

namespace Broker.Engine.Metadata;

/// <summary>Where a broker is reached on one listener.</summary>
internal sealed record BrokerEndpoint(string Listener, string Host, int Port, short SecurityProtocol);

/// <summary>A live broker.</summary>
internal sealed record BrokerImage(int Id, string? Rack, ImmutableArray<BrokerEndpoint> Endpoints)
{
    /// <summary>The end point on a listener, or null when the broker has none of that name.</summary>
    public BrokerEndpoint? On(string listener)
    {
        foreach (BrokerEndpoint endpoint in Endpoints)
        {
            if (endpoint.Listener == listener)
            {
                return endpoint;
            }
        }
        return null;
    }
}

/// <summary>The state of a partition as the controller last published it.</summary>
internal sealed record PartitionImage(
    int Leader, int LeaderEpoch, int PartitionEpoch, ImmutableArray<int> Replicas, ImmutableArray<int> InSyncReplicas,
    ImmutableArray<int> OfflineReplicas)
{
    /// <summary>Leader of a partition that has none.</summary>
    public const int NoLeader = -1;

    /// <summary>Leader that UpdateMetadata gives a partition of a topic that is gone (Kafka: LeaderAndIsr.LeaderDuringDelete).</summary>
    public const int LeaderDuringDelete = -2;
}

/// <summary>A topic and its partitions by index; a gap is a partition not yet published.</summary>
internal sealed record TopicImage(string Name, Guid Id, ImmutableArray<PartitionImage?> Partitions);

/// <summary>What a broker knows of the cluster at one instant. Immutable; published whole.</summary>
internal sealed record MetadataImage(
    long Version, int ControllerId, ImmutableDictionary<int, BrokerImage> Brokers,
    ImmutableDictionary<string, TopicImage> Topics, ImmutableDictionary<Guid, string> TopicNames)
{
    public static readonly MetadataImage Empty = new(
        0, -1, ImmutableDictionary<int, BrokerImage>.Empty,
        ImmutableDictionary.Create<string, TopicImage>(StringComparer.Ordinal), ImmutableDictionary<Guid, string>.Empty);

    /// <summary>Whether no controller has said anything yet: then nothing is known, not even what there is not.</summary>
    public bool IsEmpty => Version == 0;

    public TopicImage? Topic(string name) => Topics.GetValueOrDefault(name);

    public TopicImage? Topic(Guid id) => TopicNames.TryGetValue(id, out string? name) ? Topics.GetValueOrDefault(name) : null;

    public PartitionImage? Partition(string topic, int partition) =>
        Topics.TryGetValue(topic, out TopicImage? image) && (uint)partition < (uint)image.Partitions.Length
            ? image.Partitions[partition] : null;

    public bool IsAlive(int broker) => Brokers.ContainsKey(broker);
}
