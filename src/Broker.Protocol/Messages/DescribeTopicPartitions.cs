using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Pages through the partitions of topics, with eligible leader replicas.</summary>
[KafkaRequest(ApiKey.DescribeTopicPartitions, versions: "0", flexible: "0+")]
public sealed partial class DescribeTopicPartitionsRequest
{
    [Field("0+")] public WireList<TopicRequest> Topics { get; set; } = [];
    [Field("0+")] public int ResponsePartitionLimit { get; set; } = 2000;
    [Field("0+", Nullable = "0+")] public CursorData? Cursor { get; set; }

    [KafkaStruct]
    public sealed partial class TopicRequest
    {
        [Field("0+")] public string Name { get; set; } = "";
    }

    [KafkaStruct]
    public sealed partial class CursorData
    {
        [Field("0+")] public string TopicName { get; set; } = "";
        [Field("0+")] public int PartitionIndex { get; set; }
    }
}

/// <summary>Topics and partitions, and where the next page begins.</summary>
[KafkaResponse(ApiKey.DescribeTopicPartitions, versions: "0", flexible: "0+")]
public sealed partial class DescribeTopicPartitionsResponse
{
    [Field("0+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<DescribeTopicPartitionsResponseTopic> Topics { get; set; } = [];
    [Field("0+", Nullable = "0+")] public Cursor? NextCursor { get; set; }

    [KafkaStruct]
    public sealed partial class DescribeTopicPartitionsResponseTopic
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+", Nullable = "0+")] public string? Name { get; set; } = "";
        [Field("0+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+", Ignorable = true)] public bool IsInternal { get; set; }
        [Field("0+")] public WireList<DescribeTopicPartitionsResponsePartition> Partitions { get; set; } = [];
        [Field("0+")] public int TopicAuthorizedOperations { get; set; } = int.MinValue;
    }

    [KafkaStruct]
    public sealed partial class Cursor
    {
        [Field("0+")] public string TopicName { get; set; } = "";
        [Field("0+")] public int PartitionIndex { get; set; }
    }

    [KafkaStruct]
    public sealed partial class DescribeTopicPartitionsResponsePartition
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public int LeaderId { get; set; }
        [Field("0+", Ignorable = true)] public int LeaderEpoch { get; set; } = -1;
        [Field("0+")] public WireList<int> ReplicaNodes { get; set; } = [];
        [Field("0+")] public WireList<int> IsrNodes { get; set; } = [];
        [Field("0+", Nullable = "0+")] public WireList<int>? EligibleLeaderReplicas { get; set; }
        [Field("0+", Nullable = "0+")] public WireList<int>? LastKnownElr { get; set; }
        [Field("0+", Ignorable = true)] public WireList<int> OfflineReplicas { get; set; } = [];
    }
}
