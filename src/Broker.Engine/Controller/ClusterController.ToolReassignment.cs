using System.Collections.Immutable;
using Broker.Engine.Coordination;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Reassignments that Kafka's tools of before 2.4 write to <c>/admin/reassign_partitions</c>.</summary>
internal sealed partial class ClusterController
{
    private async Task ReadToolReassignmentAsync()
    {
        GetResult node = await _session.GetAsync(ClusterPaths.Reassignment, Stopping).ConfigureAwait(false);
        if (node.Error != CoordinationError.None)
        {
            return;
        }
        var wanted = new Dictionary<ControlledPartition, ReplicaAssignment>();
        int refused = 0;
        foreach ((TopicPartition named, ImmutableArray<int> target) in ReadOr(node.Data, ClusterJson.ReadReassignment, []))
        {
            ControlledPartition? partition = Find(named.Topic)?.Partitions.GetValueOrDefault(named.Partition);
            bool isValid = !target.IsEmpty && target.Distinct().Count() == target.Length && target.All(r => r >= 0);
            if (partition is null || !isValid
                || partition.Assignment.ReassignTo(target) is not { } next || !ReassignmentPlan.KeepsInSync(next, partition.State))
            {
                refused++;
                continue;
            }
            if (!_reassigning.Contains(partition) || next != partition.Assignment)
            {
                wanted[partition] = next;
            }
        }
        if (refused > 0)
        {
            LogToolRefused(refused);
            await ForgetToolReassignmentAsync((_, _) => false).ConfigureAwait(false);
        }
        await ReassignAsync(wanted).ConfigureAwait(false);
    }

    /// <summary>Takes partitions out of the node, and those that do not exist; without any the node goes.</summary>
    private async Task ForgetToolReassignmentAsync(Func<ControlledPartition, ImmutableArray<int>, bool> isDone)
    {
        while (true)
        {
            GetResult node = await _session.GetAsync(ClusterPaths.Reassignment, Stopping).ConfigureAwait(false);
            if (node.Error != CoordinationError.None)
            {
                return;
            }
            IReadOnlyList<KeyValuePair<TopicPartition, ImmutableArray<int>>> all = ReadOr(node.Data, ClusterJson.ReadReassignment, []);
            KeyValuePair<TopicPartition, ImmutableArray<int>>[] left =
            [
                .. all.Where(a => Find(a.Key.Topic)?.Partitions.GetValueOrDefault(a.Key.Partition) is { } partition
                    && !a.Value.IsEmpty && !isDone(partition, a.Value)),
            ];
            if (left.Length == all.Count && left.Length > 0)
            {
                return;
            }
            MultiResult written = await WriteAsync(
                [
                    CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion),
                    left.Length == 0
                        ? CoordinationOperation.Delete(ClusterPaths.Reassignment, node.Stat.Version)
                        : CoordinationOperation.Set(ClusterPaths.Reassignment, ClusterJson.Reassignment(left), node.Stat.Version),
                ]).ConfigureAwait(false);
            if (written.Error is not (CoordinationError.BadVersion or CoordinationError.NoNode) || written.FailedIndex == 0)
            {
                written.Error.ThrowIfFailed(ClusterPaths.Reassignment);
                return;
            }
        }
    }

    [LoggerMessage(7071, LogLevel.Warning, "{Count} partitions of a tool's reassignment do not exist or have no valid replicas", EventName = "ToolReassignmentRefused")]
    private partial void LogToolRefused(int count);
}
