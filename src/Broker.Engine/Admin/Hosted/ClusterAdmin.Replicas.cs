using Broker.Engine.Replication;

namespace Broker.Engine.Admin.Hosted;

/// <summary>A partition's replicas side by side.</summary>
internal sealed partial class ClusterAdmin
{
    private List<ReplicaView> ReplicasOf(Partition leader)
    {
        PartitionRole role = leader.Role;
        long end = leader.Log.LogEndOffset;
        DateTimeOffset now = _cluster.Time.GetUtcNow();
        return [.. role.AssignedReplicas.Select(r => r == role.Leader
            ? new ReplicaView
            {
                BrokerId = r,
                IsLeader = true,
                IsInSync = true,
                LogEndOffset = end,
                HighWatermark = leader.HighWatermark,
                Lag = 0,
                LastCaughtUp = now,
            }
            : Describe(leader, role, r, end, now))];
    }

    /// <summary>A follower: a broker of this host is asked itself, of another the leader's word stands.</summary>
    private ReplicaView Describe(Partition leader, PartitionRole role, int id, long end, DateTimeOffset now)
    {
        FollowerState? known = role.Follower(id);
        Partition? own = Running().FirstOrDefault(b => b.Id == id)?.Replicas?.Partitions.Find(leader.Id);
        long ownEnd = own?.Log.LogEndOffset ?? known?.LogEndOffset ?? -1;
        return new ReplicaView
        {
            BrokerId = id,
            IsLeader = false,
            IsInSync = Array.IndexOf(role.InSyncReplicas, id) >= 0,
            LogEndOffset = ownEnd,
            HighWatermark = own?.HighWatermark ?? known?.ToldHighWatermark ?? -1,
            Lag = Math.Max(0, end - Math.Max(0, ownEnd)),
            LastCaughtUp = known is { WasCaughtUp: true } ? now - TimeSpan.FromMilliseconds(leader.SinceCaughtUpMs(known)) : null,
        };
    }
}
