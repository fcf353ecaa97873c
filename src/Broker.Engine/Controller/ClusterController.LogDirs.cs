using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Replicas whose disk has failed on a broker that lives.</summary>
internal sealed partial class ClusterController
{
    /// <summary>Replicas that their broker could not open, by broker.</summary>
    private readonly Dictionary<int, HashSet<ControlledPartition>> _offline = [];

    private volatile bool _hasOffline;

    /// <summary>A broker says that a disk has failed: it is asked about all of its replicas (Kafka:
    /// LogDirEventNotification).</summary>
    private async Task ReadLogDirEventsAsync()
    {
        ChildrenResult notes = await _session.GetChildrenAsync(ClusterPaths.LogDirEvents, Stopping).ConfigureAwait(false);
        notes.Error.ThrowIfFailed(ClusterPaths.LogDirEvents);
        string[] paths = [.. notes.Children.Select(n => $"{ClusterPaths.LogDirEvents}/{n}")];
        var brokers = new HashSet<int>();
        foreach (GetResult node in await GetAllAsync(paths).ConfigureAwait(false))
        {
            if (node.Error == CoordinationError.None)
            {
                brokers.Add(ReadOr(node.Data, ClusterJson.ReadLogDirEvent, PartitionImage.NoLeader));
            }
        }
        if (brokers.Count > 0)
        {
            var batch = new ControllerBatch();
            foreach (ControlledPartition partition in Shown().SelectMany(t => t.Partitions.Values))
            {
                batch.Roles(partition, partition.Replicas.Where(brokers.Contains));
            }
            batch.Send(NewSender());
        }
        await DeleteNotesAsync(paths).ConfigureAwait(false);
    }

    /// <summary>Takes notes that were read out of the tree.</summary>
    private async Task DeleteNotesAsync(IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            _ = await _session.DeleteAsync(path, CoordinationOperation.AnyVersion, Stopping).ConfigureAwait(false);
        }
    }

    private void OnRolesAnswered(BrokerChannel channel, LeaderAndIsrResponse answer)
    {
        bool hasFailed = answer.Topics.Any(t => t.PartitionErrors.Any(p => p.ErrorCode == ErrorCode.KafkaStorageError))
            || answer.PartitionErrors.Any(p => p.ErrorCode == ErrorCode.KafkaStorageError);
        if (hasFailed || (_hasOffline && answer.ErrorCode == ErrorCode.None))
        {
            int epoch = _epoch;
            Post(ControllerActivity.LeaderAndIsrResponseReceived, () =>
                IsCurrent(epoch) && _channels.GetValueOrDefault(channel.Broker.Id) == channel
                    ? TakeAnswerAsync(channel.Broker.Id, answer) : Task.CompletedTask);
        }
    }

    private async Task TakeAnswerAsync(int broker, LeaderAndIsrResponse answer)
    {
        IEnumerable<(ControlledTopic? Topic, int Partition, ErrorCode Error)> answered =
        [
            .. answer.Topics.SelectMany(t => t.PartitionErrors, (t, p) => (Find("", t.TopicId, byId: true), p.PartitionIndex, p.ErrorCode)),
            .. answer.PartitionErrors.Select(p => (Find(p.TopicName), p.PartitionIndex, p.ErrorCode)),
        ];
        if (!_offline.TryGetValue(broker, out HashSet<ControlledPartition>? offline))
        {
            offline = [];
        }
        var lost = new List<ControlledPartition>();
        var back = new List<ControlledPartition>();
        foreach ((ControlledTopic? topic, int index, ErrorCode error) in answered)
        {
            if (topic?.Partitions.GetValueOrDefault(index) is not { } partition)
            {
                continue;
            }
            if (error == ErrorCode.KafkaStorageError && offline.Add(partition))
            {
                lost.Add(partition);
            }
            else if (error == ErrorCode.None && offline.Remove(partition))
            {
                back.Add(partition);
            }
        }
        _offline[broker] = offline;
        _hasOffline = _offline.Values.Any(o => o.Count > 0);
        if (lost.Count == 0 && back.Count == 0)
        {
            return;
        }
        LogReplicasOffline(broker, lost.Count, back.Count);
        List<ControlledPartition> changed = await DecideAsync([.. lost, .. back], some => Elections(some)).ConfigureAwait(false);
        var batch = new ControllerBatch();
        foreach (ControlledPartition partition in lost.Concat(back))
        {
            batch.Metadata(partition);
        }
        Tell(batch, changed);
        batch.Send(NewSender());
    }

    [LoggerMessage(7023, LogLevel.Warning, "broker {Id}: {Lost} replicas are offline, {Back} are back", EventName = "ReplicasOffline")]
    private partial void LogReplicasOffline(int id, int lost, int back);
}
