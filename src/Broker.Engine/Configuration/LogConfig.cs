using System.Globalization;

namespace Broker.Engine.Configuration;

/// <summary>
/// What a topic's logs go by: the topic's own configuration over its broker's. After Kafka's LogConfig. Immutable.
/// </summary>
internal sealed class LogConfig
{
    public static readonly LogConfig Default = new(new BrokerConfig(new Dictionary<string, string>()), new Dictionary<string, string>());

    /// <param name="broker">The broker's values.</param>
    /// <param name="topic">The topic's own.</param>
    public LogConfig(BrokerConfig broker, IReadOnlyDictionary<string, string> topic)
    {
        SegmentBytes = Int("segment.bytes");
        SegmentMs = Long("segment.ms");
        SegmentJitterMs = Math.Min(Long("segment.jitter.ms"), SegmentMs);
        SegmentIndexBytes = Int("segment.index.bytes");
        IndexIntervalBytes = Int("index.interval.bytes");
        FileDeleteDelayMs = Long("file.delete.delay.ms");
        FlushMessages = Long("flush.messages");
        FlushMs = Long("flush.ms");
        MaxMessageBytes = Int("max.message.bytes");
        MinInSyncReplicas = Int("min.insync.replicas");
        LeaderThrottledReplicas = ThrottledReplicas.Parse(ConfigValue.List(Text("leader.replication.throttled.replicas")));
        FollowerThrottledReplicas = ThrottledReplicas.Parse(ConfigValue.List(Text("follower.replication.throttled.replicas")));
        RetentionMs = Long("retention.ms");
        RetentionBytes = Long("retention.bytes");
        CleanupPolicies = ConfigValue.List(Text("cleanup.policy"));
        CleanupPolicyDelete = CleanupPolicies.Contains("delete");
        CleanupPolicyCompact = CleanupPolicies.Contains("compact");
        MinCompactionLagMs = Long("min.compaction.lag.ms");
        MaxCompactionLagMs = Long("max.compaction.lag.ms");
        MinCleanableDirtyRatio = double.Parse(Text("min.cleanable.dirty.ratio"), CultureInfo.InvariantCulture);
        DeleteRetentionMs = Long("delete.retention.ms");
        CompressionType = Text("compression.type");
        GzipLevel = Int("compression.gzip.level");
        Lz4Level = Int("compression.lz4.level");
        ZstdLevel = Int("compression.zstd.level");
        IsLogAppendTime = Text("message.timestamp.type") == "LogAppendTime";
        TimestampBeforeMaxMs = Long("message.timestamp.before.max.ms");
        TimestampAfterMaxMs = Long("message.timestamp.after.max.ms");

        string Text(string name) => Effective(broker, topic, name) ?? "";
        int Int(string name) => int.Parse(Text(name), CultureInfo.InvariantCulture);
        long Long(string name) => long.Parse(Text(name), CultureInfo.InvariantCulture);
    }

    public int SegmentBytes { get; init; }
    public long SegmentMs { get; init; }
    public long SegmentJitterMs { get; init; }
    public int SegmentIndexBytes { get; init; }
    public int IndexIntervalBytes { get; init; }
    public long FileDeleteDelayMs { get; init; }
    public long FlushMessages { get; init; }
    public long FlushMs { get; init; }
    public int MaxMessageBytes { get; init; }

    public int MinInSyncReplicas { get; init; }

    /// <summary>Replicas that a leader gives records to no faster than leader.replication.throttled.rate.</summary>
    public ThrottledReplicas LeaderThrottledReplicas { get; init; }

    /// <summary>Replicas that take records no faster than follower.replication.throttled.rate.</summary>
    public ThrottledReplicas FollowerThrottledReplicas { get; init; }

    /// <summary>Milliseconds; -1 for ever.</summary>
    public long RetentionMs { get; init; }

    /// <summary>Bytes of a partition; -1 without limit.</summary>
    public long RetentionBytes { get; init; }
    public IReadOnlyList<string> CleanupPolicies { get; init; }
    public bool CleanupPolicyDelete { get; init; }
    public bool CleanupPolicyCompact { get; init; }

    /// <summary>A record is not cleaned before it is as old.</summary>
    public long MinCompactionLagMs { get; init; }

    /// <summary>A record as old makes its log one to clean, whatever the ratio.</summary>
    public long MaxCompactionLagMs { get; init; }

    /// <summary>Share of a log's bytes, of 1, that were never cleaned, above which it is cleaned.</summary>
    public double MinCleanableDirtyRatio { get; init; }

    /// <summary>How long tombstones and markers stay after the cleaning that first met them.</summary>
    public long DeleteRetentionMs { get; init; }

    /// <summary>producer, uncompressed, or a codec.</summary>
    public string CompressionType { get; init; }
    public int GzipLevel { get; init; }
    public int Lz4Level { get; init; }
    public int ZstdLevel { get; init; }
    public bool IsLogAppendTime { get; init; }
    public long TimestampBeforeMaxMs { get; init; }
    public long TimestampAfterMaxMs { get; init; }

    /// <summary>Why a topic's own values cannot stand together, in Kafka's words (LogConfig.validateValues), or null.</summary>
    public static string? Conflict(IReadOnlyDictionary<string, string> values)
    {
        long Long(string name) => long.Parse(values.GetValueOrDefault(name) ?? ConfigCatalog.Topic[name].Default!, CultureInfo.InvariantCulture);
        (long least, long most) = (Long("min.compaction.lag.ms"), Long("max.compaction.lag.ms"));
        return least > most ? $"conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
            : "true".Equals(values.GetValueOrDefault("remote.storage.enable")?.Trim(), StringComparison.OrdinalIgnoreCase)
                ? "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage." : null;
    }

    /// <summary>A topic key's value: the topic's, its broker's, or the default.</summary>
    public static string? Effective(BrokerConfig broker, IReadOnlyDictionary<string, string> topic, string name)
    {
        ConfigKey key = ConfigCatalog.Topic[name];
        if (topic.TryGetValue(name, out string? own))
        {
            return ConfigValue.Plain(key, own);
        }
        return key.Synonym is { } synonym && ConfigCatalog.Broker.ContainsKey(synonym) ? broker.Text(synonym) : key.Default;
    }
}
