using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Protocol.Messages;

namespace Broker.Engine.Controller;

/// <summary>Changes of in-sync replicas: those that leaders ask for, and those that brokers of before Kafka 3.0 wrote to the
/// tree themselves.</summary>
internal sealed partial class ClusterController
{
    /// <summary>Changes the in-sync replicas of partitions as their leader asks.</summary>
    public Task<AlterPartitionResponse> AlterPartitionAsync(AlterPartitionRequest request, short version) => AskAsync(
        ControllerActivity.IsrChange, () => AlterAsync(request, version),
        static error => new AlterPartitionResponse { ErrorCode = error });

    private async Task<AlterPartitionResponse> AlterAsync(AlterPartitionRequest request, short version)
    {
        if (_channels.GetValueOrDefault(request.BrokerId)?.Epoch != request.BrokerEpoch)
        {
            return new AlterPartitionResponse { ErrorCode = ErrorCode.StaleBrokerEpoch };
        }
        var response = new AlterPartitionResponse();
        var changes = new List<(ControlledPartition Partition, PartitionStateNode State)>();
        var asked = new List<(AlterPartitionResponse.PartitionData Answer, ControlledPartition Partition)>();
        foreach (AlterPartitionRequest.TopicData topic in request.Topics)
        {
            ControlledTopic? known = Find(topic.TopicName, topic.TopicId, version >= 2);
            var answers = new AlterPartitionResponse.TopicData { TopicName = topic.TopicName, TopicId = topic.TopicId };
            foreach (AlterPartitionRequest.PartitionData partition in topic.Partitions)
            {
                var answer = new AlterPartitionResponse.PartitionData { PartitionIndex = partition.PartitionIndex };
                answers.Partitions.Add(answer);
                if (known?.Partitions.GetValueOrDefault(partition.PartitionIndex) is not { State: { } state } found)
                {
                    // One that cannot be read may be meant: the leader asks again.
                    answer.ErrorCode = _unreadable.Count > 0 ? ErrorCode.UnknownServerError
                        : known is null && version >= 2 ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition;
                    continue;
                }
                (answer.ErrorCode, PartitionStateNode? next) = AlterPartitionRules.Check(
                    request.BrokerId, found.Replicas, state, partition, version,
                    r => r == request.BrokerId ? request.BrokerEpoch : EpochOf(r));
                if (answer.ErrorCode == ErrorCode.None)
                {
                    asked.Add((answer, found));
                    if (next is not null)
                    {
                        changes.Add((found, next));
                    }
                }
            }
            response.Topics.Add(answers);
        }
        List<ControlledPartition> changed = await CommitAsync(changes).ConfigureAwait(false);
        // A change that another was quicker than is refused; so the answer tells of states that hold.
        HashSet<ControlledPartition> refused = [.. changes.Select(c => c.Partition).Except(changed)];
        foreach ((AlterPartitionResponse.PartitionData answer, ControlledPartition partition) in asked)
        {
            Answer(answer, partition, refused.Contains(partition));
        }
        await TellInSyncAsync(changed).ConfigureAwait(false);
        // A 2.8 broker that is told so of one partition never changes its in-sync replicas again; told so of all, it asks again.
        return version == 0 && response.Topics.Any(t => t.Partitions.Any(p => p.ErrorCode == ErrorCode.OperationNotAttempted))
            ? new AlterPartitionResponse { ErrorCode = ErrorCode.OperationNotAttempted } : response;
    }

    /// <summary>Leaders know of their in-sync replicas already; clients are told.</summary>
    private Task TellInSyncAsync(IReadOnlyCollection<ControlledPartition> changed)
    {
        var batch = new ControllerBatch();
        foreach (ControlledPartition partition in changed)
        {
            batch.Metadata(partition);
        }
        batch.Send(NewSender());
        return EndReassignmentsAsync(changed);
    }

    private static void Answer(AlterPartitionResponse.PartitionData answer, ControlledPartition partition, bool isRefused)
    {
        if (isRefused)
        {
            answer.ErrorCode = ErrorCode.InvalidUpdateVersion;
            return;
        }
        PartitionStateNode state = partition.State!;
        answer.LeaderId = state.Leader;
        answer.LeaderEpoch = state.LeaderEpoch;
        answer.Isr.AddRange(state.InSyncReplicas);
        answer.LeaderRecoveryState = state.IsRecovering ? (sbyte)1 : (sbyte)0;
        answer.PartitionEpoch = state.Version;
    }

    private ControlledTopic? Find(string name, Guid id, bool byId) => byId
        ? _names.TryGetValue(id, out string? known) ? Find(known) : null
        : Find(name);

    /// <summary>A topic that is not being deleted.</summary>
    private ControlledTopic? Find(string name) =>
        _topics.TryGetValue(name, out ControlledTopic? topic) && !_deleting.Contains(name) ? topic : null;

    /// <summary>Epoch of a live broker that does not shut down; null of any other.</summary>
    private long? EpochOf(int broker) =>
        _channels.TryGetValue(broker, out BrokerChannel? channel) && !_shuttingDown.Contains(broker) ? channel.Epoch : null;

    /// <summary>Reads the states that brokers say they have changed, and tells all brokers (Kafka: IsrChangeNotification).</summary>
    private async Task ReadIsrChangesAsync()
    {
        ChildrenResult notes = await _session.GetChildrenAsync(ClusterPaths.IsrChanges, Stopping).ConfigureAwait(false);
        notes.Error.ThrowIfFailed(ClusterPaths.IsrChanges);
        string[] paths = [.. notes.Children.Select(n => $"{ClusterPaths.IsrChanges}/{n}")];
        var changed = new HashSet<ControlledPartition>();
        foreach (GetResult node in await GetAllAsync(paths).ConfigureAwait(false))
        {
            foreach (TopicPartition named in node.Error == CoordinationError.None ? ReadOr(node.Data, ClusterJson.ReadPartitions, []) : [])
            {
                if (Find(named.Topic)?.Partitions.GetValueOrDefault(named.Partition) is { State: not null } partition)
                {
                    changed.Add(partition);
                }
            }
        }
        foreach (ControlledPartition partition in changed)
        {
            await ReadStateAsync(partition).ConfigureAwait(false);
        }
        if (changed.Count > 0)
        {
            await TellInSyncAsync(changed).ConfigureAwait(false);
        }
        await DeleteNotesAsync(paths).ConfigureAwait(false);
    }

    private async Task ReadStateAsync(ControlledPartition partition)
    {
        GetResult state = await _session.GetAsync(
            ClusterPaths.PartitionState(partition.Topic.Name, partition.Index), Stopping).ConfigureAwait(false);
        if (state.Error == CoordinationError.None)
        {
            partition.State = ClusterJson.ReadPartitionState(state.Data, state.Stat.Version);
        }
    }
}
