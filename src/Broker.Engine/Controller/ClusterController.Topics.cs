using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Topics that are made and grow.</summary>
internal sealed partial class ClusterController
{
    /// <summary>Topics whose node, or a state below it, cannot be read, with the watches of their nodes: they stay as they are, and no
    /// broker is told that it has heard of all there is.</summary>
    private readonly Dictionary<string, IDisposable> _unreadable = new(StringComparer.Ordinal);

    /// <summary>Topics that clients see: those that are being deleted are hidden from the moment they are marked.</summary>
    private IEnumerable<ControlledTopic> Shown() => _topics.Values.Where(t => !_deleting.Contains(t.Name));

    private async Task LoadTopicsAsync()
    {
        ChildrenResult names = await _session.GetChildrenAsync(ClusterPaths.Topics, Stopping).ConfigureAwait(false);
        names.Error.ThrowIfFailed(ClusterPaths.Topics);
        ChildrenResult deleting = await _session.GetChildrenAsync(ClusterPaths.DeleteTopics, Stopping).ConfigureAwait(false);
        if (_setup.DeletesTopics())
        {
            _deleting.UnionWith(deleting.Children);   // else the marks go, and nothing is hidden: what is hidden is deleted as stray
        }
        await ReadTopicsAsync(names.Children).ConfigureAwait(false);
    }

    private async Task ReadTopicsAsync()
    {
        ChildrenResult names = await _session.GetChildrenAsync(ClusterPaths.Topics, Stopping).ConfigureAwait(false);
        names.Error.ThrowIfFailed(ClusterPaths.Topics);
        HashSet<string> there = [.. names.Children];
        foreach (ControlledTopic gone in _topics.Values.Where(t => !there.Contains(t.Name)).ToArray())
        {
            Forget(gone);   // taken out of the tree by hand
        }
        foreach (string gone in _unreadable.Keys.Where(n => !there.Contains(n)).ToArray())
        {
            TakeWatch(gone)?.Dispose();
        }
        await BringOnlineAsync(await ReadTopicsAsync([.. names.Children.Where(n => !_topics.ContainsKey(n))]).ConfigureAwait(false))
            .ConfigureAwait(false);
    }

    private async Task TopicChangedAsync(string name)
    {
        if ((_topics.ContainsKey(name) || _unreadable.ContainsKey(name)) && !_deleting.Contains(name))
        {
            await BringOnlineAsync(await ReadTopicsAsync([name]).ConfigureAwait(false)).ConfigureAwait(false);
        }
    }

    /// <summary>Reads topics' nodes, and the states of partitions that were not known.</summary>
    private async Task<List<ControlledPartition>> ReadTopicsAsync(IReadOnlyList<string> names)
    {
        var watches = new Dictionary<string, Task<IDisposable>>(StringComparer.Ordinal);
        foreach (string name in names.Where(n => !_topics.ContainsKey(n) && !_unreadable.ContainsKey(n)))
        {
            watches[name] = WatchTopicAsync(name).AsTask();
        }
        await Task.WhenAll(watches.Values).ConfigureAwait(false);
        GetResult[] nodes = await GetAllAsync([.. names.Select(ClusterPaths.Topic)]).ConfigureAwait(false);
        GetResult[] states = await GetAllAsync([.. names.Select(ClusterPaths.Partitions)]).ConfigureAwait(false);
        var added = new List<ControlledPartition>();
        for (int i = 0; i < names.Count; i++)
        {
            IDisposable? watch = watches.TryGetValue(names[i], out Task<IDisposable>? made)
                ? await made.ConfigureAwait(false) : TakeWatch(names[i]);
            if (nodes[i].Error != CoordinationError.None)
            {
                watch?.Dispose();
                nodes[i].Error.ThrowUnlessGone(ClusterPaths.Topic(names[i]));   // brokers delete what the controller does not know
                continue;
            }
            if (ReadOr<TopicAssignment?>(nodes[i].Data, ClusterJson.ReadTopic, null) is { } assignment)
            {
                added.AddRange(await TakeTopicAsync(
                    names[i], assignment, nodes[i], watch, states[i].Error == CoordinationError.None).ConfigureAwait(false));
            }
            else
            {
                LogTopicUnreadable(names[i]);
                if (watch is not null)
                {
                    _unreadable[names[i]] = watch;
                }
            }
        }
        await ReadStatesAsync(added).ConfigureAwait(false);
        return added;
    }

    private IDisposable? TakeWatch(string unreadable) => _unreadable.Remove(unreadable, out IDisposable? watch) ? watch : null;

    private async Task ReadStatesAsync(List<ControlledPartition> added)
    {
        ControlledPartition[] known = [.. added.Where(p => p.Topic.HasStates)];
        GetResult[] found = await GetAllAsync([.. known.Select(p => ClusterPaths.PartitionState(p.Topic.Name, p.Index))]).ConfigureAwait(false);
        for (int i = 0; i < known.Length; i++)
        {
            found[i].Error.ThrowUnlessGone(ClusterPaths.PartitionState(known[i].Topic.Name, known[i].Index));
            known[i].State = found[i].Error == CoordinationError.None
                ? ReadOr<PartitionStateNode?>(found[i].Data, data => ClusterJson.ReadPartitionState(data, found[i].Stat.Version), null) : null;
            known[i].FoundZxid = found[i].Error == CoordinationError.None ? found[i].Stat.Mzxid : long.MaxValue;
            if (found[i].Error == CoordinationError.None && known[i].State is null && !_unreadable.ContainsKey(known[i].Topic.Name))
            {
                ControlledTopic topic = known[i].Topic;
                LogTopicUnreadable(topic.Name);
                Forget(topic);
                _unreadable[topic.Name] = await WatchTopicAsync(topic.Name).ConfigureAwait(false);
            }
        }
        added.RemoveAll(p => _unreadable.ContainsKey(p.Topic.Name));
    }

