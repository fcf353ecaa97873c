using System.Globalization;
using Broker.Engine.Admin.Hosted.Replicas;
using Broker.Engine.Administration;
using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted;

/// <summary>What the controller is asked for about replicas: elections, moves, their limits.</summary>
internal sealed partial class ClusterAdmin
{
    private const int ControllerTimeoutMs = 30_000;

    /// <summary>How long one list of reassignments may take, milliseconds; and one that somebody waits for.</summary>
    private const int ListTimeoutMs = 2_000;
    private const int ReadTimeoutMs = 800;

    /// <summary>How long after somebody looked the list is still followed.</summary>
    private static readonly TimeSpan s_interest = TimeSpan.FromSeconds(10);

    /// <summary>How soon after one list another is asked for: with the next tick of a second, whose distance wavers.</summary>
    private static readonly TimeSpan s_listAgain = TimeSpan.FromMilliseconds(900);

    private static readonly string[] s_rates = ["leader.replication.throttled.rate", "follower.replication.throttled.rate"];

    private static readonly string[] s_throttled = ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"];

    private readonly ReassignmentWatch _reassignments = new();
    private long _lookedAt;
    private long _listedAt;
    private int _isListing;

    /// <summary>Whether the limit that is set came with a reassignment, and goes with the last of them.</summary>
    private volatile bool _takesLimitAway;

    public ReassignmentsView Reassignments(int skip, int take)
    {
        Interlocked.Exchange(ref _lookedAt, _cluster.Time.GetTimestamp());
        RefreshReassignments();
        return _reassignments.Read(skip, take, Throttle());
    }

    public async Task<ReassignmentsView> ReadReassignmentsAsync(int skip, int take, CancellationToken cancellationToken)
    {
        await ListAsync(cancellationToken, ReadTimeoutMs).ConfigureAwait(false);
        return Reassignments(skip, take);
    }

    /// <summary>Asks the controller once a second while reassignments are under way or somebody looks.</summary>
    private void RefreshReassignments()
    {
        bool isWanted = _takesLimitAway || _reassignments.Count > 0
            || (_lookedAt != 0 && _cluster.Time.GetElapsedTime(Interlocked.Read(ref _lookedAt)) < s_interest);
        if (isWanted && _cluster.Time.GetElapsedTime(Interlocked.Read(ref _listedAt)) >= s_listAgain
            && Interlocked.Exchange(ref _isListing, 1) == 0)
        {
            _ = ListInBackgroundAsync();
        }
    }

