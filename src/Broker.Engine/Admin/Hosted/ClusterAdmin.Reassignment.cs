using System.Collections.Immutable;
using Broker.Engine.Administration;
using Broker.Engine.Controller;
using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Leaders and replicas that move.</summary>
internal sealed partial class ClusterAdmin
{
    public async Task<IReadOnlyList<ElectionResult>> ElectPreferredAsync(string? topic, CancellationToken cancellationToken)
    {
        BrokerServer broker = Able();
        var request = new ElectLeadersRequest
        {
            ElectionType = ReplicaAdministration.PreferredElection,
            TimeoutMs = (int)ChangeTimeoutMs,
            TopicPartitions = null,
        };
        if (topic is not null)
        {
            TopicImage image = Image.Topic(topic)
                ?? throw new AdminException(ErrorCode.UnknownTopicOrPartition.Name(), $"There is no topic '{topic}'.");
            var partitions = new ElectLeadersRequest.TopicPartitionsData { Topic = topic };
            partitions.Partitions.AddRange(Enumerable.Range(0, image.Partitions.Length));
            request.TopicPartitions = [partitions];
        }
        ElectLeadersResponse response = await broker.ReplicaAdministration.ElectAsync(request, cancellationToken).ConfigureAwait(false);
        ThrowIfRefused(new Outcome(response.ErrorCode, null));
        ElectionResult[] results =
        [
            .. response.ReplicaElectionResults.SelectMany(t => t.PartitionResult, (t, p) =>
                new ElectionResult(t.Topic, p.PartitionId, p.ErrorCode.Name(), p.ErrorMessage)),
        ];
        ElectionResult[] elected = [.. results.Where(r => r.Error == ErrorCode.None.Name())];
        await WaitAsync(
            broker, image => Array.TrueForAll(elected, e => image.Partition(e.Topic, e.Partition) is not { } p || p.Leader == p.Replicas[0]),
            "elect preferred leaders").ConfigureAwait(false);
        return results;
    }

    public ReassignmentProposal ProposeReassignment(IReadOnlyList<string>? topics, IReadOnlyList<int>? brokers)
    {
        MetadataImage image = Image;
        foreach (string unknown in (topics ?? []).Where(t => image.Topic(t) is null))
        {
            throw new AdminException(ErrorCode.UnknownTopicOrPartition.Name(), $"There is no topic '{unknown}'.");
        }
        foreach (int dead in (brokers ?? []).Where(b => !image.IsAlive(b)))
        {
            throw new AdminException(ErrorCode.InvalidReplicaAssignment.Name(), $"Broker {dead} is not alive.");
        }
        Dictionary<int, string?> targets = image.Brokers.Values
            .Where(b => brokers is null || brokers.Contains(b.Id)).ToDictionary(b => b.Id, b => b.Rack);
        (TopicPartition Id, PartitionImage Image)[] partitions =
        [
            .. image.Topics.Values.Where(t => topics is null || topics.Contains(t.Name)).OrderBy(t => t.Name, StringComparer.Ordinal)
                .SelectMany(t => t.Partitions.Select((p, i) => (new TopicPartition(t.Name, i), p)))
                .Where(p => p.p is not null).Select(p => (p.Item1, p.p!)),
        ];
        List<ImmutableArray<int>> before = [.. partitions.Select(p => p.Image.Replicas)];
        List<ImmutableArray<int>> after = RebalancePlan.Spread(before, targets);
        ProposedMove[] moves =
        [
            .. partitions.Select((p, i) => (p.Id, Before: before[i], After: after[i])).Where(m => !m.Before.SequenceEqual(m.After))
                .Select(m => new ProposedMove
                {
                    Topic = m.Id.Topic,
                    Partition = m.Id.Partition,
                    Current = m.Before,
                    Proposed = m.After,
                    CopiedBytes = m.After.Count(r => !m.Before.Contains(r)) * (Leader(m.Id)?.Partition.Log.SizeBytes ?? 0),
                }),
        ];
        return new ReassignmentProposal
        {
            Moves = moves,
            Brokers =
            [
                .. image.Brokers.Keys.Order().Select(b => new BrokerShare(
                    b, before.Sum(p => p.Count(r => r == b)), after.Sum(p => p.Count(r => r == b)),
                    before.Count(p => p[0] == b), after.Count(p => p[0] == b))),
            ],
            CopiedBytes = moves.Sum(m => m.CopiedBytes),
        };
    }

