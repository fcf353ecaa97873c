using Broker.Engine.Configuration;

namespace Broker.Engine.Groups;

/// <summary>What the group coordinator goes by; names and defaults are Kafka's (GroupCoordinatorConfig). Immutable.</summary>
internal sealed record GroupOptions
{
    public int SessionTimeoutMinMs { get; init; } = 6_000;
    public int SessionTimeoutMaxMs { get; init; } = 1_800_000;
    public int InitialRebalanceDelayMs { get; init; } = 3_000;
    public int SizeMax { get; init; } = int.MaxValue;
    public int MetadataBytesMax { get; init; } = 4_096;
    public long OffsetsRetentionMs { get; init; } = 7L * 24 * 60 * 60_000;

    /// <summary>Milliseconds that a commit waits for the replicas (offsets.commit.timeout.ms).</summary>
    public int CommitTimeoutMs { get; init; } = 5_000;

    /// <summary>Milliseconds that a member's first join may take (Kafka: NEW_MEMBER_JOIN_TIMEOUT).</summary>
    public int NewMemberJoinTimeoutMs { get; init; } = 300_000;

    public static GroupOptions From(BrokerConfig config) => new()
    {
        SessionTimeoutMinMs = config.Int("group.min.session.timeout.ms"),
        SessionTimeoutMaxMs = config.Int("group.max.session.timeout.ms"),
        InitialRebalanceDelayMs = config.Int("group.initial.rebalance.delay.ms"),
        SizeMax = config.Int("group.max.size"),
        MetadataBytesMax = config.Int("offset.metadata.max.bytes"),
        CommitTimeoutMs = config.Int("offsets.commit.timeout.ms"),
        OffsetsRetentionMs = config.Long("offsets.retention.minutes") * 60_000,
    };
}
