using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>The controller tells brokers to stop, and perhaps delete, replicas (ZooKeeper mode).</summary>
[KafkaRequest(ApiKey.StopReplica, versions: "3-4", flexible: "2+")]
public sealed partial class StopReplicaRequest
{
    [Field("0+")] public int ControllerId { get; set; }
    [Field("4+")] public bool IsKRaftController { get; set; }
    [Field("0+")] public int ControllerEpoch { get; set; }
    [Field("1+", Ignorable = true)] public long BrokerEpoch { get; set; } = -1;
    [Field("0-2")] public bool DeletePartitions { get; set; }
    [Field("0")] public WireList<StopReplicaPartitionV0> UngroupedPartitions { get; set; } = [];
    [Field("1-2")] public WireList<StopReplicaTopicV1> Topics { get; set; } = [];
    [Field("3+")] public WireList<StopReplicaTopicState> TopicStates { get; set; } = [];

    [KafkaStruct]
    public sealed partial class StopReplicaPartitionV0
    {
        [Field("0")] public string TopicName { get; set; } = "";
        [Field("0")] public int PartitionIndex { get; set; }
    }

    [KafkaStruct]
    public sealed partial class StopReplicaTopicV1
    {
        [Field("1-2")] public string Name { get; set; } = "";
        [Field("1-2")] public WireList<int> PartitionIndexes { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class StopReplicaTopicState
    {
        [Field("3+")] public string TopicName { get; set; } = "";
        [Field("3+")] public WireList<StopReplicaPartitionState> PartitionStates { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class StopReplicaPartitionState
    {
        [Field("3+")] public int PartitionIndex { get; set; }
        [Field("3+")] public int LeaderEpoch { get; set; } = -1;
        [Field("3+")] public bool DeletePartition { get; set; }
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.StopReplica, versions: "3-4", flexible: "2+")]
public sealed partial class StopReplicaResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<StopReplicaPartitionError> PartitionErrors { get; set; } = [];

    [KafkaStruct]
    public sealed partial class StopReplicaPartitionError
    {
        [Field("0+")] public string TopicName { get; set; } = "";
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }
}
