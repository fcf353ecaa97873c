using System.Diagnostics;
using Broker.Engine.Diagnostics;
using Broker.Engine.Groups;
using Broker.Engine.Metadata;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Engine.Storage;

namespace Broker.Engine.Admin.Hosted;

/// <summary>One MBean: its name in JMX, its attributes, and what it is called for Prometheus.</summary>
/// <param name="Domain">kafka.server ...</param>
/// <param name="Keys">type, name and tags, in order.</param>
/// <param name="Attributes">Attribute and value.</param>
/// <param name="IsCounter">Whether the value only rises.</param>
internal sealed record MetricBean(
    string Domain, IReadOnlyList<(string Key, string Value)> Keys, IReadOnlyList<(string Name, double Value)> Attributes, bool IsCounter)
{
    /// <summary>domain:type=...,name=...,tag=...</summary>
    public string ObjectName => $"{Domain}:{string.Join(',', Keys.Select(k => $"{k.Key}={k.Value}"))}";
}

/// <summary>Collects the MBeans of a broker, with Kafka's names. Thread-safe.</summary>
internal static class MetricBeans
{
    private const string Server = "kafka.server";

    public static IEnumerable<MetricBean> Of(BrokerServer broker)
    {
        if (broker.Replicas is null || broker.Groups is null)
        {
            return [];
        }
        return Topics(broker).Concat(Replicas(broker)).Concat(Logs(broker)).Concat(Waiting(broker)).Concat(Network(broker))
            .Concat(Controller(broker)).Concat(GroupBeans(broker));
    }

    private static MetricBean Gauge(string domain, string type, string name, double value, params (string, string)[] tags) =>
        new(domain, [("type", type), ("name", name), .. tags], [("Value", value)], IsCounter: false);

    private static MetricBean Meter(BrokerServer broker, string domain, string type, string name, long count, params (string, string)[] tags) =>
        new(domain, [("type", type), ("name", name), .. tags],
            [("Count", count), ("MeanRate", count / Math.Max(0.001, broker.Clock.NowMs / 1000.0))], IsCounter: true);

    private static IEnumerable<MetricBean> Topics(BrokerServer broker)
    {
        List<HostedTopic> topics = [.. broker.Replicas.Partitions.Topics];
        foreach (MetricBean bean in TopicMeters(broker, topics.Select(t => t.Metrics)))
        {
            yield return bean;
        }
        foreach (HostedTopic topic in topics)
        {
            foreach (MetricBean bean in TopicMeters(broker, [topic.Metrics], ("topic", topic.Name)))
            {
                yield return bean;
            }
        }
    }

    private static IEnumerable<MetricBean> TopicMeters(BrokerServer broker, IEnumerable<TopicMetrics> of, params (string, string)[] tags)
    {
        List<TopicMetrics> all = [.. of];
        (string Name, Func<TopicMetrics, long> Count)[] meters =
        [
            ("MessagesInPerSec", m => m.MessagesIn), ("BytesInPerSec", m => m.BytesIn), ("BytesOutPerSec", m => m.BytesOut),
            ("BytesRejectedPerSec", m => m.BytesRejected), ("TotalProduceRequestsPerSec", m => m.ProduceRequests),
            ("TotalFetchRequestsPerSec", m => m.FetchRequests), ("FailedProduceRequestsPerSec", m => m.FailedProduceRequests),
            ("FailedFetchRequestsPerSec", m => m.FailedFetchRequests),
        ];
        return meters.Select(m => Meter(broker, Server, "BrokerTopicMetrics", m.Name, all.Sum(m.Count), tags));
    }

    private static IEnumerable<MetricBean> Replicas(BrokerServer broker)
    {
        List<Partition> partitions = [.. broker.Replicas.Partitions.Partitions];
        yield return Gauge(Server, "ReplicaManager", "PartitionCount", partitions.Count);
        yield return Gauge(Server, "ReplicaManager", "LeaderCount", partitions.Count(p => p.Role.IsLeader));
        yield return Gauge(Server, "ReplicaManager", "OfflineReplicaCount", 0);
        yield return Gauge(
            Server, "ReplicaManager", "UnderReplicatedPartitions",
            partitions.Count(p => p.Role.IsLeader && p.Role.InSyncReplicas.Length < p.Role.AssignedReplicas.Length));
        yield return Gauge(Server, "ReplicaManager", "UnderMinIsrPartitionCount", 0);
        yield return Gauge(Server, "ReplicaManager", "ProducerIdCount", partitions.Sum(p => p.Log.ProducerCount));
        const int running = 3;
        yield return Gauge(Server, "KafkaServer", "BrokerState", running);
        yield return Gauge(Server, "FetchSessionCache", "NumIncrementalFetchSessions", broker.Fetches.Sessions.Count);
        yield return Gauge(Server, "FetchSessionCache", "NumIncrementalFetchPartitionsCached", broker.Fetches.Sessions.PartitionCount);
        yield return Meter(
            broker, Server, "FetchSessionCache", "IncrementalFetchSessionEvictionsPerSec", broker.Fetches.Sessions.Evictions);
    }

