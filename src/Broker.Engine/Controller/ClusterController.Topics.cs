using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Topics that are made, grow, and are deleted.</summary>
internal sealed partial class ClusterController
{
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
            _names[topic.Id] = name;
        }
        foreach ((int index, var replicas) in assignment.Partitions)
        {
            if (!topic.Partitions.ContainsKey(index))
            {
                var partition = new ControlledPartition(topic, index, replicas);
                GetResult state = await _session.GetAsync(ClusterPaths.PartitionState(name, index), Stopping).ConfigureAwait(false);
                topic.HasStates |= state.Error == CoordinationError.None;
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

    private async Task ReadDeletionsAsync()
    {
        ChildrenResult names = await _session.GetChildrenAsync(ClusterPaths.DeleteTopics, Stopping).ConfigureAwait(false);
        names.Error.ThrowIfFailed(ClusterPaths.DeleteTopics);
        foreach (string name in names.Children)
        {
            _deleting.Add(name);
            await DeleteAsync(name).ConfigureAwait(false);
            _deleting.Remove(name);
        }
    }

    /// <summary>Takes a topic out of the tree, then tells the brokers. One that is away learns of it as it returns, by the full
    /// list of what it should hold: so no deletion waits, and the name is free again at once.</summary>
    private async Task DeleteAsync(string name)
    {
        await _session.DeleteTreeAsync(
            ClusterPaths.Topic(name), [CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion)],
            [ClusterPaths.TopicConfig(name), ClusterPaths.DeleteTopic(name)], Stopping).ConfigureAwait(false);
        if (!_topics.Remove(name, out ControlledTopic? topic))
        {
            return;
        }
        _names.Remove(topic.Id);
        topic.Watch.Dispose();
        SendMetadata(_channels.Values, topic.Partitions.Values, isDeletion: true);
        foreach (BrokerChannel channel in _channels.Values)
        {
            SendStop(channel, topic.Partitions.Values.Where(p => p.Replicas.Contains(channel.Broker.Id)));
        }
        LogTopicDeleted(name);
    }

    [LoggerMessage(7030, LogLevel.Debug, "{Count} partitions of {Topic} and perhaps others are online", EventName = "PartitionsOnline")]
    private partial void LogOnline(int count, string topic);

    [LoggerMessage(7031, LogLevel.Information, "topic {Topic} is deleted", EventName = "TopicDeleted")]
    private partial void LogTopicDeleted(string topic);
}
