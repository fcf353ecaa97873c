using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Broker.Engine.Purgatory;
using Broker.Protocol.Messages;

namespace Broker.Engine.Metadata;

/// <summary>
/// The broker's picture of the cluster, fed by the controller's UpdateMetadata. Readers take <see cref="Current"/>, an
/// immutable image. After Kafka's ZkMetadataCache. Thread-safe.
/// </summary>
internal sealed class MetadataCache
{
    private readonly Lock _lock = new();
    private MetadataImage _current = MetadataImage.Empty;

    public MetadataImage Current => Volatile.Read(ref _current);

    /// <summary>Operations that wait for the picture to change.</summary>
    public WatchList Watchers { get; } = new();

    /// <summary>Called after an image is published, on the thread that published it.</summary>
    public Action<MetadataImage, MetadataImage>? Changed { get; set; }

    /// <summary>UpdateMetadata's type that names all topics there are (Kafka: AbstractControlRequest.Type.FULL): a broker that was
    /// cut off while one was deleted hears of it so from the next controller.</summary>
    public const sbyte FullRequest = 2;

    /// <summary>Publishes what the controller sent.</summary>
    public void Apply(UpdateMetadataRequest request)
    {
        MetadataImage before;
        MetadataImage after;
        lock (_lock)
        {
            before = _current;
            after = Merge(before, request);
            Volatile.Write(ref _current, after);
        }
        Changed?.Invoke(before, after);
        Watchers.CheckAndComplete();
    }

    private static MetadataImage Merge(MetadataImage before, UpdateMetadataRequest request)
    {
        ImmutableDictionary<string, TopicImage>.Builder topics = before.Topics.ToBuilder();
        ImmutableDictionary<Guid, string>.Builder names = before.TopicNames.ToBuilder();
        if (request.Type == FullRequest)
        {
            HashSet<string> named = request.TopicStates.Select(t => t.TopicName).ToHashSet(StringComparer.Ordinal);
            foreach (TopicImage gone in before.Topics.Values.Where(t => !named.Contains(t.Name)))
            {
                topics.Remove(gone.Name);
                names.Remove(gone.Id);
            }
        }
        foreach (UpdateMetadataRequest.UpdateMetadataTopicState topic in request.TopicStates)
        {
            TopicImage? merged = Merge(topics.GetValueOrDefault(topic.TopicName), topic);
            if (topics.TryGetValue(topic.TopicName, out TopicImage? old) && old.Id != merged?.Id)
            {
                names.Remove(old.Id);
            }
            if (merged is null)
            {
                topics.Remove(topic.TopicName);
                continue;
            }
            topics[topic.TopicName] = merged;
            names[merged.Id] = merged.Name;
        }
        return new MetadataImage(
            before.Version + 1, request.ControllerId, Brokers(request), topics.ToImmutable(), names.ToImmutable());
    }

    private static TopicImage? Merge(TopicImage? old, UpdateMetadataRequest.UpdateMetadataTopicState state)
    {
        if (old is not null && state.TopicId != Guid.Empty && old.Id != state.TopicId)
        {
            old = null;   // deleted and made again
        }
        PartitionImage?[] partitions = old is null ? [] : [.. old.Partitions];
        foreach (UpdateMetadataRequest.UpdateMetadataPartitionState partition in state.PartitionStates)
        {
            if (partition.PartitionIndex >= partitions.Length)
            {
                Array.Resize(ref partitions, partition.PartitionIndex + 1);
            }
            partitions[partition.PartitionIndex] = partition.Leader == PartitionImage.LeaderDuringDelete ? null : new PartitionImage(
                partition.Leader, partition.LeaderEpoch, partition.ZkVersion,
                [.. partition.Replicas], [.. partition.Isr], [.. partition.OfflineReplicas]);
        }
        return Array.TrueForAll(partitions, p => p is null)
            ? null
            : new TopicImage(
                state.TopicName, state.TopicId != Guid.Empty ? state.TopicId : old?.Id ?? Guid.Empty,
                ImmutableCollectionsMarshal.AsImmutableArray(partitions));
    }

    private static ImmutableDictionary<int, BrokerImage> Brokers(UpdateMetadataRequest request) =>
        request.LiveBrokers.ToImmutableDictionary(
            b => b.Id,
            b => new BrokerImage(
                b.Id, b.Rack, [.. b.Endpoints.Select(e => new BrokerEndpoint(e.Listener, e.Host, e.Port, e.SecurityProtocol))]));
}
