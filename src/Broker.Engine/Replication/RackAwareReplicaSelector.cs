namespace Broker.Engine.Replication;

/// <summary>Sends a consumer to a replica in its own rack (KIP-392; Kafka: org.apache.kafka.common.replica.RackAwareReplicaSelector):
/// to the leader if that is there, else to the one with the most records. Stateless.</summary>
internal static class RackAwareReplicaSelector
{
    /// <summary>The name by which replica.selector.class asks for it.</summary>
    public const string ClassName = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

    /// <summary>The follower to read from, or -1 for the leader.</summary>
    /// <param name="role">The leader's role.</param>
    /// <param name="rack">The consumer's rack.</param>
    /// <param name="fetchOffset">What it asks for: a replica that does not have it is not chosen.</param>
    /// <param name="rackOf">The rack of a live broker; null for one that is gone or has none.</param>
    public static int Select(PartitionRole role, string rack, long fetchOffset, Func<int, string?> rackOf)
    {
        if (rack.Length == 0 || rackOf(role.Leader) == rack)
        {
            return -1;
        }
        FollowerState? best = null;
        foreach (FollowerState follower in role.Followers)
        {
            if (follower.LogEndOffset >= fetchOffset && follower.LogStartOffset <= fetchOffset && rackOf(follower.BrokerId) == rack
                && (best is null || follower.LogEndOffset > best.LogEndOffset
                    || (follower.LogEndOffset == best.LogEndOffset && follower.LastCaughtUpMs > best.LastCaughtUpMs)))
            {
                best = follower;
            }
        }
        return best?.BrokerId ?? -1;
    }
}
