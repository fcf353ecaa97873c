using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Topics that are made, grow, and are deleted.</summary>
internal sealed partial class ClusterController
{
    /// <summary>State changes in one transaction: far below the megabyte that one may have.</summary>
    private const int ChangesPerMulti = 500;

    /// <summary>Topics that clients see: those that are being deleted are hidden from the moment they are marked.</summary>
    private IEnumerable<ControlledTopic> Shown() => _topics.Values.Where(t => !_deleting.Contains(t.Name));

    private async Task LoadTopicsAsync()
    {
        ChildrenResult names = await _session.GetChildrenAsync(ClusterPaths.Topics, Stopping).ConfigureAwait(false);
        names.Error.ThrowIfFailed(ClusterPaths.Topics);
        ChildrenResult deleting = await _session.GetChildrenAsync(ClusterPaths.DeleteTopics, Stopping).ConfigureAwait(false);
        _deleting.UnionWith(deleting.Children);
        foreach (string name in names.Children)
        {
            await ReadTopicAsync(name).ConfigureAwait(false);
        }
    }

    private async Task ReadTopicsAsync()
    {
        ChildrenResult names = await _session.GetChildrenAsync(ClusterPaths.Topics, Stopping).ConfigureAwait(false);
        names.Error.ThrowIfFailed(ClusterPaths.Topics);
        var added = new List<ControlledPartition>();
        foreach (string name in names.Children.Where(n => !_topics.ContainsKey(n)))
        {
            added.AddRange(await ReadTopicAsync(name).ConfigureAwait(false));
        }
        await BringOnlineAsync(added).ConfigureAwait(false);
    }

    private async Task TopicChangedAsync(string name)
    {
        if (_topics.ContainsKey(name) && !_deleting.Contains(name))
        {
            await BringOnlineAsync(await ReadTopicAsync(name).ConfigureAwait(false)).ConfigureAwait(false);
        }
    }

    /// <summary>Reads a topic's node and the state of partitions that were not known.</summary>
    private async Task<List<ControlledPartition>> ReadTopicAsync(string name)
    {
        var added = new List<ControlledPartition>();
        bool isNew = !_topics.TryGetValue(name, out ControlledTopic? topic);
        IDisposable? watch = isNew ? await WatchTopicAsync(name).ConfigureAwait(false) : null;
        GetResult node = await _session.GetAsync(ClusterPaths.Topic(name), Stopping).ConfigureAwait(false);
        if (node.Error != CoordinationError.None)
        {
            watch?.Dispose();
            return added;
        }
        TopicAssignment assignment = ClusterJson.ReadTopic(node.Data);
        if (topic is null)
        {
            topic = new ControlledTopic(name, assignment.Id, watch!);
            _topics.Add(name, topic);
        }
        foreach ((int index, var replicas) in assignment.Partitions)
        {
            if (!topic.Partitions.ContainsKey(index))
            {
                var partition = new ControlledPartition(topic, index, replicas);
                GetResult state = await _session.GetAsync(ClusterPaths.PartitionState(name, index), Stopping).ConfigureAwait(false);
                partition.State = state.Error == CoordinationError.None
                    ? ClusterJson.ReadPartitionState(state.Data, state.Stat.Version) : null;
                topic.Partitions.Add(index, partition);
                added.Add(partition);
            }
        }
        return added;
    }

    private ValueTask<IDisposable> WatchTopicAsync(string name)
    {
        int epoch = _epoch;
        return _session.WatchAsync(
            ClusterPaths.Topic(name), WatchKinds.Node,
            e =>
            {
                if (e.Kind == WatchEventKind.DataChanged)
                {
                    Post(ControllerActivity.TopicChange, () => IsCurrent(epoch) ? TopicChangedAsync(name) : Task.CompletedTask);
                }
            },
            Stopping);
    }

    private async Task BringOnlineAsync(List<ControlledPartition> partitions)
    {
        if (partitions.Count == 0)
        {
            return;
        }
        await ElectLeadersAsync(partitions).ConfigureAwait(false);
        // Brokers hold the partitions before clients are told where they are.
        foreach (BrokerChannel channel in _channels.Values)
        {
            SendRoles(channel, partitions.Where(p => p.Replicas.Contains(channel.Broker.Id)), full: false);
        }
        SendMetadata(_channels.Values, partitions);
        LogOnline(partitions.Count, partitions[0].Topic.Name);
    }

