using System.Collections.Immutable;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;

namespace Broker.Engine.Controller;

/// <summary>
/// Who leads a partition, and who stays in sync, when replicas come and go. Each rule answers the state to write, with the next
/// leader epoch, or null where the state stays as it is or cannot be better. After Kafka's Election and
/// ReplicaStateMachine.removeReplicasFromIsr. Stateless.
/// </summary>
internal static class LeaderElection
{
    /// <summary>The first state of a partition: every live replica is in sync with an empty log.</summary>
    public static PartitionStateNode? First(ImmutableArray<int> replicas, Func<int, bool> isOnline)
    {
        ImmutableArray<int> live = [.. replicas.Where(isOnline)];
        return live.IsEmpty ? null : new PartitionStateNode(live[0], 0, live, 0, 0);
    }

    /// <summary>
    /// The state after some replicas went offline, or came back: they leave the in-sync replicas, and where the leader is among
    /// them the first in-sync replica that is online leads. Where none is, the in-sync replicas stay as they are, so that any
    /// of them may lead as it comes back: all have what was committed. An unclean election then takes any that is online.
    /// </summary>
    public static PartitionStateNode? Offline(
        ImmutableArray<int> replicas, PartitionStateNode state, Func<int, bool> isOnline, bool allowUnclean)
    {
        if (state.Leader != PartitionImage.NoLeader && isOnline(state.Leader))
        {
            return state.InSyncReplicas.All(isOnline)
                ? null : Next(state, state.Leader, [.. state.InSyncReplicas.Where(isOnline)]);
        }
        foreach (int replica in replicas)
        {
            if (state.InSyncReplicas.Contains(replica) && isOnline(replica))
            {
                return Next(state, replica, [.. state.InSyncReplicas.Where(isOnline)]);
            }
        }
        return (allowUnclean ? Unclean(replicas, state, isOnline) : null)
            ?? (state.Leader == PartitionImage.NoLeader ? null : Next(state, PartitionImage.NoLeader, state.InSyncReplicas));
    }

    /// <summary>A leader that was not in sync: what the others had more is lost.</summary>
    private static PartitionStateNode? Unclean(ImmutableArray<int> replicas, PartitionStateNode state, Func<int, bool> isOnline)
    {
        foreach (int replica in replicas)
        {
            if (isOnline(replica))
            {
                return Next(state, replica, [replica]) with { IsRecovering = true };
            }
        }
        return null;
    }

    /// <summary>Whether a state came about by an election of a replica that was not in sync.</summary>
    public static bool IsUnclean(PartitionStateNode before, PartitionStateNode after) =>
        after.Leader != PartitionImage.NoLeader && !before.InSyncReplicas.Contains(after.Leader);

    /// <summary>The first replica leads, if it is online and in sync.</summary>
    public static PartitionStateNode? Preferred(ImmutableArray<int> replicas, PartitionStateNode state, Func<int, bool> isOnline) =>
        state.Leader != replicas[0] && isOnline(replicas[0]) && state.InSyncReplicas.Contains(replicas[0])
            ? Next(state, replicas[0], state.InSyncReplicas) : null;

    /// <summary>A leader that shuts down hands over to an in-sync replica that does not; one that follows leaves the in-sync
    /// replicas.</summary>
    /// <param name="broker">Who shuts down.</param>
    /// <param name="replicas">The partition's replicas.</param>
    /// <param name="state">Its state.</param>
    /// <param name="staysOnline">Whether a replica is online and its broker does not shut down.</param>
    public static PartitionStateNode? ControlledShutdown(
        int broker, ImmutableArray<int> replicas, PartitionStateNode state, Func<int, bool> staysOnline)
    {
        if (state.Leader != broker)
        {
            return state.InSyncReplicas.Contains(broker) && state.InSyncReplicas.Length > 1
                ? Next(state, state.Leader, state.InSyncReplicas.Remove(broker)) : null;
        }
        foreach (int replica in replicas)
        {
            if (replica != broker && state.InSyncReplicas.Contains(replica) && staysOnline(replica))
            {
                return Next(state, replica, [.. state.InSyncReplicas.Where(staysOnline)]);
            }
        }
        return null;
    }

    /// <summary>The state once only some replicas remain: they alone are in sync, and one of them that is online leads, where
    /// there is one. Some that are in sync must remain. The leader epoch goes up in any case: all replicas must hear of
    /// it.</summary>
    public static PartitionStateNode Remain(ImmutableArray<int> remaining, PartitionStateNode state, Func<int, bool> isOnline)
    {
        ImmutableArray<int> inSync = [.. state.InSyncReplicas.Where(r => remaining.Contains(r))];
        int leader = inSync.Contains(state.Leader) && isOnline(state.Leader) ? state.Leader : PartitionImage.NoLeader;
        for (int i = 0; leader == PartitionImage.NoLeader && i < remaining.Length; i++)
        {
            leader = inSync.Contains(remaining[i]) && isOnline(remaining[i]) ? remaining[i] : leader;
        }
        return Next(state, leader, inSync);
    }

    private static PartitionStateNode Next(PartitionStateNode state, int leader, ImmutableArray<int> inSync) =>
        state with { Leader = leader, LeaderEpoch = state.LeaderEpoch + 1, InSyncReplicas = inSync };
}