    private async Task<List<ControlledPartition>> TakeTopicAsync(
        string name, TopicAssignment assignment, GetResult node, IDisposable? watch, bool hasStates)
    {
        if (!_topics.TryGetValue(name, out ControlledTopic? topic))
        {
            Guid id = assignment.Id != Guid.Empty ? assignment.Id : await GiveIdAsync(name, node).ConfigureAwait(false);
            topic = new ControlledTopic(name, id, watch!);
            _topics.Add(name, topic);
            _names[topic.Id] = name;
        }
        topic.HasStates |= hasStates;
        var added = new List<ControlledPartition>();
        foreach ((int index, var replicas) in assignment.Partitions)
        {
            if (!topic.Partitions.ContainsKey(index))
            {
                var partition = new ControlledPartition(
                    topic, index,
                    new ReplicaAssignment(replicas, assignment.Adding.GetValueOrDefault(index, []), assignment.Removing.GetValueOrDefault(index, [])));
                topic.Partitions.Add(index, partition);
                added.Add(partition);
                if (partition.Assignment.IsBeingReassigned)
                {
                    _reassigning.Add(partition);
                }
            }
        }
        return added;
    }

    /// <summary>A topic that a tool of before Kafka 2.8 made has no id: it gets one (Kafka: setTopicIds).</summary>
    private async Task<Guid> GiveIdAsync(string name, GetResult node)
    {
        while (node.Error == CoordinationError.None)
        {
            TopicAssignment assignment = ClusterJson.ReadTopic(node.Data);
            if (assignment.Id != Guid.Empty)
            {
                return assignment.Id;
            }
            Guid id = _setup.NewTopicId();
            MultiResult written = await _session.MultiAsync(
                [
                    CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion),
                    CoordinationOperation.Set(ClusterPaths.Topic(name), ClusterJson.Topic(assignment with { Id = id }), node.Stat.Version),
                ],
                Stopping).ConfigureAwait(false);
            if (written.Error == CoordinationError.None)
            {
                return id;
            }
            if (written.FailedIndex == 0)
            {
                written.Error.ThrowIfFailed(ClusterPaths.ControllerEpoch);
            }
            node = await _session.GetAsync(ClusterPaths.Topic(name), Stopping).ConfigureAwait(false);
        }
        return Guid.Empty;
    }

    private ValueTask<IDisposable> WatchTopicAsync(string name)
    {
        int epoch = _epoch;
        return _session.WatchAsync(
            ClusterPaths.Topic(name), WatchKinds.Node,
            e =>
            {
                if (e.Kind is WatchEventKind.DataChanged or WatchEventKind.Resynchronize)
                {
                    Post(ControllerActivity.TopicChange, () => IsCurrent(epoch) ? TopicChangedAsync(name) : Task.CompletedTask);
                }
            },
            Stopping);
    }

    private async Task BringOnlineAsync(List<ControlledPartition> partitions)
    {
        List<ControlledPartition> shown = [.. partitions.Where(p => !_deleting.Contains(p.Topic.Name))];
        if (shown.Count == 0)
        {
            return;
        }
        HashSet<ControlledPartition> fresh = [.. shown.Where(p => p.State is null)];
        List<ControlledPartition> changed = await DecideAsync(shown, some => Elections(some)).ConfigureAwait(false);
        // Brokers hold the partitions before clients are told where they are.
        var batch = new ControllerBatch();
        Tell(batch, shown.Where(p => !fresh.Contains(p)));
        Tell(batch, changed.Where(fresh.Contains), isNew: true);
        batch.Send(NewSender());
        await ResumeReassignmentsAsync(shown.Contains).ConfigureAwait(false);
        LogOnline(shown.Count, shown[0].Topic.Name);
    }

    private void Forget(ControlledTopic topic)
    {
        _topics.Remove(topic.Name);
        _names.Remove(topic.Id);
        _deleting.Remove(topic.Name);
        _reassigning.RemoveWhere(p => p.Topic == topic);
        foreach (HashSet<ControlledPartition> offline in _offline.Values)
        {
            offline.RemoveWhere(p => p.Topic == topic);
        }
        topic.Watch.Dispose();
    }

    [LoggerMessage(7034, LogLevel.Error, "topic {Topic}: what the tree has of it cannot be read; nothing is done for it until that is mended", EventName = "TopicUnreadable")]
    private partial void LogTopicUnreadable(string topic);

    [LoggerMessage(7030, LogLevel.Debug, "{Count} partitions of {Topic} and perhaps others are online", EventName = "PartitionsOnline")]
    private partial void LogOnline(int count, string topic);
}
