using Broker.Engine.Admin.Hosted.Replicas;
using Broker.Engine.Metadata;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Proposals for an even spread.</summary>
internal sealed partial class ClusterAdmin
{
    public RebalanceProposal ProposeRebalance(RebalanceOptions options)
    {
        _remoteLogs.Look();
        MetadataImage image = Image;
        HashSet<int> without = [.. options.Without ?? []];
        (int Id, string? Rack)[] brokers = [.. image.Brokers.Values.Where(b => !without.Contains(b.Id)).Select(b => (b.Id, b.Rack))];
        if (brokers.Length == 0)
        {
            throw new AdminException("INVALID_REQUEST", "No broker is left that could hold anything.");
        }
        List<PlannedPartition> planned = [.. Chosen(options, image).SelectMany(Planned)];
        List<int[]> before = [.. planned.Select(p => (int[])p.Replicas.Clone())];
        var planner = new RebalancePlanner(planned, brokers);
        if (!options.LeadersOnly)
        {
            if (planner.Empty(without) is { } stuck)
            {
                throw new AdminException(
                    "INVALID_REQUEST", $"{stuck.Topic}-{stuck.Partition} has {stuck.Replicas.Length} replicas, and only {brokers.Length} brokers are left.");
            }
            planner.SpreadReplicas();
        }
        planner.SpreadLeaders();
        return Describe(planned, before, image, without);
    }

    private IEnumerable<TopicImage> Chosen(RebalanceOptions options, MetadataImage image) => options.Topics is { Count: > 0 } named
        ? named.Distinct(StringComparer.Ordinal).Select(Known)
        : image.Topics.Values.Where(t => options.Without is { Count: > 0 } || !InternalTopics.Contains(t.Name));

    private IEnumerable<PlannedPartition> Planned(TopicImage topic) => topic.Partitions
        .Select((p, i) => (Image: p, Index: i)).Where(p => p.Image is { Replicas.IsEmpty: false })
        .Select(p => new PlannedPartition(topic.Name, p.Index, [.. p.Image!.Replicas], SizeOf(new TopicPartition(topic.Name, p.Index)) ?? 0));

    private long? SizeOf(TopicPartition id) => LogOf(id, LeaderOf(id)).SizeBytes is >= 0 and var bytes ? bytes : null;

    private RebalanceProposal Describe(
        List<PlannedPartition> planned, List<int[]> before, MetadataImage image, HashSet<int> without)
    {
        var moves = new List<PartitionMove>();
        var balances = new SortedDictionary<int, int[]>();
        (int copies, int leads, long bytes) = (0, 0, 0);
        var after = new SkewFormulae();
        for (int i = 0; i < planned.Count; i++)
        {
            (PlannedPartition to, int[] from) = (planned[i], before[i]);
            after.Add(to.Replicas[0], to.Replicas, to.Replicas);
            Count(balances, from, 0);
            Count(balances, to.Replicas, 1);
            if (from.AsSpan().SequenceEqual(to.Replicas))
            {
                continue;
            }
            int added = to.Replicas.Count(r => !from.Contains(r));
            long? size = SizeOf(new TopicPartition(to.Topic, to.Partition));
            copies += added;
            leads += from[0] == to.Replicas[0] ? 0 : 1;
            bytes += added * (size ?? 0);
            moves.Add(new PartitionMove(to.Topic, to.Partition, from, to.Replicas, added == 0 ? 0 : size * added));
        }
        foreach (int broker in image.Brokers.Keys)
        {
            balances.TryAdd(broker, new int[4]);
        }
        return new RebalanceProposal
        {
            Moves = [.. moves.OrderBy(m => m.Topic, StringComparer.Ordinal).ThenBy(m => m.Partition)],
            ReplicasToMove = copies,
            LeadersToMove = leads,
            BytesToMove = bytes,
            Before = SkewFormulae.Of(planned.Select(p => image.Partition(p.Topic, p.Partition)).OfType<PartitionImage>(), image.Brokers.Count),
            After = after.Read(image.Brokers.Keys.Count(b => !without.Contains(b))),
            Brokers = [.. balances.Select(b => new BrokerBalance(b.Key, b.Value[0], b.Value[1], b.Value[2], b.Value[3]))],
        };
    }

    /// <summary>Replicas before and after, preferred leaders before and after.</summary>
    private static void Count(SortedDictionary<int, int[]> balances, int[] replicas, int column)
    {
        foreach (int broker in replicas)
        {
            if (!balances.TryGetValue(broker, out int[]? counts))
            {
                balances[broker] = counts = new int[4];
            }
            counts[column]++;
            counts[column + 2] += broker == replicas[0] ? 1 : 0;
        }
    }
}