    /// <summary>Writes new states on condition that this is still the controller, and takes them over.</summary>
    private async Task<List<ControlledPartition>> CommitAsync(List<(ControlledPartition Partition, PartitionStateNode State)> changes)
    {
        for (int from = 0; from < changes.Count; from += ChangesPerMulti)
        {
            List<(ControlledPartition Partition, PartitionStateNode State)> some =
                changes.GetRange(from, Math.Min(ChangesPerMulti, changes.Count - from));
            var operations = new List<CoordinationOperation>
            {
                CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion),
            };
            var parents = new HashSet<string>(StringComparer.Ordinal);
            foreach ((ControlledPartition partition, PartitionStateNode state) in some)
            {
                await AddWriteAsync(operations, parents, partition, state).ConfigureAwait(false);
            }
            MultiResult result = await _session.MultiAsync(operations, Stopping).ConfigureAwait(false);
            if (result.Error == CoordinationError.BadVersion && result.FailedIndex == 0)
            {
                throw new ControllerMovedException();
            }
            result.Error.ThrowIfFailed(ClusterPaths.Topics);
            Dictionary<string, int> versions = result.Results.ToDictionary(r => r.Path, r => r.Stat.Version, StringComparer.Ordinal);
            foreach ((ControlledPartition partition, PartitionStateNode state) in some)
            {
                partition.State = state with { Version = versions[ClusterPaths.PartitionState(partition.Topic.Name, partition.Index)] };
            }
        }
        return [.. changes.Select(c => c.Partition)];
    }

    private async Task AddWriteAsync(
        List<CoordinationOperation> operations, HashSet<string> parents, ControlledPartition partition, PartitionStateNode state)
    {
        string topic = partition.Topic.Name;
        string path = ClusterPaths.PartitionState(topic, partition.Index);
        byte[] data = ClusterJson.PartitionState(state);
        if (partition.State is { } known)
        {
            operations.Add(CoordinationOperation.Set(path, data, known.Version));
            return;
        }
        string parent = ClusterPaths.Partitions(topic);
        if (parents.Add(parent)
            && (await _session.ExistsAsync(parent, Stopping).ConfigureAwait(false)).Error == CoordinationError.NoNode)
        {
            operations.Add(CoordinationOperation.Create(parent, default));
        }
        operations.Add(CoordinationOperation.Create(ClusterPaths.Partition(topic, partition.Index), default));
        operations.Add(CoordinationOperation.Create(path, data));
    }

    private async Task ReadDeletionsAsync()
    {
        ChildrenResult names = await _session.GetChildrenAsync(ClusterPaths.DeleteTopics, Stopping).ConfigureAwait(false);
        names.Error.ThrowIfFailed(ClusterPaths.DeleteTopics);
        foreach (string name in names.Children)
        {
            if (_deleting.Add(name) && _topics.TryGetValue(name, out ControlledTopic? topic))
            {
                SendMetadata(_channels.Values, topic.Partitions.Values, isDeletion: true);
            }
        }
        await ContinueDeletionsAsync().ConfigureAwait(false);
        CountDeletions();
    }

    private void CountDeletions()
    {
        List<ControlledTopic> topics = [.. _deleting.Select(_topics.GetValueOrDefault).OfType<ControlledTopic>()];
        List<ControlledTopic> waiting = [.. topics.Where(t => t.Partitions.Values.Any(p => !p.Replicas.All(_channels.ContainsKey)))];
        Deletions = new DeletionCounts(topics.Count, topics.Sum(Replicas), waiting.Count, waiting.Sum(Replicas));
        static int Replicas(ControlledTopic topic) => topic.Partitions.Values.Sum(p => p.Replicas.Length);
    }

    /// <summary>Begins the deletions whose replicas can all be reached; the others wait for their brokers.</summary>
    private async Task ContinueDeletionsAsync()
    {
        foreach (string name in _deleting.ToArray())
        {
            if (!_topics.TryGetValue(name, out ControlledTopic? topic))
            {
                await ForgetAsync(name).ConfigureAwait(false);
            }
            else if (topic.Partitions.Values.All(p => p.Replicas.All(_channels.ContainsKey)))
            {
                DeleteReplicas(topic);
            }
            else
            {
                LogDeletionWaits(name);
            }
        }
    }

    private void DeleteReplicas(ControlledTopic topic)
    {
        List<BrokerChannel> holders =
            [.. _channels.Values.Where(c => topic.Partitions.Values.Any(p => p.Replicas.Contains(c.Broker.Id)))];
        int epoch = _epoch;
        int left = holders.Count;
        if (left == 0)
        {
            Post(ControllerActivity.TopicDeletion, () => ForgetAsync(topic.Name));
        }
        foreach (BrokerChannel holder in holders)
        {
            SendStop(holder, topic.Partitions.Values.Where(p => p.Replicas.Contains(holder.Broker.Id)), response =>
            {
                bool failed = response.ErrorCode != ErrorCode.None || response.PartitionErrors.Any(p => p.ErrorCode != ErrorCode.None);
                if (failed)
                {
                    LogDeletionFailed(topic.Name, holder.Broker.Id, response.ErrorCode);
                }
                else if (Interlocked.Decrement(ref left) == 0)
                {
                    Post(ControllerActivity.TopicDeletion, () => IsCurrent(epoch) ? ForgetAsync(topic.Name) : Task.CompletedTask);
                }
            });
        }
    }

    /// <summary>All replicas are gone: the topic leaves the tree.</summary>
    private async Task ForgetAsync(string name)
    {
        if (_topics.Remove(name, out ControlledTopic? topic))
        {
            topic.Watch.Dispose();
        }
        await _session.DeleteTreeAsync(ClusterPaths.Topic(name), Stopping).ConfigureAwait(false);
        await _session.DeleteTreeAsync(ClusterPaths.TopicConfig(name), Stopping).ConfigureAwait(false);
        _ = await _session.DeleteAsync(ClusterPaths.DeleteTopic(name), CoordinationOperation.AnyVersion, Stopping).ConfigureAwait(false);
        if (_deleting.Remove(name))
        {
            LogTopicDeleted(name);
        }
        CountDeletions();
    }

    [LoggerMessage(7030, LogLevel.Debug, "{Count} partitions of {Topic} and perhaps others are online", EventName = "PartitionsOnline")]
    private partial void LogOnline(int count, string topic);

    [LoggerMessage(7031, LogLevel.Information, "topic {Topic} is deleted", EventName = "TopicDeleted")]
    private partial void LogTopicDeleted(string topic);

    [LoggerMessage(7032, LogLevel.Information, "the deletion of topic {Topic} waits for a broker that holds a replica", EventName = "DeletionWaits")]
    private partial void LogDeletionWaits(string topic);

    [LoggerMessage(7033, LogLevel.Warning, "broker {Id} could not delete its replicas of {Topic}: {Error}", EventName = "DeletionFailed")]
    private partial void LogDeletionFailed(string topic, int id, ErrorCode error);
}
