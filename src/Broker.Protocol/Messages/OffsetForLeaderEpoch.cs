using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Asks where a leader epoch ends, to detect truncation (KIP-320).</summary>
[KafkaRequest(ApiKey.OffsetForLeaderEpoch, versions: "2-4", flexible: "4+")]
public sealed partial class OffsetForLeaderEpochRequest
{
    [Field("3+", Ignorable = true)] public int ReplicaId { get; set; } = -2;
    [Field("0+")] public WireList<OffsetForLeaderTopic> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OffsetForLeaderTopic
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<OffsetForLeaderPartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetForLeaderPartition
    {
        [Field("0+")] public int Partition { get; set; }
        [Field("2+", Ignorable = true)] public int CurrentLeaderEpoch { get; set; } = -1;
        [Field("0+")] public int LeaderEpoch { get; set; }
    }
}

/// <summary>The end offset by partition.</summary>
[KafkaResponse(ApiKey.OffsetForLeaderEpoch, versions: "2-4", flexible: "4+")]
public sealed partial class OffsetForLeaderEpochResponse
{
    [Field("2+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<OffsetForLeaderTopicResult> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OffsetForLeaderTopicResult
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<EpochEndOffset> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class EpochEndOffset
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+")] public int Partition { get; set; }
        [Field("1+", Ignorable = true)] public int LeaderEpoch { get; set; } = -1;
        [Field("0+")] public long EndOffset { get; set; } = -1;
    }
}
