using System.Collections.Immutable;

namespace Broker.Engine.Controller;

/// <summary>
/// Where a topic's replicas go: leaders go round the brokers from a random one, the other replicas follow at a distance that
/// grows each round, and with racks every replica of a partition is on another rack as far as there are racks. After Kafka's
/// AdminUtils.assignReplicasToBrokers. Stateless.
/// </summary>
internal static class ReplicaPlacement
{
    /// <param name="brokers">Live brokers with their racks, at least as many as replicas.</param>
    /// <param name="first">Number of the first partition to place.</param>
    /// <param name="count">How many partitions.</param>
    /// <param name="replicas">Replicas of each.</param>
    /// <param name="startIndex">Where in the list the first leader is; random for a new topic.</param>
    /// <param name="startShift">Distance to the second replica at the first round; random for a new topic.</param>
    public static ImmutableSortedDictionary<int, ImmutableArray<int>> Place(
        IReadOnlyList<(int Id, string? Rack)> brokers, int first, int count, int replicas, int startIndex, int startShift)
    {
        bool racks = brokers.All(b => b.Rack is not null);
        int[] order = racks ? Alternate(brokers) : [.. brokers.Select(b => b.Id).Order()];
        Dictionary<int, string?> rackOf = brokers.ToDictionary(b => b.Id, b => b.Rack);
        int rackCount = racks ? rackOf.Values.Distinct().Count() : 0;
        var placed = ImmutableSortedDictionary.CreateBuilder<int, ImmutableArray<int>>();
        int shift = startShift;
        for (int partition = first; partition < first + count; partition++)
        {
            if (partition > 0 && partition % order.Length == 0)
            {
                shift++;
            }
            int leaderAt = (partition + startIndex) % order.Length;
            placed[partition] = racks
                ? WithRacks(order, rackOf, rackCount, leaderAt, replicas, shift)
                : Plain(order, leaderAt, replicas, shift);
        }
        return placed.ToImmutable();
    }

    private static ImmutableArray<int> Plain(int[] order, int leaderAt, int replicas, int shift)
    {
        var list = ImmutableArray.CreateBuilder<int>(replicas);
        list.Add(order[leaderAt]);
        for (int j = 0; j < replicas - 1; j++)
        {
            list.Add(order[ReplicaIndex(leaderAt, shift, j, order.Length)]);
        }
        return list.ToImmutable();
    }

    private static ImmutableArray<int> WithRacks(
        int[] order, Dictionary<int, string?> rackOf, int rackCount, int leaderAt, int replicas, int shift)
    {
        var list = new List<int> { order[leaderAt] };
        var racksUsed = new HashSet<string?> { rackOf[order[leaderAt]] };
        int k = 0;
        while (list.Count < replicas)
        {
            int broker = order[ReplicaIndex(leaderAt, shift * rackCount, k++, order.Length)];
            bool rackIsFree = !racksUsed.Contains(rackOf[broker]) || racksUsed.Count == rackCount;
            bool brokerIsFree = !list.Contains(broker) || list.Distinct().Count() == order.Length;
            if (rackIsFree && brokerIsFree)
            {
                list.Add(broker);
                racksUsed.Add(rackOf[broker]);
            }
        }
        return [.. list];
    }

    private static int ReplicaIndex(int leaderAt, int shift, int replica, int brokers) =>
        brokers == 1 ? 0 : (leaderAt + 1 + ((shift + replica) % (brokers - 1))) % brokers;

    /// <summary>Brokers in an order that goes round the racks: 0 of rack a, 3 of rack b, 5 of rack c, 1 of rack a ...</summary>
    private static int[] Alternate(IReadOnlyList<(int Id, string? Rack)> brokers)
    {
        Queue<int>[] racks =
        [
            .. brokers.GroupBy(b => b.Rack, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
                .Select(g => new Queue<int>(g.Select(b => b.Id).Order())),
        ];
        var order = new List<int>(brokers.Count);
        for (int i = 0; order.Count < brokers.Count; i++)
        {
            if (racks[i % racks.Length].TryDequeue(out int id))
            {
                order.Add(id);
            }
        }
        return [.. order];
    }
}
