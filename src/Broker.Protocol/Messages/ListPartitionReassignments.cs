using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Lists the reassignments under way.</summary>
[KafkaRequest(ApiKey.ListPartitionReassignments, versions: "0", flexible: "0+")]
public sealed partial class ListPartitionReassignmentsRequest
{
    [Field("0+")] public int TimeoutMs { get; set; } = 60000;
    [Field("0+", Nullable = "0+")] public WireList<ListPartitionReassignmentsTopics>? Topics { get; set; }

    [KafkaStruct]
    public sealed partial class ListPartitionReassignmentsTopics
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<int> PartitionIndexes { get; set; } = [];
    }
}

/// <summary>Replicas, and those being added and removed, by partition.</summary>
[KafkaResponse(ApiKey.ListPartitionReassignments, versions: "0", flexible: "0+")]
public sealed partial class ListPartitionReassignmentsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; } = "";
    [Field("0+")] public WireList<OngoingTopicReassignment> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OngoingTopicReassignment
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<OngoingPartitionReassignment> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OngoingPartitionReassignment
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public WireList<int> Replicas { get; set; } = [];
        [Field("0+")] public WireList<int> AddingReplicas { get; set; } = [];
        [Field("0+")] public WireList<int> RemovingReplicas { get; set; } = [];
    }
}