    public Task ReassignAsync(IReadOnlyList<PartitionMove> moves, CancellationToken cancellationToken) =>
        ReassignAsync(moves.Select(m => (m.Topic, m.Partition, (IReadOnlyList<int>?)m.Replicas)), cancellationToken);

    public Task CancelReassignmentAsync(string topic, int partition, CancellationToken cancellationToken) =>
        ReassignAsync([(topic, partition, null)], cancellationToken);

    private async Task ReassignAsync(
        IEnumerable<(string Topic, int Partition, IReadOnlyList<int>? Replicas)> moves, CancellationToken cancellationToken)
    {
        var request = new AlterPartitionReassignmentsRequest { TimeoutMs = (int)ChangeTimeoutMs };
        foreach (var group in moves.GroupBy(m => m.Topic))
        {
            var topic = new AlterPartitionReassignmentsRequest.ReassignableTopic { Name = group.Key };
            foreach ((_, int partition, IReadOnlyList<int>? replicas) in group)
            {
                topic.Partitions.Add(new() { PartitionIndex = partition, Replicas = replicas is null ? null : [.. replicas] });
            }
            request.Topics.Add(topic);
        }
        AlterPartitionReassignmentsResponse response =
            await Able().ReplicaAdministration.ReassignAsync(request, cancellationToken).ConfigureAwait(false);
        ThrowIfRefused(new Outcome(response.ErrorCode, response.ErrorMessage));
        foreach (AlterPartitionReassignmentsResponse.ReassignableTopicResponse topic in response.Responses)
        {
            foreach (AlterPartitionReassignmentsResponse.ReassignablePartitionResponse one in topic.Partitions.Where(p => p.ErrorCode != ErrorCode.None))
            {
                throw new AdminException(one.ErrorCode.Name(), $"{topic.Name}-{one.PartitionIndex}: {one.ErrorMessage ?? one.ErrorCode.Name()}");
            }
        }
    }

    public async Task<IReadOnlyList<ReassignmentView>> ReassignmentsAsync(CancellationToken cancellationToken)
    {
        ListPartitionReassignmentsResponse response = await Able().ReplicaAdministration.ListAsync(
            new ListPartitionReassignmentsRequest { TimeoutMs = (int)ChangeTimeoutMs }, cancellationToken).ConfigureAwait(false);
        ThrowIfRefused(new Outcome(response.ErrorCode, response.ErrorMessage));
        return
        [
            .. response.Topics.OrderBy(t => t.Name, StringComparer.Ordinal).SelectMany(t => t.Partitions, (t, p) =>
                View(new TopicPartition(t.Name, p.PartitionIndex), [.. p.Replicas], [.. p.AddingReplicas], [.. p.RemovingReplicas])),
        ];
    }

    private ReassignmentView View(TopicPartition id, int[] replicas, int[] adding, int[] removing)
    {
        Partition? leader = Leader(id)?.Partition;
        (int Broker, Partition Replica)[] copies =
        [
            .. Running().Where(b => adding.Contains(b.Id)).Select(b => (b.Id, b.Replicas?.Partitions.Find(id)))
                .Where(c => c.Item2 is not null).Select(c => (c.Id, c.Item2!)),
        ];
        double progress = -1;
        if (leader is not null && (copies.Length > 0 || adding.Length == 0))
        {
            double span = leader.Log.LogEndOffset - leader.Log.LogStartOffset;
            progress = span <= 0 ? 1 : copies.Select(c => Math.Clamp((c.Replica.Log.LogEndOffset - leader.Log.LogStartOffset) / span, 0, 1))
                .DefaultIfEmpty(1).Min();
        }
        return new ReassignmentView
        {
            Topic = id.Topic,
            Partition = id.Partition,
            Replicas = replicas,
            Adding = adding,
            Removing = removing,
            LeaderBytes = leader?.Log.SizeBytes ?? -1,
            CopiedBytes = copies.ToDictionary(c => c.Broker, c => c.Replica.Log.SizeBytes),
            Progress = progress,
        };
    }
}
