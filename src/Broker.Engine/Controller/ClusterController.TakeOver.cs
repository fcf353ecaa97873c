using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>How a broker becomes the controller, and what it reads as it does.</summary>
internal sealed partial class ClusterController
{
    private async Task ElectAsync()
    {
        if (_standsBack)
        {
            return;
        }
        GetResult found = await _session.GetAsync(ClusterPaths.Controller, Stopping).ConfigureAwait(false);
        if (found.Error == CoordinationError.None)
        {
            if (found.Stat.EphemeralOwner != _session.Id)
            {
                if (_isActive)
                {
                    await ResignAsync().ConfigureAwait(false);
                }
                return;
            }
            if (_isActive)
            {
                return;
            }
            // This one stood back while the node was still its own: let the election be held again.
            _ = await _session.DeleteAsync(ClusterPaths.Controller, found.Stat.Version, Stopping).ConfigureAwait(false);
        }
        if (_isActive)
        {
            await ResignAsync().ConfigureAwait(false);
        }
        GetResult epoch = await _session.GetAsync(ClusterPaths.ControllerEpoch, Stopping).ConfigureAwait(false);
        int next = epoch.Error == CoordinationError.None ? int.Parse(epoch.Data.Span, System.Globalization.CultureInfo.InvariantCulture) + 1 : 1;
        byte[] data = System.Text.Encoding.ASCII.GetBytes($"{next}");
        MultiResult won = await _session.MultiAsync(
        [
            CoordinationOperation.Create(
                ClusterPaths.Controller, ClusterJson.Controller(_brokerId, _time.GetUtcNow().ToUnixTimeMilliseconds()), CreateMode.Ephemeral),
            epoch.Error == CoordinationError.None
                ? CoordinationOperation.Set(ClusterPaths.ControllerEpoch, data, epoch.Stat.Version)
                : CoordinationOperation.Create(ClusterPaths.ControllerEpoch, data),
        ], Stopping).ConfigureAwait(false);
        if (won.Error is CoordinationError.NodeExists or CoordinationError.BadVersion)
        {
            return;   // another broker was quicker; the watch tells when it goes
        }
        won.Error.ThrowIfFailed(ClusterPaths.Controller);
        _epoch = next;
        _epochVersion = won.Results[1].Stat.Version;
        _isActive = true;
        LogElected(_epoch);
        await TakeOverAsync().ConfigureAwait(false);
    }

    private async Task TakeOverAsync()
    {
        await WatchAsync(ControllerActivity.BrokerChange, ClusterPaths.BrokerIds, WatchKinds.Children, ReadBrokersAsync).ConfigureAwait(false);
        await WatchAsync(ControllerActivity.TopicChange, ClusterPaths.Topics, WatchKinds.Children, ReadTopicsAsync).ConfigureAwait(false);
        await WatchAsync(ControllerActivity.TopicDeletion, ClusterPaths.DeleteTopics, WatchKinds.Children, ReadDeletionsAsync).ConfigureAwait(false);
        await WatchAsync(ControllerActivity.IsrChange, ClusterPaths.IsrChanges, WatchKinds.Children, ReadIsrChangesAsync).ConfigureAwait(false);
        await WatchAsync(ControllerActivity.LogDirChange, ClusterPaths.LogDirEvents, WatchKinds.Children, ReadLogDirEventsAsync).ConfigureAwait(false);
        await WatchAsync(
            ControllerActivity.AlterPartitionReassignment, ClusterPaths.Reassignment, WatchKinds.Node, ReadToolReassignmentAsync).ConfigureAwait(false);
        await WatchAsync(
            ControllerActivity.ManualLeaderBalance, ClusterPaths.PreferredElection, WatchKinds.Node, ReadPreferredElectionAsync).ConfigureAwait(false);
        await LoadTopicsAsync().ConfigureAwait(false);
        await ReadBrokersAsync().ConfigureAwait(false);
        await ReadDeletionsAsync().ConfigureAwait(false);
        await ReadIsrChangesAsync().ConfigureAwait(false);
        await ReadLogDirEventsAsync().ConfigureAwait(false);
        await ReadToolReassignmentAsync().ConfigureAwait(false);
        await ReadPreferredElectionAsync().ConfigureAwait(false);
        StartBalance();
    }

    private async Task WatchAsync(ControllerActivity activity, string path, WatchKinds kinds, Func<Task> read)
    {
        int epoch = _epoch;
        _watches.Add(await _session.WatchAsync(
            path, kinds, _ => Post(activity, () => IsCurrent(epoch) ? read() : Task.CompletedTask), Stopping).ConfigureAwait(false));
    }

    [LoggerMessage(7010, LogLevel.Information, "this broker is the controller, epoch {Epoch}", EventName = "Elected")]
    private partial void LogElected(int epoch);
}
