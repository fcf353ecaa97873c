namespace Broker.Engine.Admin;

/// <summary>Which topics, in which order.</summary>
/// <param name="Search">A part of the name, or null for all.</param>
/// <param name="IncludeInternal">Also Kafka's own.</param>
/// <param name="SortBy">A column.</param>
/// <param name="Descending">Greatest first.</param>
/// <param name="Skip">Items to leave out at the start.</param>
/// <param name="Take">Items wanted, at most 1,000.</param>
public sealed record TopicQuery(
    string? Search = null, bool IncludeInternal = false, TopicColumn SortBy = TopicColumn.Name, bool Descending = false,
    int Skip = 0, int Take = 100);

public enum TopicColumn
{
    Name,
    Partitions,
    Messages,
    Size,
    MessagesInPerSec,
    BytesInPerSec,
    BytesOutPerSec,
}

/// <summary>A topic in a list.</summary>
public sealed record TopicSummary
{
    public required string Name { get; init; }
    public required Guid Id { get; init; }
    public required bool IsInternal { get; init; }
    public required int Partitions { get; init; }
    public required int ReplicationFactor { get; init; }
    public required int OfflinePartitions { get; init; }
    public required int UnderReplicatedPartitions { get; init; }

    /// <summary>Records between start and end offsets: what is there, but for what compaction took. Of the partitions that are
    /// known.</summary>
    public required long Messages { get; init; }

    /// <summary>Of the partitions that are known.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Partitions that neither messages nor size count, since their leaders do not tell.</summary>
    public required int UnknownPartitions { get; init; }

    /// <summary>Why the first of them is not known, or null.</summary>
    public string? Unknown { get; init; }
    public required string CleanupPolicy { get; init; }

    /// <summary>What leaders of other hosts send and are asked is not in it.</summary>
    public required TrafficRates Rates { get; init; }

    /// <summary>Partitions that brokers of other hosts lead.</summary>
    public required int LedElsewhere { get; init; }
}

public sealed record TopicDetail
{
    public required TopicSummary Summary { get; init; }
    public required IReadOnlyList<PartitionView> Partitions { get; init; }

    /// <summary>How evenly its partitions lie.</summary>
    public required SkewView Skew { get; init; }

    /// <summary>Groups that have committed offsets for the topic.</summary>
    public required IReadOnlyList<TopicGroupView> Groups { get; init; }
    public required IReadOnlyList<TrafficPoint> History { get; init; }
}

/// <summary>A group's lag on a topic.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="State">Its state.</param>
/// <param name="Lag">Over the partitions whose end is known.</param>
/// <param name="UnknownLags">Partitions with a commit whose end is not known.</param>
public sealed record TopicGroupView(string GroupId, string State, long Lag, int UnknownLags);

/// <summary>A partition as its leader has it; -1 where the leader does not tell.</summary>
public sealed record PartitionView
{
    public required int Partition { get; init; }

    /// <summary>-1 when there is none.</summary>
    public required int Leader { get; init; }
    public required int LeaderEpoch { get; init; }
    public required IReadOnlyList<int> Replicas { get; init; }
    public required IReadOnlyList<int> InSyncReplicas { get; init; }
    public required long LogStartOffset { get; init; }
    public required long HighWatermark { get; init; }
    public required long LogEndOffset { get; init; }
    public required long SizeBytes { get; init; }

    /// <summary>-1 also where the leader is of another host: it does not tell.</summary>
    public required int Segments { get; init; }

    /// <summary>Appended a second, averaged over the last seconds.</summary>
    public required double MessagesInPerSec { get; init; }
    public string? LogDirectory { get; init; }

    /// <summary>Why the leader's figures are not known, or null.</summary>
    public string? Unknown { get; init; }
}

/// <summary>A topic to make. -1 takes the broker's default.</summary>
public sealed record NewTopic(
    string Name, int Partitions = -1, short ReplicationFactor = -1, IReadOnlyDictionary<string, string>? Config = null);

public enum ConfigResourceKind
{
    Topic,
    Broker,

    /// <summary>A broker's loggers and their levels; nothing of it is kept.</summary>
    BrokerLogger,
}

/// <summary>What a configuration belongs to. A broker without a name is the cluster-wide default of brokers.</summary>
public sealed record ConfigResource(ConfigResourceKind Kind, string Name);

/// <summary>One configuration key of a resource, and all that a form needs to know of it.</summary>
public sealed record ConfigEntry
{
    public required string Name { get; init; }

    /// <summary>Null for a sensitive value.</summary>
    public string? Value { get; init; }
    public string? Default { get; init; }

    /// <summary>Kafka's name: DYNAMIC_TOPIC_CONFIG, DEFAULT_CONFIG ...</summary>
    public required string Source { get; init; }

    /// <summary>BOOLEAN, STRING, INT, SHORT, LONG, DOUBLE, LIST, CLASS or PASSWORD.</summary>
    public required string Type { get; init; }
    public required bool IsReadOnly { get; init; }
    public required bool IsSensitive { get; init; }
    public required string Documentation { get; init; }

    /// <summary>Values allowed, or null for any.</summary>
    public IReadOnlyList<string>? AllowedValues { get; init; }
}
