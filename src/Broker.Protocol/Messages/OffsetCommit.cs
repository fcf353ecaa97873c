using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Stores a group's offsets. v7 static members, v8 flexible, v9 KIP-848 member epochs, v10 topic
/// ids.</summary>
[KafkaRequest(ApiKey.OffsetCommit, versions: "2-10", flexible: "8+")]
public sealed partial class OffsetCommitRequest
{
    [Field("0+")] public string GroupId { get; set; } = "";
    [Field("1+", Ignorable = true)] public int GenerationIdOrMemberEpoch { get; set; } = -1;
    [Field("1+", Ignorable = true)] public string MemberId { get; set; } = "";
    [Field("7+", Nullable = "7+")] public string? GroupInstanceId { get; set; }
    [Field("2-4", Ignorable = true)] public long RetentionTimeMs { get; set; } = -1;
    [Field("0+")] public WireList<OffsetCommitRequestTopic> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OffsetCommitRequestTopic
    {
        [Field("0-9", Ignorable = true)] public string Name { get; set; } = "";
        [Field("10+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<OffsetCommitRequestPartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetCommitRequestPartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public long CommittedOffset { get; set; }
        [Field("6+", Ignorable = true)] public int CommittedLeaderEpoch { get; set; } = -1;
        [Field("0+", Nullable = "0+")] public string? CommittedMetadata { get; set; } = "";
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.OffsetCommit, versions: "2-10", flexible: "8+")]
public sealed partial class OffsetCommitResponse
{
    [Field("3+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<OffsetCommitResponseTopic> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OffsetCommitResponseTopic
    {
        [Field("0-9", Ignorable = true)] public string Name { get; set; } = "";
        [Field("10+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<OffsetCommitResponsePartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetCommitResponsePartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }
}
