namespace Broker.Engine.Coordination;

/// <summary>Where things lie in the tree (Kafka: ZkData). Stateless.</summary>
internal static class ClusterPaths
{
    public const string BrokerIds = "/brokers/ids";
    public const string Topics = "/brokers/topics";
    public const string Controller = "/controller";
    public const string ControllerEpoch = "/controller_epoch";
    public const string DeleteTopics = "/admin/delete_topics";
    public const string IsrChanges = "/isr_change_notification";
    public const string LogDirEvents = "/log_dir_event_notification";
    public const string Reassignment = "/admin/reassign_partitions";
    public const string PreferredElection = "/admin/preferred_replica_election";
    public const string ConfigChanges = "/config/changes";
    public const string ConfigChangePrefix = "/config/changes/config_change_";
    public const string ProducerIdBlock = "/latest_producer_id_block";
    public const string ClusterId = "/cluster/id";

    /// <summary>Name of the entity whose configuration holds for all brokers (Kafka: ConfigEntityName.DEFAULT).</summary>
    public const string DefaultBroker = "<default>";

    /// <summary>Nodes that are always there.</summary>
    public static readonly string[] Persistent =
    [
        BrokerIds, Topics, "/brokers/seqid", DeleteTopics, ConfigChanges, "/config/topics",
        "/config/brokers", "/config/clients", "/config/users", "/config/ips", IsrChanges, LogDirEvents,
    ];

    public static string Broker(int id) => $"{BrokerIds}/{id}";

    public static string Topic(string topic) => $"{Topics}/{topic}";

    public static string Partitions(string topic) => $"{Topics}/{topic}/partitions";

    public static string Partition(string topic, int partition) => $"{Topics}/{topic}/partitions/{partition}";

    public static string PartitionState(string topic, int partition) => $"{Topics}/{topic}/partitions/{partition}/state";

    public static string TopicConfig(string topic) => $"/config/topics/{topic}";

    public static string BrokerConfig(string broker) => $"/config/brokers/{broker}";

    public static string DeleteTopic(string topic) => $"{DeleteTopics}/{topic}";
}
