using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Elections that somebody asks for: preferred leaders, leaders that are not in sync, and the balance that is kept by
/// itself.</summary>
internal sealed partial class ClusterController
{
    /// <summary>ElectLeaders' types (Kafka: ElectionType).</summary>
    private const sbyte PreferredElection = 0;
    private const sbyte UncleanElection = 1;

    /// <summary>First look at the balance after an election of the controller.</summary>
    private static readonly TimeSpan s_firstBalance = TimeSpan.FromSeconds(5);

    private ITimer? _balance;

    /// <summary>Elects preferred or unclean leaders, as a client asks.</summary>
    public Task<ElectLeadersResponse> ElectAsync(ElectLeadersRequest request) => AskAsync(
        ControllerActivity.ManualLeaderBalance, () => ElectAskedAsync(request),
        static error => new ElectLeadersResponse { ErrorCode = error });

    private async Task<ElectLeadersResponse> ElectAskedAsync(ElectLeadersRequest request)
    {
        var response = new ElectLeadersResponse();
        if (request.ElectionType is not (PreferredElection or UncleanElection))
        {
            response.ErrorCode = ErrorCode.InvalidRequest;
            return response;
        }
        List<(string Topic, int Partition)> asked = request.TopicPartitions is { } named
            ? [.. named.SelectMany(t => t.Partitions, (t, p) => (t.Topic, p)).Distinct()]
            : [.. Shown().SelectMany(t => t.Partitions.Keys, (t, p) => (t.Name, p))];
        var results = new List<(string Topic, ElectLeadersResponse.PartitionResult Result)>();
        var changes = new List<(ControlledPartition Partition, PartitionStateNode State)>();
        foreach ((string topic, int index) in asked)
        {
            var result = new ElectLeadersResponse.PartitionResult { PartitionId = index, ErrorMessage = null };
            (result.ErrorCode, result.ErrorMessage, PartitionStateNode? next) = Judge(topic, index, request.ElectionType);
            if (next is not null)
            {
                ControlledPartition partition = _topics[topic].Partitions[index];
                CountUnclean(partition.State!, next);
                changes.Add((partition, next));
            }
            // Where all are asked for, those that are well are of no interest.
            if (request.TopicPartitions is not null || result.ErrorCode != ErrorCode.ElectionNotNeeded)
            {
                results.Add((topic, result));
            }
        }
        await ElectAsync(changes).ConfigureAwait(false);
        foreach (IGrouping<string, (string Topic, ElectLeadersResponse.PartitionResult Result)> group in results.GroupBy(r => r.Topic))
        {
            var topic = new ElectLeadersResponse.ReplicaElectionResult { Topic = group.Key };
            topic.PartitionResult.AddRange(group.Select(r => r.Result));
            response.ReplicaElectionResults.Add(topic);
        }
        return response;
    }

    private (ErrorCode Error, string? Message, PartitionStateNode? Next) Judge(string topic, int index, sbyte type)
    {
        if (!_topics.TryGetValue(topic, out ControlledTopic? known)
            || known.Partitions.GetValueOrDefault(index) is not { State: { } state } partition)
        {
            return (ErrorCode.UnknownTopicOrPartition, "The partition does not exist.", null);
        }
        if (_deleting.Contains(topic))
        {
            return (ErrorCode.InvalidTopicException, "The topic is being deleted", null);
        }
        bool isPreferred = type == PreferredElection;
        if (isPreferred ? state.Leader == partition.Replicas[0] : state.Leader != PartitionImage.NoLeader && _channels.ContainsKey(state.Leader))
        {
            return (ErrorCode.ElectionNotNeeded, "Leader election not needed for topic partition.", null);
        }
        PartitionStateNode? next = isPreferred
            ? LeaderElection.Preferred(partition.Replicas, state, r => IsOnline(partition, r))
            : LeaderElection.Offline(partition.Replicas, state, r => IsOnline(partition, r), allowUnclean: true);
        return next is { Leader: not PartitionImage.NoLeader } ? (ErrorCode.None, null, next)
            : isPreferred
            ? (ErrorCode.PreferredLeaderNotAvailable,
                $"Failed to elect leader for partition {topic}-{index} under strategy PreferredReplicaPartitionLeaderElectionStrategy", null)
            : (ErrorCode.EligibleLeadersNotAvailable,
                $"Failed to elect leader for partition {topic}-{index} under strategy OfflinePartitionLeaderElectionStrategy(true)", null);
    }

