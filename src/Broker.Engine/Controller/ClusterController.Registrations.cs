using System.Globalization;
using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>What brokers say of themselves as they register, and change while they are registered.</summary>
internal sealed partial class ClusterController
{
    /// <summary>Brokers of the same life that say now that they are reached elsewhere (Kafka: BrokerModifications).</summary>
    private bool TakeModified(Dictionary<int, BrokerRegistration> live)
    {
        bool isModified = false;
        foreach (BrokerChannel channel in _channels.Values)
        {
            if (live.TryGetValue(channel.Broker.Id, out BrokerRegistration? now) && now.Epoch == channel.Epoch
                && (now.Broker.Rack != channel.Broker.Rack || !now.Broker.Endpoints.SequenceEqual(channel.Broker.Endpoints)))
            {
                channel.Broker = now.Broker;
                LogBrokerModified(now.Broker.Id, string.Join(',', now.Broker.Endpoints.Select(e => $"{e.Listener}://{e.Host}:{e.Port}")));
                isModified = true;
            }
        }
        return isModified;
    }

    private async Task<Dictionary<int, BrokerRegistration>> LiveBrokersAsync()
    {
        ChildrenResult ids = await _session.GetChildrenAsync(ClusterPaths.BrokerIds, Stopping).ConfigureAwait(false);
        ids.Error.ThrowIfFailed(ClusterPaths.BrokerIds);
        await WatchBrokersAsync(ids.Children).ConfigureAwait(false);
        GetResult[] nodes = await GetAllAsync([.. ids.Children.Select(name => $"{ClusterPaths.BrokerIds}/{name}")]).ConfigureAwait(false);
        var live = new Dictionary<int, BrokerRegistration>();
        for (int i = 0; i < nodes.Length; i++)
        {
            if (nodes[i].Error == CoordinationError.None)
            {
                int id = int.Parse(ids.Children[i], CultureInfo.InvariantCulture);
                live[id] = ClusterJson.ReadBroker(id, nodes[i].Data, nodes[i].Stat.Czxid);
            }
            else
            {
                nodes[i].Error.ThrowUnlessGone($"{ClusterPaths.BrokerIds}/{ids.Children[i]}");
            }
        }
        return live;
    }

    /// <summary>Registrations may change while they last: each is watched as long as it is there.</summary>
    private async Task WatchBrokersAsync(IReadOnlyList<string> names)
    {
        foreach (string gone in _brokerWatches.Keys.Except(names).ToArray())
        {
            _brokerWatches.Remove(gone, out IDisposable? watch);
            watch!.Dispose();
        }
        int epoch = _epoch;
        foreach (string name in names.Where(n => !_brokerWatches.ContainsKey(n)))
        {
            _brokerWatches[name] = await _session.WatchAsync(
                $"{ClusterPaths.BrokerIds}/{name}", WatchKinds.Node,
                e =>
                {
                    if (e.Kind is WatchEventKind.DataChanged or WatchEventKind.Resynchronize)
                    {
                        Post(ControllerActivity.BrokerChange, () => IsCurrent(epoch) ? ReadBrokersAsync() : Task.CompletedTask);
                    }
                },
                Stopping).ConfigureAwait(false);
        }
    }

    [LoggerMessage(7024, LogLevel.Information, "broker {Id} is reached at {Endpoints} now", EventName = "BrokerModified")]
    private partial void LogBrokerModified(int id, string endpoints);
}
