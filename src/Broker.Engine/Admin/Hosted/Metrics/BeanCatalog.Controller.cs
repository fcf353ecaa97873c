using Broker.Engine.Controller;
using Broker.Engine.Metadata;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>The controller, with the names of Kafka's in ZooKeeper mode. What it alone knows is 0 on the other brokers.</summary>
internal static partial class BeanCatalog
{
    private const string ControllerDomain = "kafka.controller";

    private static IEnumerable<BeanFamily> ControllerFamilies() =>
    [
        Gauge(ControllerDomain, "KafkaController", "ActiveControllerCount", b => Active(b) is null ? 0 : 1),
        Gauge(ControllerDomain, "KafkaController", "ActiveBrokerCount", b => Active(b) is null ? 0 : b.Metadata.Current.Brokers.Count),
        Gauge(ControllerDomain, "KafkaController", "FencedBrokerCount", _ => 0),
        Gauge(ControllerDomain, "KafkaController", "ControllerState", b => (long)b.Membership.Metrics.Activity),
        Gauge(ControllerDomain, "KafkaController", "GlobalTopicCount", b => Active(b) is null ? 0 : b.Metadata.Current.Topics.Count),
        Gauge(ControllerDomain, "KafkaController", "GlobalPartitionCount", b => Partitions(b, _ => true)),
        Gauge(ControllerDomain, "KafkaController", "OfflinePartitionsCount", b => Partitions(b, p => p.Leader < 0)),
        Gauge(ControllerDomain, "KafkaController", "PreferredReplicaImbalanceCount", b => Partitions(b, p => p.Replicas is [var first, ..] && p.Leader != first)),
        Gauge(ControllerDomain, "KafkaController", "TopicsToDeleteCount", b => Deletions(b).Topics),
        Gauge(ControllerDomain, "KafkaController", "ReplicasToDeleteCount", b => Deletions(b).Replicas),
        Gauge(ControllerDomain, "KafkaController", "TopicsIneligibleToDeleteCount", b => Deletions(b).IneligibleTopics),
        Gauge(ControllerDomain, "KafkaController", "ReplicasIneligibleToDeleteCount", b => Deletions(b).IneligibleReplicas),
        Gauge(ControllerDomain, "ControllerEventManager", "EventQueueSize", b => b.Membership.Metrics.QueueSize),
        new(ControllerDomain, "ControllerEventManager", "EventQueueTimeMs", BeanKind.Histogram, (b, sink) =>
            sink.Histogram(default, b.Membership.Metrics.QueueTimes)),
        new(ControllerDomain, "ControllerEventManager", "EventQueueProcessingTimeMs", BeanKind.Histogram, (b, sink) =>
            sink.Histogram(default, b.Membership.Metrics.ProcessingTimes)),
        Ratio(ControllerDomain, "ControllerEventManager", "AvgIdleRatio", b => b.Metrics.ControllerIdle),
        Meter(ControllerDomain, "ControllerStats", "UncleanLeaderElectionsPerSec", b => b.Membership.Metrics.UncleanElections),
        .. Diagnostics.ControllerMetrics.TimerNames.Select((name, i) => new BeanFamily(
            ControllerDomain, "ControllerStats", name, BeanKind.Timer, (b, sink) => sink.Timer(default, b.Membership.Metrics.Timers[i]))),
        Gauge(ControllerDomain, "ControllerChannelManager", "TotalQueueSize", b => Active(b)?.Lines.Sum(l => l.QueueSize) ?? 0),
        new(ControllerDomain, "ControllerChannelManager", "QueueSize", BeanKind.Gauge, (b, sink) => EachLine(b, line =>
            sink.Gauge(default(Tags).And("broker-id", line.Broker.Id), line.QueueSize))),
        new(ControllerDomain, "ControllerChannelManager", "RequestRateAndQueueTimeMs", BeanKind.Timer, (b, sink) => EachLine(b, line =>
            sink.Timer(default(Tags).And("broker-id", line.Broker.Id), line.QueueTimes))),
    ];

    private static ClusterController? Active(BrokerServer broker) =>
        broker.Membership.Controller is { IsActive: true } controller ? controller : null;

    private static DeletionCounts Deletions(BrokerServer broker) => Active(broker)?.Deletions ?? DeletionCounts.None;

    private static void EachLine(BrokerServer broker, Action<BrokerChannel> action)
    {
        foreach (BrokerChannel line in Active(broker)?.Lines ?? [])
        {
            action(line);
        }
    }

    private static long Partitions(BrokerServer broker, Func<PartitionImage, bool> wanted)
    {
        if (Active(broker) is null)
        {
            return 0;
        }
        long count = 0;
        foreach (TopicImage topic in broker.Metadata.Current.Topics.Values)
        {
            foreach (PartitionImage? partition in topic.Partitions)
            {
                count += partition is not null && wanted(partition) ? 1 : 0;
            }
        }
        return count;
    }
}
