using Broker.Engine.Metadata;

namespace Broker.Engine.Admin.Hosted.Replicas;

/// <summary>
/// Counts what the cluster's picture says of replicas and leaders. The count is taken once for all who ask: anew when the picture
/// has changed, and of the same picture after a second, since min.insync.replicas may have changed. O(partitions) then, O(1)
/// otherwise. Thread-safe.
/// </summary>
internal sealed class ClusterCensus(TimeProvider time, Func<string, int> minInSync)
{
    private static readonly TimeSpan s_fresh = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Census? _last;
    private long _takenAt;

    public Census Of(MetadataImage image)
    {
        lock (_lock)
        {
            if (_last is null || !ReferenceEquals(_last.Image, image) || time.GetElapsedTime(_takenAt) >= s_fresh)
            {
                _last = Take(image);
                _takenAt = time.GetTimestamp();
            }
            return _last;
        }
    }

    private Census Take(MetadataImage image)
    {
        var counts = new Counts();
        var skew = new SkewFormulae();
        var brokers = new Dictionary<int, BrokerCounts>();
        var states = new List<PartitionState>(256);
        foreach (TopicImage topic in image.Topics.Values.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            int least = minInSync(topic.Name);
            for (int i = 0; i < topic.Partitions.Length; i++)
            {
                if (topic.Partitions[i] is { } partition)
                {
                    var state = new PartitionState(topic.Name, i, partition, Math.Min(least, partition.Replicas.Length));
                    counts.Add(state);
                    skew.Add(partition.Leader, partition.InSyncReplicas.AsSpan(), partition.Replicas.AsSpan());
                    Count(brokers, partition);
                    states.Add(state);
                }
            }
        }
        return new Census(image, counts, skew, brokers, states);
    }

    private static void Count(Dictionary<int, BrokerCounts> brokers, PartitionImage partition)
    {
        foreach (int replica in partition.Replicas)
        {
            BrokerCounts own = brokers.GetValueOrDefault(replica);
            bool isPreferred = replica == partition.Replicas[0];
            brokers[replica] = new BrokerCounts(
                own.Replicas + 1,
                own.Leaders + One(replica == partition.Leader),
                own.Preferred + One(isPreferred),
                own.PreferredHeld + One(isPreferred && replica == partition.Leader),
                own.OutOfSync + One(!partition.InSyncReplicas.Contains(replica)));
        }
    }

    private static int One(bool holds) => holds ? 1 : 0;
}

/// <summary>Totals over partitions.</summary>
internal sealed class Counts
{
    public int Partitions { get; private set; }

    public int Replicas { get; private set; }

    public int Offline { get; private set; }

    public int UnderReplicated { get; private set; }

    public int UnderMinIsr { get; private set; }

    public int AtMinIsr { get; private set; }

    public int NotPreferred { get; private set; }

    public void Add(PartitionState state)
    {
        Partitions++;
        Replicas += state.Image.Replicas.Length;
        Offline += state.IsOffline ? 1 : 0;
        UnderReplicated += state.IsUnderReplicated ? 1 : 0;
        UnderMinIsr += state.IsUnderMinIsr ? 1 : 0;
        AtMinIsr += state.IsAtMinIsr ? 1 : 0;
        NotPreferred += state.IsOnPreferred ? 0 : 1;
    }
}

/// <summary>A broker's part.</summary>
internal readonly record struct BrokerCounts(int Replicas, int Leaders, int Preferred, int PreferredHeld, int OutOfSync);

/// <summary>A partition and what is wrong with it, by Kafka's rules (Partition.isUnderMinIsr, isAtMinIsr).</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Image">As the controller published it.</param>
/// <param name="MinInSync">min.insync.replicas, at most its replicas.</param>
internal readonly record struct PartitionState(string Topic, int Partition, PartitionImage Image, int MinInSync)
{
    public bool IsOffline => Image.Leader < 0;

    public bool IsUnderReplicated => Image.InSyncReplicas.Length < Image.Replicas.Length;

    public bool IsUnderMinIsr => Image.InSyncReplicas.Length < MinInSync;

    public bool IsAtMinIsr => Image.InSyncReplicas.Length == MinInSync;

    public bool IsOnPreferred => Image.Replicas.Length > 0 && Image.Leader == Image.Replicas[0];

    /// <summary>The worse, the greater.</summary>
    public int Severity => IsOffline ? 4 : IsUnderMinIsr ? 3 : IsUnderReplicated ? 2 : IsOnPreferred ? 0 : 1;

    public bool Is(PartitionFilter filter) => filter switch
    {
        PartitionFilter.UnderReplicated => IsUnderReplicated,
        PartitionFilter.UnderMinIsr => IsUnderMinIsr,
        PartitionFilter.AtMinIsr => IsAtMinIsr,
        PartitionFilter.Offline => IsOffline,
        PartitionFilter.NotPreferred => !IsOnPreferred,
        PartitionFilter.Wrong => IsOffline || IsUnderReplicated || IsUnderMinIsr || !IsOnPreferred,
        _ => true,
    };
}

/// <summary>One count of the cluster; partitions stand by topic and number. Not to be changed once it is made.</summary>
internal sealed record Census(
    MetadataImage Image, Counts Counts, SkewFormulae Formulae, IReadOnlyDictionary<int, BrokerCounts> Brokers,
    IReadOnlyList<PartitionState> Partitions)
{
    public SkewView Skew { get; } = Formulae.Read(Image.Brokers.Count);

    public BrokerShare Share(int broker)
    {
        BrokerCounts own = Brokers.GetValueOrDefault(broker);
        return new BrokerShare(
            broker, Image.IsAlive(broker), own.Replicas, own.Leaders, own.Preferred, own.PreferredHeld, own.OutOfSync,
            Formulae.IsSkewed(broker), Formulae.IsLeaderSkewed(broker));
    }
}