    private async Task ListInBackgroundAsync()
    {
        try
        {
            await ListAsync(CancellationToken.None).ConfigureAwait(false);
            if (_takesLimitAway && _reassignments.Count == 0)
            {
                await SetThrottleAsync(null, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // There is no controller, or its broker stops: what was listed last stands, with its time.
        }
        finally
        {
            Volatile.Write(ref _isListing, 0);
        }
    }

    private async Task ListAsync(CancellationToken cancellationToken, int withinMs = ListTimeoutMs)
    {
        Interlocked.Exchange(ref _listedAt, _cluster.Time.GetTimestamp());
        if (Informed() is not { } broker)
        {
            return;
        }
        ListPartitionReassignmentsResponse response = await broker.ReplicaAdministration.ListAsync(
            new ListPartitionReassignmentsRequest { TimeoutMs = withinMs, Topics = null }, cancellationToken).ConfigureAwait(false);
        if (response.ErrorCode == ErrorCode.None)
        {
            _reassignments.Observe(
                [
                    .. response.Topics.SelectMany(t => t.Partitions, (t, p) => new Reassignment(
                        new TopicPartition(t.Name, p.PartitionIndex), [.. p.Replicas], [.. p.AddingReplicas], [.. p.RemovingReplicas])),
                ],
                Copied, _cluster.Time.GetUtcNow());
        }
    }

    /// <summary>How far the replicas that come are: their part of the leader's offsets, of the leader's bytes. Null where a broker of
    /// another host has not told.</summary>
    private CopiedBytes? Copied(Reassignment one)
    {
        Partition? leader = Leader(one.Id)?.Partition;
        if (leader is null || one.Adding.Any(IsRemote))
        {
            _remoteLogs.Look();
            _remoteLogs.LookAt(one.Id);
        }
        LedLog log = LogOf(one.Id, LeaderOf(one.Id));
        if (log.Messages < 0 || log.SizeBytes < 0)
        {
            return null;
        }
        long done = 0;
        foreach (int replica in one.Adding)
        {
            long at = Held(replica, one.Id)?.Log.LogEndOffset ?? leader?.Role.Follower(replica)?.LogEndOffset
                ?? Asked(one.Id, replica, isLeader: false, out _)?.End ?? -1;
            double share = log.Messages == 0 ? 1 : Math.Clamp((at - log.Start) / (double)log.Messages, 0, 1);
            done += (long)(log.SizeBytes * share);
        }
        return new CopiedBytes(done, log.SizeBytes * one.Adding.Count);
    }

    public async Task<ElectionOutcome> ElectPreferredAsync(IReadOnlyList<TopicPartition>? partitions, CancellationToken cancellationToken)
    {
        BrokerServer broker = Able();
        var request = new ElectLeadersRequest
        {
            ElectionType = ReplicaAdministration.PreferredElection,
            TimeoutMs = ControllerTimeoutMs,
            TopicPartitions = null,
        };
        if (partitions is not null)
        {
            request.TopicPartitions = [];
            foreach (IGrouping<string, TopicPartition> topic in Named(partitions).GroupBy(p => p.Topic))
            {
                var named = new ElectLeadersRequest.TopicPartitionsData { Topic = topic.Key };
                named.Partitions.AddRange(topic.Select(p => p.Partition));
                request.TopicPartitions.Add(named);
            }
        }
        ElectLeadersResponse response = await broker.ReplicaAdministration.ElectAsync(request, cancellationToken).ConfigureAwait(false);
        ThrowIfFailed(response.ErrorCode, null);
        var results = response.ReplicaElectionResults.SelectMany(t => t.PartitionResult, (t, p) => (t.Topic, Result: p)).ToList();
        List<TopicPartition> elected =
            [.. results.Where(r => r.Result.ErrorCode == ErrorCode.None).Select(r => new TopicPartition(r.Topic, r.Result.PartitionId))];
        await UntilAsync(() => elected.TrueForAll(IsOnPreferred), cancellationToken).ConfigureAwait(false);
        return new ElectionOutcome(
            elected.Count,
            [
                .. results.Where(r => r.Result.ErrorCode is not (ErrorCode.None or ErrorCode.ElectionNotNeeded)).Select(
                    r => new ElectionFailure(r.Topic, r.Result.PartitionId, r.Result.ErrorCode.Name(), r.Result.ErrorMessage)),
            ]);
    }

    private bool IsOnPreferred(TopicPartition id) =>
        Image.Partition(id.Topic, id.Partition) is not { Replicas.IsEmpty: false } state || state.Leader == state.Replicas[0];

    public async Task ReassignAsync(
        IReadOnlyList<NewAssignment> assignments, long? throttleBytesPerSec, CancellationToken cancellationToken)
    {
        BrokerServer broker = Able();
        List<TopicPartition> ids = [.. Named(assignments.Select(a => new TopicPartition(a.Topic, a.Partition)))];
        if (ids.Count != ids.Distinct().Count())
        {
            throw new AdminException("INVALID_REQUEST", "A partition is named twice.");
        }
        bool isLimitOurs = throttleBytesPerSec is not null && Throttle() is null;
        if (throttleBytesPerSec is { } limit)
        {
            await ThrottleAsync(assignments, limit, cancellationToken).ConfigureAwait(false);
        }
        try
        {
            await SendAsync(
                broker, assignments.Select(a => (new TopicPartition(a.Topic, a.Partition), (IReadOnlyList<int>?)a.Replicas)), cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _takesLimitAway |= isLimitOurs;
        }
    }

    public async Task<int> CancelReassignmentsAsync(IReadOnlyList<TopicPartition>? partitions, CancellationToken cancellationToken)
    {
        BrokerServer broker = Able();
        if (partitions is null)
        {
            await ListAsync(cancellationToken).ConfigureAwait(false);
        }
        IReadOnlyList<TopicPartition> ids = partitions ?? _reassignments.Partitions();
        if (ids.Count > 0)
        {
            await SendAsync(broker, Named(ids).Select(p => (p, (IReadOnlyList<int>?)null)), cancellationToken).ConfigureAwait(false);
        }
        return ids.Count;
    }

    private async Task SendAsync(
        BrokerServer broker, IEnumerable<(TopicPartition Id, IReadOnlyList<int>? Replicas)> wanted, CancellationToken cancellationToken)
    {
        var request = new AlterPartitionReassignmentsRequest { TimeoutMs = ControllerTimeoutMs, AllowReplicationFactorChange = true };
        foreach (IGrouping<string, (TopicPartition Id, IReadOnlyList<int>? Replicas)> group in wanted.GroupBy(w => w.Id.Topic))
        {
            var topic = new AlterPartitionReassignmentsRequest.ReassignableTopic { Name = group.Key };
            topic.Partitions.AddRange(group.Select(w => new AlterPartitionReassignmentsRequest.ReassignablePartition
            {
                PartitionIndex = w.Id.Partition,
                Replicas = w.Replicas is { } replicas ? [.. replicas] : null,
            }));
            request.Topics.Add(topic);
        }
        AlterPartitionReassignmentsResponse response = await broker.ReplicaAdministration.ReassignAsync(request, cancellationToken).ConfigureAwait(false);
        ThrowIfFailed(response.ErrorCode, response.ErrorMessage);
        await ListAsync(cancellationToken).ConfigureAwait(false);
        foreach (AlterPartitionReassignmentsResponse.ReassignableTopicResponse topic in response.Responses)
        {
            foreach (AlterPartitionReassignmentsResponse.ReassignablePartitionResponse partition in topic.Partitions)
            {
                ThrowIfFailed(partition.ErrorCode, $"{topic.Name}-{partition.PartitionIndex}: {partition.ErrorMessage}");
            }
        }
    }

    public async Task SetThrottleAsync(long? bytesPerSec, CancellationToken cancellationToken)
    {
        if (bytesPerSec is <= 0)
        {
            throw new AdminException("INVALID_REQUEST", "The limit must be above 0 bytes a second.");
        }
        _takesLimitAway = false;
        string? value = bytesPerSec?.ToString(CultureInfo.InvariantCulture);
        Dictionary<string, string?> rates = s_rates.ToDictionary(k => k, _ => value);
        foreach (int broker in Image.Brokers.Keys.Order())
        {
            await WriteConfigAsync(
                new ConfigResource(ConfigResourceKind.Broker, broker.ToString(CultureInfo.InvariantCulture)), rates, validateOnly: false,
                cancellationToken).ConfigureAwait(false);
        }
        if (bytesPerSec is null && Informed() is { } informed)
        {
            // The lists of replicas that the limit was for mean nothing without it.
            foreach (string topic in Image.Topics.Keys.Where(t => s_throttled.Any(informed.Config.Topic(t).ContainsKey)))
            {
                await AlterConfigAsync(
                    new ConfigResource(ConfigResourceKind.Topic, topic), s_throttled.ToDictionary(k => k, _ => (string?)null),
                    validateOnly: false, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Limits what moves, as kafka-reassign-partitions does: the replicas that send and those that come by name, and the
    /// rate on every broker.</summary>
    private async Task ThrottleAsync(IReadOnlyList<NewAssignment> assignments, long limit, CancellationToken cancellationToken)
    {
        await SetThrottleAsync(limit, cancellationToken).ConfigureAwait(false);
        foreach (IGrouping<string, NewAssignment> topic in assignments.GroupBy(a => a.Topic))
        {
            var moves = topic.Select(a => (a.Partition, a.Replicas, Now: Image.Partition(a.Topic, a.Partition)?.Replicas ?? []))
                .Where(m => m.Replicas.Any(r => !m.Now.Contains(r))).ToList();
            if (moves.Count > 0)
            {
                await AlterConfigAsync(
                    new ConfigResource(ConfigResourceKind.Topic, topic.Key),
                    new Dictionary<string, string?>
                    {
                        [s_throttled[0]] = string.Join(',', moves.SelectMany(m => m.Now, (m, r) => $"{m.Partition}:{r}")),
                        [s_throttled[1]] = string.Join(
                            ',', moves.SelectMany(m => m.Replicas.Where(r => !m.Now.Contains(r)), (m, r) => $"{m.Partition}:{r}")),
                    },
                    validateOnly: false, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The least limit that a broker of this host has; null for none.</summary>
    private long? Throttle()
    {
        long? least = null;
        foreach (BrokerServer broker in Running())
        {
            foreach (string key in s_rates)
            {
                string? value = broker.Config.OwnBroker.GetValueOrDefault(key) ?? broker.Config.DefaultBroker.GetValueOrDefault(key);
                if (long.TryParse(value, CultureInfo.InvariantCulture, out long rate) && rate < long.MaxValue && (least is null || rate < least))
                {
                    least = rate;
                }
            }
        }
        return least;
    }

    /// <exception cref="AdminException">INVALID_REQUEST.</exception>
    private static IEnumerable<TopicPartition> Named(IEnumerable<TopicPartition> partitions)
    {
        List<TopicPartition> named = [.. partitions];
        return named.Count is > 0 and <= ReplicationLimits.PartitionsMax ? named : throw new AdminException(
            "INVALID_REQUEST", $"Between 1 and {ReplicationLimits.PartitionsMax} partitions can be named, not {named.Count}.");
    }

    private static void ThrowIfFailed(ErrorCode error, string? message)
    {
        if (error != ErrorCode.None)
        {
            throw new AdminException(error.Name(), message ?? (error == ErrorCode.NotController ? "There is no controller now." : error.Name()));
        }
    }
}
