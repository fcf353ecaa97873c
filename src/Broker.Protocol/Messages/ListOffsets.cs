using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Looks offsets up by timestamp or by special value: -1 latest, -2 earliest, -3 greatest timestamp (v7), -4
/// earliest local (v8), -5 latest tiered (v9), -6 earliest pending upload (v11).</summary>
[KafkaRequest(ApiKey.ListOffsets, versions: "1-11", flexible: "6+")]
public sealed partial class ListOffsetsRequest
{
    [Field("0+")] public int ReplicaId { get; set; }
    [Field("2+")] public sbyte IsolationLevel { get; set; }
    [Field("0+")] public WireList<ListOffsetsTopic> Topics { get; set; } = [];
    [Field("10+", Ignorable = true)] public int TimeoutMs { get; set; }

    [KafkaStruct]
    public sealed partial class ListOffsetsTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<ListOffsetsPartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class ListOffsetsPartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("4+", Ignorable = true)] public int CurrentLeaderEpoch { get; set; } = -1;
        [Field("0+")] public long Timestamp { get; set; }
    }
}

/// <summary>The offset and timestamp found, by partition.</summary>
[KafkaResponse(ApiKey.ListOffsets, versions: "1-11", flexible: "6+")]
public sealed partial class ListOffsetsResponse
{
    [Field("2+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<ListOffsetsTopicResponse> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class ListOffsetsTopicResponse
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<ListOffsetsPartitionResponse> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class ListOffsetsPartitionResponse
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("1+")] public long Timestamp { get; set; } = -1;
        [Field("1+")] public long Offset { get; set; } = -1;
        [Field("4+")] public int LeaderEpoch { get; set; } = -1;
    }
}
