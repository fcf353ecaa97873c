using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>The controller tells brokers which partitions they host and who leads them (ZooKeeper mode). v5 full or
/// incremental, v6 recovery state, v7 KRaft flag.</summary>
[KafkaRequest(ApiKey.LeaderAndIsr, versions: "4-7", flexible: "4+")]
public sealed partial class LeaderAndIsrRequest
{
    [Field("0+")] public int ControllerId { get; set; }
    [Field("7+")] public bool IsKRaftController { get; set; }
    [Field("0+")] public int ControllerEpoch { get; set; }
    [Field("2+", Ignorable = true)] public long BrokerEpoch { get; set; } = -1;
    [Field("5+", Ignorable = true)] public sbyte Type { get; set; }
    [Field("0-1")] public WireList<LeaderAndIsrPartitionState> UngroupedPartitionStates { get; set; } = [];
    [Field("2+")] public WireList<LeaderAndIsrTopicState> TopicStates { get; set; } = [];
    [Field("0+")] public WireList<LeaderAndIsrLiveLeader> LiveLeaders { get; set; } = [];

    [KafkaStruct]
    public sealed partial class LeaderAndIsrPartitionState
    {
        [Field("0-1", Ignorable = true)] public string TopicName { get; set; } = "";
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public int ControllerEpoch { get; set; }
        [Field("0+")] public int Leader { get; set; }
        [Field("0+")] public int LeaderEpoch { get; set; }
        [Field("0+")] public WireList<int> Isr { get; set; } = [];
        [Field("0+")] public int PartitionEpoch { get; set; }
        [Field("0+")] public WireList<int> Replicas { get; set; } = [];
        [Field("3+", Ignorable = true)] public WireList<int> AddingReplicas { get; set; } = [];
        [Field("3+", Ignorable = true)] public WireList<int> RemovingReplicas { get; set; } = [];
        [Field("1+", Ignorable = true)] public bool IsNew { get; set; }
        [Field("6+")] public sbyte LeaderRecoveryState { get; set; }
    }

    [KafkaStruct]
    public sealed partial class LeaderAndIsrTopicState
    {
        [Field("2+")] public string TopicName { get; set; } = "";
        [Field("5+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("2+")] public WireList<LeaderAndIsrPartitionState> PartitionStates { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class LeaderAndIsrLiveLeader
    {
        [Field("0+")] public int BrokerId { get; set; }
        [Field("0+")] public string HostName { get; set; } = "";
        [Field("0+")] public int Port { get; set; }
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.LeaderAndIsr, versions: "4-7", flexible: "4+")]
public sealed partial class LeaderAndIsrResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0-4")] public WireList<LeaderAndIsrPartitionError> PartitionErrors { get; set; } = [];
    [Field("5+")] public WireList<LeaderAndIsrTopicError> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class LeaderAndIsrPartitionError
    {
        [Field("0-4", Ignorable = true)] public string TopicName { get; set; } = "";
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }

    [KafkaStruct]
    public sealed partial class LeaderAndIsrTopicError
    {
        [Field("5+")] public Guid TopicId { get; set; }
        [Field("5+")] public WireList<LeaderAndIsrPartitionError> PartitionErrors { get; set; } = [];
    }
}
