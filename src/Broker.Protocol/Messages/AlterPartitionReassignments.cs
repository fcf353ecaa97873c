using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Begins, changes or cancels reassignments.</summary>
[KafkaRequest(ApiKey.AlterPartitionReassignments, versions: "0-1", flexible: "0+")]
public sealed partial class AlterPartitionReassignmentsRequest
{
    [Field("0+")] public int TimeoutMs { get; set; } = 60000;
    [Field("1+")] public bool AllowReplicationFactorChange { get; set; } = true;
    [Field("0+")] public WireList<ReassignableTopic> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class ReassignableTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<ReassignablePartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class ReassignablePartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+", Nullable = "0+")] public WireList<int>? Replicas { get; set; }
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.AlterPartitionReassignments, versions: "0-1", flexible: "0+")]
public sealed partial class AlterPartitionReassignmentsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("1+", Ignorable = true)] public bool AllowReplicationFactorChange { get; set; } = true;
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; } = "";
    [Field("0+")] public WireList<ReassignableTopicResponse> Responses { get; set; } = [];

    [KafkaStruct]
    public sealed partial class ReassignableTopicResponse
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<ReassignablePartitionResponse> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class ReassignablePartitionResponse
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; } = "";
    }
}
