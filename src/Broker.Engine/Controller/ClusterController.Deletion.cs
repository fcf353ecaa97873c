using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>
/// Topics that are deleted: hidden at once, then their replicas are deleted, and when all are, the topic leaves the tree. The
/// mark and the topic's node stay as long as a broker that has a replica is away, or cannot delete it: nothing of the topic
/// can come back under its name. After Kafka's TopicDeletionManager; unlike there, a deletion does not wait for a
/// reassignment, but ends it.
/// </summary>
internal sealed partial class ClusterController
{
    private async Task ReadDeletionsAsync()
    {
        ChildrenResult names = await _session.GetChildrenAsync(ClusterPaths.DeleteTopics, Stopping).ConfigureAwait(false);
        names.Error.ThrowIfFailed(ClusterPaths.DeleteTopics);
        foreach (string name in names.Children.Where(n => !_topics.TryGetValue(n, out ControlledTopic? t) || t.Undeleted is null))
        {
            // The topic may be so new that the controller has not yet heard of it.
            if (!_topics.ContainsKey(name))
            {
                List<ControlledPartition> added = await ReadTopicsAsync([name]).ConfigureAwait(false);
                if (!_setup.DeletesTopics())
                {
                    await BringOnlineAsync(added).ConfigureAwait(false);   // it stays
                }
            }
            if (_unreadable.ContainsKey(name))
            {
                continue;
            }
            if (!_topics.TryGetValue(name, out ControlledTopic? topic) || !_setup.DeletesTopics())
            {
                _deleting.Remove(name);
                _ = await _session.DeleteAsync(
                    ClusterPaths.DeleteTopic(name), CoordinationOperation.AnyVersion, Stopping).ConfigureAwait(false);
                continue;
            }
            await BeginDeletionAsync(topic).ConfigureAwait(false);
        }
    }

    private async Task BeginDeletionAsync(ControlledTopic topic)
    {
        _deleting.Add(topic.Name);
        topic.Undeleted = [.. topic.Partitions.Values.SelectMany(p => p.Replicas, (p, r) => (p.Index, r))];
        var batch = new ControllerBatch();
        foreach (ControlledPartition partition in topic.Partitions.Values)
        {
            batch.Metadata(partition);
            foreach (int replica in partition.Replicas)
            {
                batch.Stop(partition, replica, delete: true);
            }
        }
        CountDeletions();   // answers are looked at only while there are some
        batch.Send(NewSender());
        LogDeleting(topic.Name);
        await EndDeletionAsync(topic).ConfigureAwait(false);
    }

    /// <summary>Brokers that have come back delete what was deleted while they were away.</summary>
    private async Task ResumeDeletionsAsync(IReadOnlySet<int> newcomers)
    {
        var batch = new ControllerBatch();
        foreach (ControlledTopic topic in _topics.Values.Where(t => t.Undeleted is not null))
        {
            foreach ((int partition, int broker) in topic.Undeleted!.Where(r => newcomers.Contains(r.Broker)))
            {
                batch.Stop(topic.Partitions[partition], broker, delete: true);
            }
        }
        batch.Send(NewSender());
        foreach (ControlledTopic topic in _topics.Values.Where(t => t.Undeleted is { Count: 0 }).ToArray())
        {
            await EndDeletionAsync(topic).ConfigureAwait(false);
        }
    }

    private void OnDeletesAnswered(BrokerChannel channel, StopReplicaResponse answer)
    {
        int epoch = _epoch;
        if (answer.ErrorCode == ErrorCode.None && _deletions.Topics > 0)
        {
            Post(ControllerActivity.TopicDeletion, () => IsCurrent(epoch)
                ? TakeDeletedAsync(channel.Broker.Id, answer) : Task.CompletedTask);
        }
    }

    private async Task TakeDeletedAsync(int broker, StopReplicaResponse answer)
    {
        var touched = new HashSet<ControlledTopic>();
        foreach (StopReplicaResponse.StopReplicaPartitionError partition in answer.PartitionErrors)
        {
            if (_topics.GetValueOrDefault(partition.TopicName) is { Undeleted: { } undeleted } topic)
            {
                if (partition.ErrorCode == ErrorCode.None)
                {
                    undeleted.Remove((partition.PartitionIndex, broker));
                    touched.Add(topic);
                }
                else
                {
                    LogUndeleted(topic.Name, partition.PartitionIndex, broker, partition.ErrorCode);
                }
            }
        }
        foreach (ControlledTopic topic in touched)
        {
            await EndDeletionAsync(topic).ConfigureAwait(false);
        }
    }

    /// <summary>Takes a topic out of the tree whose replicas are all gone.</summary>
    private async Task EndDeletionAsync(ControlledTopic topic)
    {
        CountDeletions();
        if (topic.Undeleted is not { Count: 0 })
        {
            return;
        }
        await _session.DeleteTreeAsync(
            ClusterPaths.Topic(topic.Name), [CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion)],
            [ClusterPaths.TopicConfig(topic.Name), ClusterPaths.DeleteTopic(topic.Name)], Stopping).ConfigureAwait(false);
        Forget(topic);
        CountDeletions();
        await ForgetToolReassignmentAsync((_, _) => false).ConfigureAwait(false);
        LogTopicDeleted(topic.Name);
    }

    private void CountDeletions()
    {
        HashSet<(int Partition, int Broker)>[] left = [.. _topics.Values.Select(t => t.Undeleted).OfType<HashSet<(int, int)>>()];
        _deletions = new DeletionCounts(
            left.Length, left.Sum(t => t.Count), left.Count(t => t.Any(IsAway)), left.Sum(t => t.Count(IsAway)));
    }

    private bool IsAway((int Partition, int Broker) replica) => !_channels.ContainsKey(replica.Broker);

    [LoggerMessage(7031, LogLevel.Information, "topic {Topic} is deleted", EventName = "TopicDeleted")]
    private partial void LogTopicDeleted(string topic);

    [LoggerMessage(7032, LogLevel.Debug, "topic {Topic} is being deleted", EventName = "TopicDeletionBegins")]
    private partial void LogDeleting(string topic);

    [LoggerMessage(7033, LogLevel.Warning, "{Topic}-{Partition} could not be deleted on broker {Broker}: {Error}", EventName = "ReplicaUndeleted")]
    private partial void LogUndeleted(string topic, int partition, int broker, ErrorCode error);
}
