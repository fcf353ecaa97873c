using System.Collections.Immutable;

namespace Broker.Engine.Controller;

/// <summary>
/// How replicas would lie evenly: every broker with as many replicas, and as many preferred leaderships, as the others, with as
/// few moves as that takes. Replicas on brokers that are not to have any go first. A replica does not move to a broker whose rack
/// another replica of its partition has, as long as there is another way. Cost grows with moves times partitions. Stateless.
/// </summary>
internal static class RebalancePlan
{
    /// <param name="partitions">Every partition that may move, with its replicas.</param>
    /// <param name="brokers">The brokers that are to have replicas, with their racks.</param>
    /// <returns>The replicas of every partition, in the order given.</returns>
    public static List<ImmutableArray<int>> Spread(
        IReadOnlyList<ImmutableArray<int>> partitions, IReadOnlyDictionary<int, string?> brokers)
    {
        List<int[]> replicas = [.. partitions.Select(p => p.ToArray())];
        Dictionary<int, int> load = brokers.Keys.ToDictionary(b => b, b => replicas.Sum(p => p.Count(r => r == b)));
        foreach (int[] partition in replicas)
        {
            Evacuate(partition, brokers, load);
        }
        while (MoveOne(replicas, brokers, load))
        {
            // until no broker has two more than another
        }
        Dictionary<int, int> leads = brokers.Keys.ToDictionary(b => b, b => replicas.Count(p => p[0] == b));
        while (SwapOne(replicas, leads))
        {
            // until leaderships are even too
        }
        return [.. replicas.Select(p => p.ToImmutableArray())];
    }

    private static void Evacuate(int[] partition, IReadOnlyDictionary<int, string?> brokers, Dictionary<int, int> load)
    {
        for (int i = 0; i < partition.Length; i++)
        {
            if (!brokers.ContainsKey(partition[i]) && Best(partition, i, brokers, load) is { } target)
            {
                partition[i] = target;
                load[target]++;
            }
        }
    }

    /// <summary>The least loaded broker that has no replica of a partition, one of another rack first.</summary>
    private static int? Best(int[] partition, int at, IReadOnlyDictionary<int, string?> brokers, Dictionary<int, int> load)
    {
        int[] free = [.. load.Where(b => !partition.Contains(b.Key)).OrderBy(b => b.Value).ThenBy(b => b.Key).Select(b => b.Key)];
        return free.Length == 0 ? null : free.Where(b => KeepsRacks(partition, at, b, brokers)).Append(free[0]).First();
    }

    private static bool KeepsRacks(int[] partition, int at, int target, IReadOnlyDictionary<int, string?> brokers) =>
        brokers[target] is not { } rack
            || !partition.Where((_, i) => i != at).Any(r => brokers.TryGetValue(r, out string? other) && other == rack);

    private static bool MoveOne(List<int[]> replicas, IReadOnlyDictionary<int, string?> brokers, Dictionary<int, int> load)
    {
        foreach ((int from, int many) in load.OrderByDescending(b => b.Value).ToArray())
        {
            foreach ((int to, int few) in load.OrderBy(b => b.Value).TakeWhile(b => b.Value < many - 1).ToArray())
            {
                foreach (int[] partition in replicas)
                {
                    int at = Array.IndexOf(partition, from);
                    if (at >= 0 && !partition.Contains(to) && KeepsRacks(partition, at, to, brokers))
                    {
                        partition[at] = to;
                        load[from] = many - 1;
                        load[to] = few + 1;
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private static bool SwapOne(List<int[]> replicas, Dictionary<int, int> leads)
    {
        foreach ((int from, int many) in leads.OrderByDescending(b => b.Value).ToArray())
        {
            foreach (int[] partition in replicas.Where(p => p[0] == from))
            {
                for (int i = 1; i < partition.Length; i++)
                {
                    if (leads.TryGetValue(partition[i], out int few) && few < many - 1)
                    {
                        leads[from] = many - 1;
                        leads[partition[i]] = few + 1;
                        (partition[0], partition[i]) = (partition[i], partition[0]);
                        return true;
                    }
                }
            }
        }
        return false;
    }
}
