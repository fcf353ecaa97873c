using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Elects preferred or unclean leaders.</summary>
[KafkaRequest(ApiKey.ElectLeaders, versions: "0-2", flexible: "2+")]
public sealed partial class ElectLeadersRequest
{
    [Field("1+")] public sbyte ElectionType { get; set; }
    [Field("0+", Nullable = "0+")] public WireList<TopicPartitionsData>? TopicPartitions { get; set; } = [];
    [Field("0+")] public int TimeoutMs { get; set; } = 60000;

    [KafkaStruct]
    public sealed partial class TopicPartitionsData
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<int> Partitions { get; set; } = [];
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.ElectLeaders, versions: "0-2", flexible: "2+")]
public sealed partial class ElectLeadersResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("1+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<ReplicaElectionResult> ReplicaElectionResults { get; set; } = [];

    [KafkaStruct]
    public sealed partial class ReplicaElectionResult
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<PartitionResult> PartitionResult { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class PartitionResult
    {
        [Field("0+")] public int PartitionId { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; } = "";
    }
}
