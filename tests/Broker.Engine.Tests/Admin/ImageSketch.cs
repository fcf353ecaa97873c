using System.Collections.Immutable;
using Broker.Engine.Metadata;

namespace Broker.Engine.Tests.Admin;

/// <summary>Pictures of a cluster in a few words.</summary>
internal static class ImageSketch
{
    public static PartitionImage Partition(int leader, int[] inSync, int[] replicas, int epoch = 0, int version = 0, int[]? offline = null) =>
        new(leader, epoch, version, [.. replicas], [.. inSync], [.. offline ?? []]);

    public static MetadataImage Image(int[] brokers, params (string Topic, PartitionImage[] Partitions)[] topics) => new(
        1, brokers.Length == 0 ? -1 : brokers[0],
        brokers.ToImmutableDictionary(b => b, b => new BrokerImage(b, null, [])),
        topics.ToImmutableDictionary(t => t.Topic, t => new TopicImage(t.Topic, s_id, [.. t.Partitions])),
        ImmutableDictionary<Guid, string>.Empty);

    private static readonly Guid s_id = Guid.NewGuid();
}
