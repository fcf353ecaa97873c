using System.Collections.Immutable;
using Broker.Engine.Coordination;
using Broker.Protocol.Messages;

namespace Broker.Engine.Controller;

/// <summary>Which reassignments are taken, and when they are through. Checks and words follow Kafka's KafkaController.
/// Stateless.</summary>
internal static class ReassignmentPlan
{
    private const string Unclean = "Unable to change the partition assignment because it would require an unclean leader election.";

    /// <summary>What a request for a partition leads to.</summary>
    /// <param name="current">The assignment there is.</param>
    /// <param name="state">The state there is.</param>
    /// <param name="target">The replicas asked for; null cancels what is under way.</param>
    /// <param name="allowFactorChange">Whether the number of replicas may change (v1 of the request).</param>
    /// <param name="live">Brokers that live and do not shut down.</param>
    /// <returns>The assignment on the way there; or why not.</returns>
    public static (ReplicaAssignment? Next, ErrorCode Error, string? Message) Build(
        ReplicaAssignment current, PartitionStateNode? state, IReadOnlyList<int>? target, bool allowFactorChange,
        IReadOnlyCollection<int> live)
    {
        if (target is null)
        {
            return Cancel(current, state);
        }
        string list = $"[{string.Join(", ", target)}]";
        string? wrong = target.Count == 0 ? "Empty replica list specified in partition reassignment."
            : target.Distinct().Count() != target.Count ? $"Duplicate replica ids in partition reassignment replica list: {list}"
            : target.Any(r => r < 0) ? $"Invalid broker id in replica list: {list}" : null;
        if (wrong is not null)
        {
            return (null, ErrorCode.InvalidReplicaAssignment, wrong);
        }
        ReplicaAssignment next = current.ReassignTo([.. target]);
        if (next.Adding.Any(r => !live.Contains(r)))
        {
            return (null, ErrorCode.InvalidReplicaAssignment,
                $"Replica assignment has brokers that are not alive. Replica list: [{string.Join(", ", next.Adding)}], "
                    + $"live broker list: [{string.Join(", ", live.Order())}]");
        }
        if (!KeepsInSync(next, state))
        {
            return (null, ErrorCode.InvalidReplicaAssignment, Unclean);
        }
        return !allowFactorChange && target.Count != current.Origin.Length
            ? (null, ErrorCode.InvalidReplicationFactor,
                $"The replication factor is changed from {current.Origin.Length} to {target.Count}")
            : (next, ErrorCode.None, null);
    }

    private static (ReplicaAssignment?, ErrorCode, string?) Cancel(ReplicaAssignment current, PartitionStateNode? state)
    {
        if (!current.IsBeingReassigned)
        {
            return (null, ErrorCode.NoReassignmentInProgress, "No partition reassignment is in progress.");
        }
        ReplicaAssignment back = current.ReassignTo(current.Origin);
        return KeepsInSync(back, state) ? (back, ErrorCode.None, null) : (null, ErrorCode.InvalidReplicaAssignment, Unclean);
    }

    /// <summary>Whether somebody who has what was committed remains on the way to an assignment.</summary>
    public static bool KeepsInSync(ReplicaAssignment next, PartitionStateNode? state) =>
        state is null || state.InSyncReplicas.Any(r => next.Replicas.Contains(r));

    /// <summary>Whether every replica that is to stay is in sync.</summary>
    public static bool IsThrough(ReplicaAssignment assignment, PartitionStateNode state) =>
        !assignment.IsBeingReassigned || assignment.Target.All(r => state.InSyncReplicas.Contains(r));
}