    private async Task ElectAsync(List<(ControlledPartition Partition, PartitionStateNode State)> changes)
    {
        List<ControlledPartition> changed = await CommitAsync(changes).ConfigureAwait(false);
        var batch = new ControllerBatch();
        Tell(batch, changed);
        batch.Send(NewSender());
    }

    /// <summary>Elects the preferred leaders that an old tool has asked for through the tree.</summary>
    private async Task ReadPreferredElectionAsync()
    {
        GetResult node = await _session.GetAsync(ClusterPaths.PreferredElection, Stopping).ConfigureAwait(false);
        if (node.Error != CoordinationError.None)
        {
            return;
        }
        var changes = new List<(ControlledPartition, PartitionStateNode)>();
        foreach (TopicPartition asked in ReadOr(node.Data, ClusterJson.ReadPartitions, []).Distinct())
        {
            if (Judge(asked.Topic, asked.Partition, PreferredElection).Next is { } next)
            {
                changes.Add((_topics[asked.Topic].Partitions[asked.Partition], next));
            }
        }
        await ElectAsync(changes).ConfigureAwait(false);
        // What came after this was read is read again.
        _ = await _session.MultiAsync(
            [
                CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion),
                CoordinationOperation.Delete(ClusterPaths.PreferredElection, node.Stat.Version),
            ],
            Stopping).ConfigureAwait(false);
    }

    /// <summary>The configuration of a topic, or with null of brokers, has changed: where replicas that are not in sync may lead
    /// now, they do.</summary>
    public void OnConfigChanged(string? topic)
    {
        if (!_isActive || !(topic is null ? _setup.AllowsUncleanByDefault : _setup.AllowsUnclean(topic)))
        {
            return;
        }
        int epoch = _epoch;
        Post(
            topic is null ? ControllerActivity.UncleanLeaderElectionEnable : ControllerActivity.TopicUncleanLeaderElectionEnable,
            () => IsCurrent(epoch) ? ElectWhereAllowedAsync(topic) : Task.CompletedTask);
    }

    private async Task ElectWhereAllowedAsync(string? topic)
    {
        var batch = new ControllerBatch();
        Tell(batch, await DecideAsync(
            [.. Shown().Where(t => topic is null || t.Name == topic).SelectMany(t => t.Partitions.Values)], some => Elections(some)).ConfigureAwait(false));
        batch.Send(NewSender());
    }

    private void StartBalance()
    {
        if (!_setup.Balances)
        {
            return;
        }
        int epoch = _epoch;
        _balance = _time.CreateTimer(
            _ => Post(ControllerActivity.AutoLeaderBalance, () => IsCurrent(epoch) ? BalanceAsync() : Task.CompletedTask),
            null, s_firstBalance, _setup.BalanceInterval);
    }

    /// <summary>Elects the preferred leaders of each broker that lacks too large a share of those it should lead (Kafka:
    /// checkAndTriggerAutoLeaderRebalance).</summary>
    private async Task BalanceAsync()
    {
        var changes = new List<(ControlledPartition, PartitionStateNode)>();
        foreach (IGrouping<int, ControlledPartition> preferred in
            Shown().SelectMany(t => t.Partitions.Values).Where(p => p.State is not null).GroupBy(p => p.Replicas[0]))
        {
            ControlledPartition[] elsewhere = [.. preferred.Where(p => p.State!.Leader != preferred.Key)];
            if (elsewhere.Length > preferred.Count() * (_setup.ImbalancePercentage / 100.0))
            {
                foreach (ControlledPartition partition in elsewhere)
                {
                    if (LeaderElection.Preferred(partition.Replicas, partition.State!, r => IsOnline(partition, r)) is { } next)
                    {
                        changes.Add((partition, next));
                    }
                }
            }
        }
        if (changes.Count > 0)
        {
            LogBalanced(changes.Count);
            await ElectAsync(changes).ConfigureAwait(false);
        }
    }

    /// <summary>What an operator's node says; where it cannot be read, <paramref name="otherwise"/>.</summary>
    private T ReadOr<T>(ReadOnlyMemory<byte> data, Func<ReadOnlyMemory<byte>, T> read, T otherwise)
    {
        try
        {
            return read(data);
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            LogUnreadable(e.Message);
            return otherwise;
        }
    }

    [LoggerMessage(7060, LogLevel.Information, "{Count} partitions go back to their preferred leaders", EventName = "LeadersBalanced")]
    private partial void LogBalanced(int count);

    [LoggerMessage(7061, LogLevel.Warning, "what a tool wrote to the tree cannot be read: {Reason}", EventName = "ToolNodeUnreadable")]
    private partial void LogUnreadable(string reason);
}
