using Broker.Engine.Diagnostics;
using Broker.Engine.Replication;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Traffic by topic, and the partitions held.</summary>
internal static partial class BeanCatalog
{
    private const string Cluster = "kafka.cluster";

    private static IEnumerable<BeanFamily> TopicFamilies()
    {
        foreach (TopicMeter meter in Enum.GetValues<TopicMeter>())
        {
            TopicMeter which = meter;
            yield return new BeanFamily(Server, "BrokerTopicMetrics", $"{which}PerSec", BeanKind.Meter, (broker, sink) =>
            {
                sink.Meter(default, broker.Replicas.Partitions.AllTopics.Of(which));
                foreach (HostedTopic topic in broker.Replicas.Partitions.Topics)
                {
                    if (topic.Metrics.Find(which) is { } found)
                    {
                        sink.Meter(default(Tags).And("topic", topic.Name), found);
                    }
                }
            });
        }
    }

    private static IEnumerable<BeanFamily> ReplicaFamilies() =>
    [
        Gauge(Server, "ReplicaManager", "PartitionCount", b => Held(b, _ => true)),
        Gauge(Server, "ReplicaManager", "LeaderCount", b => Held(b, p => p.Role.IsLeader)),
        Gauge(Server, "ReplicaManager", "OfflineReplicaCount", OfflineReplicas),
        Gauge(Server, "ReplicaManager", "UnderReplicatedPartitions", b => Held(b, IsUnderReplicated)),
        Gauge(Server, "ReplicaManager", "UnderMinIsrPartitionCount", b => Held(b, p => InSyncOverMin(p) < 0)),
        Gauge(Server, "ReplicaManager", "AtMinIsrPartitionCount", b => Held(b, p => InSyncOverMin(p) == 0)),
        Gauge(Server, "ReplicaManager", "ProducerIdCount", Producers),
        Gauge(Server, "ReplicaManager", "ReassigningPartitions", b => Held(
            b, p => p.Role is { IsLeader: true } role && role.AddingReplicas.Length + role.RemovingReplicas.Length > 0)),
        Meter(Server, "ReplicaManager", "IsrShrinksPerSec", b => b.Metrics.IsrShrinks),
        Meter(Server, "ReplicaManager", "IsrExpandsPerSec", b => b.Metrics.IsrExpands),
        Meter(Server, "ReplicaManager", "FailedIsrUpdatesPerSec", b => b.Metrics.FailedIsrUpdates),
        .. FetcherFamilies(),
        OfPartition("UnderReplicated", p => IsUnderReplicated(p) ? 1 : 0),
        OfPartition("InSyncReplicasCount", p => p.Role.IsLeader ? p.Role.InSyncReplicas.Length : 0),
        OfPartition("ReplicasCount", p => p.Role.IsLeader ? p.Role.AssignedReplicas.Length : 0),
        OfPartition("UnderMinIsr", p => InSyncOverMin(p) < 0 ? 1 : 0),
        OfPartition("AtMinIsr", p => InSyncOverMin(p) == 0 ? 1 : 0),
        OfPartition("LastStableOffsetLag", p => Math.Max(0, p.HighWatermark - p.LastStableOffset)),
    ];

    private static BeanFamily OfPartition(string name, Func<Partition, long> value) =>
        new(Cluster, "Partition", name, BeanKind.Gauge, (broker, sink) =>
        {
            foreach (Partition partition in broker.Replicas.Partitions.Partitions)
            {
                sink.Gauge(default(Tags).And("topic", partition.Topic.Name).And("partition", partition.Index), value(partition));
            }
        });

    private static long Held(BrokerServer broker, Func<Partition, bool> wanted)
    {
        long count = 0;
        foreach (Partition partition in broker.Replicas.Partitions.Partitions)
        {
            count += wanted(partition) ? 1 : 0;
        }
        return count;
    }

    private static bool IsUnderReplicated(Partition partition) =>
        partition.Role is { IsLeader: true, IsUnderReplicated: true };

    /// <summary>In-sync replicas beyond the least number asked for; positive where this broker does not lead.</summary>
    private static int InSyncOverMin(Partition partition) => partition.Role is { IsLeader: true } role
        ? role.InSyncReplicas.Length - Math.Min(partition.Log.Config.MinInSyncReplicas, role.AssignedReplicas.Length) : 1;

    private static long OfflineReplicas(BrokerServer broker)
    {
        HashSet<string> offline = [.. broker.Logs.Directories.Where(d => !d.IsOnline).Select(d => d.Path)];
        return offline.Count == 0 ? 0 : Held(broker, p => offline.Contains(p.Log.ParentDirectory));
    }

    private static long Producers(BrokerServer broker)
    {
        long count = 0;
        foreach (Partition partition in broker.Replicas.Partitions.Partitions)
        {
            count += partition.Log.ProducerCountNow;
        }
        return count;
    }
}
