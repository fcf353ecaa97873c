using Broker.Engine.Metadata;

namespace Broker.Engine.Admin.Hosted.Replicas;

/// <summary>
/// How evenly partitions lie on brokers, after CMAK's ActorModel: shares are rounded up, percentages cut off, and a broker counts
/// for a partition where it is in sync with it. For a whole cluster all its partitions are taken as one topic's, with the mean
/// number of replicas. Counts add up, so partitions may come one by one. Not thread-safe.
/// </summary>
internal sealed class SkewFormulae
{
    private readonly Dictionary<int, (int InSync, int Leads)> _brokers = [];
    private int _partitions;
    private int _replicas;
    private int _preferred;
    private int _underReplicated;

    public static SkewView Of(IEnumerable<PartitionImage> partitions, int clusterBrokers)
    {
        var skew = new SkewFormulae();
        foreach (PartitionImage partition in partitions)
        {
            skew.Add(partition.Leader, partition.InSyncReplicas.AsSpan(), partition.Replicas.AsSpan());
        }
        return skew.Read(clusterBrokers);
    }

    public void Add(int leader, ReadOnlySpan<int> inSync, ReadOnlySpan<int> replicas)
    {
        _partitions++;
        _replicas += replicas.Length;
        _preferred += replicas.Length > 0 && leader == replicas[0] ? 1 : 0;
        _underReplicated += inSync.Length != replicas.Length ? 1 : 0;
        foreach (int broker in inSync)
        {
            (int partitions, int leads) = _brokers.GetValueOrDefault(broker);
            _brokers[broker] = (partitions + 1, leads + (broker == leader ? 1 : 0));
        }
    }

    /// <summary>Whether a broker is in sync with more than its share.</summary>
    public bool IsSkewed(int broker) => _brokers.TryGetValue(broker, out var own) && own.InSync > Share(_replicas);

    /// <summary>Whether a broker leads more than its share.</summary>
    public bool IsLeaderSkewed(int broker) => _brokers.TryGetValue(broker, out var own) && own.Leads > Share(_partitions);

    public SkewView Read(int clusterBrokers) => new(
        BrokersSkew: Percent(_brokers.Keys.Count(IsSkewed), _brokers.Count, otherwise: 0),
        LeaderSkew: Percent(_brokers.Keys.Count(IsLeaderSkewed), _brokers.Count, otherwise: 0),
        // Where the last in-sync replica's broker is gone, it stays in sync: then it counts as one of the cluster.
        Spread: Percent(_brokers.Count, Math.Max(clusterBrokers, _brokers.Count), otherwise: 100),
        Preferred: Percent(_preferred, _partitions, otherwise: 100),
        UnderReplicated: Percent(_underReplicated, _partitions, otherwise: 0));

    private int Share(int all) => (all + _brokers.Count - 1) / _brokers.Count;

    private static int Percent(int part, int whole, int otherwise) => whole == 0 ? otherwise : (int)(100L * part / whole);
}
