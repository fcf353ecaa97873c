using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Reads a group's committed offsets. v2 null topics mean all, v7 requires stable offsets, v8 several groups
/// at once, v9 member epochs, v10 topic ids.</summary>
[KafkaRequest(ApiKey.OffsetFetch, versions: "1-10", flexible: "6+")]
public sealed partial class OffsetFetchRequest
{
    [Field("0-7")] public string GroupId { get; set; } = "";
    [Field("0-7", Nullable = "2-7")] public WireList<OffsetFetchRequestTopic>? Topics { get; set; } = [];
    [Field("8+")] public WireList<OffsetFetchRequestGroup> Groups { get; set; } = [];
    [Field("7+")] public bool RequireStable { get; set; }

    [KafkaStruct]
    public sealed partial class OffsetFetchRequestTopic
    {
        [Field("0-7")] public string Name { get; set; } = "";
        [Field("0-7")] public WireList<int> PartitionIndexes { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetFetchRequestGroup
    {
        [Field("8+")] public string GroupId { get; set; } = "";
        [Field("9+", Nullable = "9+", Ignorable = true)] public string? MemberId { get; set; }
        [Field("9+", Ignorable = true)] public int MemberEpoch { get; set; } = -1;
        [Field("8+", Nullable = "8+")] public WireList<OffsetFetchRequestTopics>? Topics { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetFetchRequestTopics
    {
        [Field("8-9", Ignorable = true)] public string Name { get; set; } = "";
        [Field("10+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("8+")] public WireList<int> PartitionIndexes { get; set; } = [];
    }
}

/// <summary>Offsets by group, topic and partition.</summary>
[KafkaResponse(ApiKey.OffsetFetch, versions: "1-10", flexible: "6+")]
public sealed partial class OffsetFetchResponse
{
    [Field("3+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0-7")] public WireList<OffsetFetchResponseTopic> Topics { get; set; } = [];
    [Field("2-7", Ignorable = true)] public ErrorCode ErrorCode { get; set; }
    [Field("8+")] public WireList<OffsetFetchResponseGroup> Groups { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OffsetFetchResponseTopic
    {
        [Field("0-7")] public string Name { get; set; } = "";
        [Field("0-7")] public WireList<OffsetFetchResponsePartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetFetchResponseGroup
    {
        [Field("8+")] public string GroupId { get; set; } = "";
        [Field("8+")] public WireList<OffsetFetchResponseTopics> Topics { get; set; } = [];
        [Field("8+")] public ErrorCode ErrorCode { get; set; }
    }

    [KafkaStruct]
    public sealed partial class OffsetFetchResponsePartition
    {
        [Field("0-7")] public int PartitionIndex { get; set; }
        [Field("0-7")] public long CommittedOffset { get; set; }
        [Field("5-7", Ignorable = true)] public int CommittedLeaderEpoch { get; set; } = -1;
        [Field("0-7", Nullable = "0-7")] public string? Metadata { get; set; } = "";
        [Field("0-7")] public ErrorCode ErrorCode { get; set; }
    }

    [KafkaStruct]
    public sealed partial class OffsetFetchResponseTopics
    {
        [Field("8-9", Ignorable = true)] public string Name { get; set; } = "";
        [Field("10+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("8+")] public WireList<OffsetFetchResponsePartitions> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetFetchResponsePartitions
    {
        [Field("8+")] public int PartitionIndex { get; set; }
        [Field("8+")] public long CommittedOffset { get; set; }
        [Field("8+", Ignorable = true)] public int CommittedLeaderEpoch { get; set; } = -1;
        [Field("8+", Nullable = "8+")] public string? Metadata { get; set; } = "";
        [Field("8+")] public ErrorCode ErrorCode { get; set; }
    }
}
