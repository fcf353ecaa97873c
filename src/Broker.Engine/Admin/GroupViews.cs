namespace Broker.Engine.Admin;

/// <summary>Which groups.</summary>
/// <param name="Search">A part of the id, or null for all.</param>
/// <param name="State">Kafka's name of a state, or null for all.</param>
/// <param name="SortBy">A column.</param>
/// <param name="Descending">Greatest first.</param>
/// <param name="Skip">Items to leave out at the start.</param>
/// <param name="Take">Items wanted, at most 1,000.</param>
public sealed record GroupQuery(
    string? Search = null, string? State = null, GroupColumn SortBy = GroupColumn.GroupId, bool Descending = false,
    int Skip = 0, int Take = 100);

public enum GroupColumn
{
    GroupId,
    State,
    Members,
    Lag,
}

/// <summary>A part of the list of groups.</summary>
/// <param name="Items">The part.</param>
/// <param name="Total">Groups that the filter lets through, in all.</param>
/// <param name="Skipped">Groups before the part.</param>
/// <param name="Unknown">Why others may be missing, in sentences; empty where all are known.</param>
public sealed record GroupList(IReadOnlyList<GroupSummary> Items, int Total, int Skipped, IReadOnlyList<string> Unknown)
    : Page<GroupSummary>(Items, Total, Skipped);

public sealed record GroupSummary
{
    public required string GroupId { get; init; }

    /// <summary>Empty, PreparingRebalance, CompletingRebalance, Stable or Dead.</summary>
    public required string State { get; init; }
    public required string ProtocolType { get; init; }

    /// <summary>The assignor in use; empty while there is none.</summary>
    public required string Protocol { get; init; }
    public required int Coordinator { get; init; }
    public required int Members { get; init; }

    /// <summary>-1 where the coordinator is a broker of another host: it does not say.</summary>
    public required int Generation { get; init; }
    public required int Topics { get; init; }

    /// <summary>Sum over partitions of end offset minus committed offset, never negative; partitions without a commit
    /// count nothing, and neither do those whose end is not known.</summary>
    public required long Lag { get; init; }

    /// <summary>Partitions with a commit whose end is not known.</summary>
    public required int UnknownLags { get; init; }
}

public sealed record GroupDetail
{
    public required GroupSummary Summary { get; init; }
    public required IReadOnlyList<GroupMemberView> Members { get; init; }
    public required IReadOnlyList<GroupPartitionView> Partitions { get; init; }
}

public sealed record GroupMemberView
{
    public required string MemberId { get; init; }
    public string? GroupInstanceId { get; init; }
    public required string ClientId { get; init; }
    public required string Host { get; init; }

    /// <summary>-1, as the one below, where the coordinator is a broker of another host: it does not say.</summary>
    public required int SessionTimeoutMs { get; init; }
    public required int RebalanceTimeoutMs { get; init; }
    public required bool IsLeader { get; init; }
    public required IReadOnlyList<TopicPartition> Assignment { get; init; }

    /// <summary>Milliseconds until the member is given up unless it is heard of; -1 when no heartbeat is awaited.</summary>
    public required long HeartbeatDueInMs { get; init; }
}

/// <summary>A partition that the group has committed or is assigned.</summary>
public sealed record GroupPartitionView
{
    public required string Topic { get; init; }
    public required int Partition { get; init; }

    /// <summary>-1 when nothing is committed.</summary>
    public required long CommittedOffset { get; init; }
    public required string Metadata { get; init; }
    public required DateTimeOffset? CommittedAt { get; init; }

    /// <summary>-1 when it is not known.</summary>
    public required long LogEndOffset { get; init; }

    /// <summary>Null when nothing is committed, and when the end is not known.</summary>
    public required long? Lag { get; init; }
    public string? MemberId { get; init; }
    public string? ClientId { get; init; }
    public string? Host { get; init; }
}

public enum OffsetTarget
{
    /// <summary>The first record there is.</summary>
    Earliest,

    /// <summary>After the last record.</summary>
    Latest,

    /// <summary><see cref="OffsetReset.Offset"/>, kept within the log.</summary>
    Offset,

    /// <summary>The first record at or after <see cref="OffsetReset.Timestamp"/>.</summary>
    Timestamp,
}

/// <summary>Where a group shall read on.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">One partition, or null for all.</param>
/// <param name="To">The place.</param>
/// <param name="Offset">For <see cref="OffsetTarget.Offset"/>.</param>
/// <param name="Timestamp">For <see cref="OffsetTarget.Timestamp"/>.</param>
public sealed record OffsetReset(
    string Topic, int? Partition = null, OffsetTarget To = OffsetTarget.Earliest, long Offset = 0, DateTimeOffset? Timestamp = null);

public sealed record CommittedPlace(string Topic, int Partition, long Offset);
