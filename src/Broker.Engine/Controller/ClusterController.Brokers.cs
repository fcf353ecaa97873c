using System.Globalization;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Brokers that come, go, and come back; and who leads when they do.</summary>
internal sealed partial class ClusterController
{
    private async Task ReadBrokersAsync()
    {
        Dictionary<int, BrokerRegistration> live = await LiveBrokersAsync().ConfigureAwait(false);
        List<int> gone = [.. _channels.Values.Where(c => live.GetValueOrDefault(c.Broker.Id)?.Epoch != c.Epoch).Select(c => c.Broker.Id)];
        foreach (int id in gone)
        {
            BrokerChannel channel = _channels[id];
            _channels.Remove(id);
            LogBrokerGone(id);
            _ = channel.DisposeAsync().AsTask();   // it may be waiting for a dead socket
        }
        List<int> come = [.. live.Keys.Where(id => !_channels.ContainsKey(id))];
        foreach (int id in come)
        {
            _channels.Add(id, new BrokerChannel(live[id].Broker, live[id].Epoch, _socketTimeout, _dialer, _logger));
            LogBrokerHere(id, live[id].Epoch);
        }
        _lines = [.. _channels.Values];
        if (gone.Count == 0 && come.Count == 0)
        {
            return;
        }
        // Those that came learn of everything; the others of who is alive, and of what changes below.
        List<ControlledPartition> all = [.. Shown().SelectMany(t => t.Partitions.Values)];
        List<ControlledPartition> changed = await ElectLeadersAsync(all).ConfigureAwait(false);
        // Roles before metadata: a broker that shows itself as a leader leads.
        foreach (BrokerChannel channel in _channels.Values)
        {
            bool isNew = come.Contains(channel.Broker.Id);
            SendRoles(channel, (isNew ? all : changed).Where(p => p.Replicas.Contains(channel.Broker.Id)), isNew);
        }
        SendMetadata(_channels.Values.Where(c => come.Contains(c.Broker.Id)), all);
        SendMetadata(_channels.Values.Where(c => !come.Contains(c.Broker.Id)), changed);
    }

    private async Task<Dictionary<int, BrokerRegistration>> LiveBrokersAsync()
    {
        ChildrenResult ids = await _session.GetChildrenAsync(ClusterPaths.BrokerIds, Stopping).ConfigureAwait(false);
        ids.Error.ThrowIfFailed(ClusterPaths.BrokerIds);
        var live = new Dictionary<int, BrokerRegistration>();
        foreach (string name in ids.Children)
        {
            GetResult node = await _session.GetAsync($"{ClusterPaths.BrokerIds}/{name}", Stopping).ConfigureAwait(false);
            if (node.Error == CoordinationError.None)
            {
                int id = int.Parse(name, CultureInfo.InvariantCulture);
                live[id] = ClusterJson.ReadBroker(id, node.Data, node.Stat.Czxid);
            }
        }
        return live;
    }

    /// <summary>Gives leaders to partitions without a live one, takes them from those whose last replica is gone, and writes
    /// what changed.</summary>
    private async Task<List<ControlledPartition>> ElectLeadersAsync(List<ControlledPartition> partitions)
    {
        var changes = new List<(ControlledPartition, PartitionStateNode)>();
        foreach (ControlledPartition partition in partitions)
        {
            if (Elect(partition) is { } state)
            {
                changes.Add((partition, state));
            }
        }
        return await CommitAsync(changes).ConfigureAwait(false);
    }

    /// <summary>The state a partition should have, or null when it has it.</summary>
    private PartitionStateNode? Elect(ControlledPartition partition)
    {
        if (partition.State is not { } state)
        {
            // New: all live replicas are in sync with an empty log.
            int[] live = [.. partition.Replicas.Where(_channels.ContainsKey)];
            return live.Length == 0 ? null : new PartitionStateNode(live[0], 0, [.. live], _epoch, 0);
        }
        if (state.Leader != PartitionImage.NoLeader && _channels.ContainsKey(state.Leader))
        {
            return null;
        }
        int leader = partition.Replicas.Where(r => state.InSyncReplicas.Contains(r) && _channels.ContainsKey(r)).FirstOrDefault(PartitionImage.NoLeader);
        return leader == state.Leader
            ? null : state with { Leader = leader, LeaderEpoch = state.LeaderEpoch + 1, ControllerEpoch = _epoch };
    }

    [LoggerMessage(7020, LogLevel.Information, "broker {Id} is here, epoch {Epoch}", EventName = "BrokerHere")]
    private partial void LogBrokerHere(int id, long epoch);

    [LoggerMessage(7021, LogLevel.Information, "broker {Id} is gone", EventName = "BrokerGone")]
    private partial void LogBrokerGone(int id);
}