    private static IEnumerable<MetricBean> Logs(BrokerServer broker)
    {
        yield return Gauge("kafka.log", "LogManager", "OfflineLogDirectoryCount", broker.Logs.Directories.Count(d => !d.IsOnline));
        foreach (PartitionLog log in broker.Logs.Logs)
        {
            (string, string)[] tags = [("topic", log.Partition.Topic), ("partition", $"{log.Partition.Partition}")];
            yield return Gauge("kafka.log", "Log", "Size", log.SizeBytes, tags);
            yield return Gauge("kafka.log", "Log", "LogStartOffset", log.LogStartOffset, tags);
            yield return Gauge("kafka.log", "Log", "LogEndOffset", log.LogEndOffset, tags);
            yield return Gauge("kafka.log", "Log", "NumLogSegments", log.Segments.Count, tags);
        }
    }

    private static IEnumerable<MetricBean> Waiting(BrokerServer broker)
    {
        foreach (DelayedOperationPurgatory purgatory in
            new[] { broker.FetchPurgatory, broker.RebalancePurgatory, broker.HeartbeatPurgatory, broker.TopicPurgatory })
        {
            (string, string) tag = ("delayedOperation", purgatory.Name);
            yield return Gauge(Server, "DelayedOperationPurgatory", "NumDelayedOperations", purgatory.NumDelayedOperations, tag);
            yield return Gauge(Server, "DelayedOperationPurgatory", "PurgatorySize", purgatory.PurgatorySize, tag);
        }
    }

    private static IEnumerable<MetricBean> Network(BrokerServer broker)
    {
        Transport.TransportSnapshot snapshot = broker.Transport.Snapshot();
        string listener = broker.Endpoints.Length > 0 ? broker.Endpoints[0].Listener : "PLAINTEXT";
        foreach (Transport.NetworkThreadSnapshot thread in snapshot.Threads)
        {
            yield return new MetricBean(
                Server, [("type", "socket-server-metrics"), ("listener", listener), ("networkProcessor", $"{thread.Index}")],
                [("connection-count", thread.Connections), ("connection-creation-total", thread.Accepted), ("connection-close-total", thread.Closed)],
                IsCounter: false);
        }
        yield return Gauge("kafka.network", "SocketServer", "ExpiredConnectionsKilledCount", snapshot.ExpiredConnectionsKilled);
        yield return Gauge("kafka.network", "SocketServer", "MemoryPoolUsed", snapshot.RequestBytesRented);
        yield return Gauge("kafka.network", "RequestChannel", "RequestQueueSize", broker.Workers.QueueLength);
        (int busy, int max) = broker.Workers.Load;
        yield return Gauge(Server, "KafkaRequestHandlerPool", "RequestHandlerAvgIdlePercent", 1 - ((double)busy / Math.Max(1, max)));
    }

    private static IEnumerable<MetricBean> Controller(BrokerServer broker)
    {
        bool isActive = broker.Membership.Controller is { IsActive: true };
        MetadataImage image = broker.Metadata.Current;
        List<PartitionImage> partitions = [.. image.Topics.Values.SelectMany(t => t.Partitions).OfType<PartitionImage>()];
        const string controller = "kafka.controller";
        yield return Gauge(controller, "KafkaController", "ActiveControllerCount", isActive ? 1 : 0);
        yield return Gauge(controller, "KafkaController", "ActiveBrokerCount", isActive ? image.Brokers.Count : 0);
        yield return Gauge(controller, "KafkaController", "OfflinePartitionsCount", isActive ? partitions.Count(p => p.Leader < 0) : 0);
        yield return Gauge(controller, "KafkaController", "GlobalTopicCount", isActive ? image.Topics.Count : 0);
        yield return Gauge(controller, "KafkaController", "GlobalPartitionCount", isActive ? partitions.Count : 0);
    }

    private static IEnumerable<MetricBean> GroupBeans(BrokerServer broker)
    {
        const string domain = "kafka.coordinator.group";
        List<ClassicGroup> groups = [.. broker.Groups.Groups];
        yield return Gauge(domain, "GroupMetadataManager", "NumGroups", groups.Count);
        yield return Gauge(domain, "GroupMetadataManager", "NumOffsets", groups.Sum(g => g.Offsets.Count));
        foreach (GroupState state in Enum.GetValues<GroupState>())
        {
            yield return Gauge(domain, "GroupMetadataManager", $"NumGroups{state}", groups.Count(g => g.State == state));
        }
        yield return Meter(broker, domain, "GroupMetadataManager", "OffsetCommitsPerSec", broker.Groups.Commits);
    }

    /// <summary>Metrics of the process under the names that Prometheus' own clients give them.</summary>
    public static IReadOnlyList<(string Name, string Type, double Value)> OfProcess(DateTimeOffset startedAt)
    {
        using var process = Process.GetCurrentProcess();
        return
        [
            ("process_cpu_seconds_total", "counter", process.TotalProcessorTime.TotalSeconds),
            ("process_resident_memory_bytes", "gauge", process.WorkingSet64),
            ("process_start_time_seconds", "gauge", startedAt.ToUnixTimeSeconds()),
            ("process_threads", "gauge", process.Threads.Count),
            ("dotnet_gc_heap_bytes", "gauge", GC.GetTotalMemory(forceFullCollection: false)),
            ("dotnet_gc_collections_total", "counter", GC.CollectionCount(0)),
        ];
    }
}
