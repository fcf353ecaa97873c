using System.Collections.Immutable;
using Broker.Engine.Coordination;
using Broker.Protocol.Messages;

namespace Broker.Engine.Controller;

/// <summary>Which changes of in-sync replicas a leader may make. After Kafka's KafkaController.processAlterPartition (KIP-497,
/// 841, 903). Stateless.</summary>
internal static class AlterPartitionRules
{
    /// <summary>First version whose senders understand INELIGIBLE_REPLICA.</summary>
    private const short IneligibleFrom = 2;

    /// <summary>The in-sync replicas that a leader asks for, in whichever field its version has them.</summary>
    public static ImmutableArray<int> InSyncReplicasOf(AlterPartitionRequest.PartitionData asked) =>
        asked.NewIsrWithEpochs.Count > 0 ? [.. asked.NewIsrWithEpochs.Select(b => b.BrokerId)] : [.. asked.NewIsr];

    /// <summary>Says what becomes of a change that a leader asks for.</summary>
    /// <param name="leader">Who asks.</param>
    /// <param name="replicas">The partition's replicas.</param>
    /// <param name="current">The state that holds.</param>
    /// <param name="asked">The change.</param>
    /// <param name="version">Version of the request.</param>
    /// <param name="epochOf">Epoch of a broker that may be in sync; null for one that is dead or shuts down.</param>
    /// <returns>An error; or the state to write, null where it holds already.</returns>
    public static (ErrorCode Error, PartitionStateNode? State) Check(
        int leader, ImmutableArray<int> replicas, PartitionStateNode current, AlterPartitionRequest.PartitionData asked, short version,
        Func<int, long?> epochOf)
    {
        ImmutableArray<int> inSync = InSyncReplicasOf(asked);
        bool recovering = asked.LeaderRecoveryState == 1;
        if (asked.PartitionEpoch > current.Version || asked.LeaderEpoch > current.LeaderEpoch)
        {
            return (ErrorCode.NotController, null);   // the leader knows more: of another controller
        }
        if (asked.LeaderEpoch < current.LeaderEpoch || leader != current.Leader)
        {
            return (ErrorCode.FencedLeaderEpoch, null);
        }
        // Before the partition epoch is looked at: a request that is repeated is answered as it was.
        if (inSync.SequenceEqual(current.InSyncReplicas) && recovering == current.IsRecovering)
        {
            return (ErrorCode.None, null);
        }
        if (asked.PartitionEpoch != current.Version)
        {
            return (ErrorCode.InvalidUpdateVersion, null);
        }
        if ((recovering && (inSync.Length > 1 || !current.IsRecovering)) || !inSync.Contains(leader)
            || inSync.Any(r => !replicas.Contains(r)) || inSync.Distinct().Count() != inSync.Length)
        {
            return (ErrorCode.InvalidRequest, null);
        }
        foreach (int replica in inSync)
        {
            long stated = asked.NewIsrWithEpochs.FirstOrDefault(b => b.BrokerId == replica)?.BrokerEpoch ?? -1;
            if (epochOf(replica) is not { } epoch || (stated >= 0 && stated != epoch))
            {
                return (version >= IneligibleFrom ? ErrorCode.IneligibleReplica : ErrorCode.OperationNotAttempted, null);
            }
        }
        return (ErrorCode.None, current with { InSyncReplicas = inSync, IsRecovering = recovering });
    }
}
