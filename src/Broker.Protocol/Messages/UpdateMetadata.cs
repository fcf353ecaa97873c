using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>The controller publishes brokers and partition states (ZooKeeper mode). v7 has topic ids.</summary>
[KafkaRequest(ApiKey.UpdateMetadata, versions: "6-8", flexible: "6+")]
public sealed partial class UpdateMetadataRequest
{
    [Field("0+")] public int ControllerId { get; set; }
    [Field("8+")] public bool IsKRaftController { get; set; }
    [Field("8+", Tag = 0, Ignorable = true)] public sbyte Type { get; set; }
    [Field("0+")] public int ControllerEpoch { get; set; }
    [Field("5+", Ignorable = true)] public long BrokerEpoch { get; set; } = -1;
    [Field("0-4")] public WireList<UpdateMetadataPartitionState> UngroupedPartitionStates { get; set; } = [];
    [Field("5+")] public WireList<UpdateMetadataTopicState> TopicStates { get; set; } = [];
    [Field("0+")] public WireList<UpdateMetadataBroker> LiveBrokers { get; set; } = [];

    [KafkaStruct]
    public sealed partial class UpdateMetadataPartitionState
    {
        [Field("0-4", Ignorable = true)] public string TopicName { get; set; } = "";
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public int ControllerEpoch { get; set; }
        [Field("0+")] public int Leader { get; set; }
        [Field("0+")] public int LeaderEpoch { get; set; }
        [Field("0+")] public WireList<int> Isr { get; set; } = [];
        [Field("0+")] public int ZkVersion { get; set; }
        [Field("0+")] public WireList<int> Replicas { get; set; } = [];
        [Field("4+", Ignorable = true)] public WireList<int> OfflineReplicas { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class UpdateMetadataTopicState
    {
        [Field("5+")] public string TopicName { get; set; } = "";
        [Field("7+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("5+")] public WireList<UpdateMetadataPartitionState> PartitionStates { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class UpdateMetadataBroker
    {
        [Field("0+")] public int Id { get; set; }
        [Field("0", Ignorable = true)] public string V0Host { get; set; } = "";
        [Field("0", Ignorable = true)] public int V0Port { get; set; }
        [Field("1+", Ignorable = true)] public WireList<UpdateMetadataEndpoint> Endpoints { get; set; } = [];
        [Field("2+", Nullable = "0+", Ignorable = true)] public string? Rack { get; set; } = "";
    }

    [KafkaStruct]
    public sealed partial class UpdateMetadataEndpoint
    {
        [Field("1+")] public int Port { get; set; }
        [Field("1+")] public string Host { get; set; } = "";
        [Field("3+", Ignorable = true)] public string Listener { get; set; } = "";
        [Field("1+")] public short SecurityProtocol { get; set; }
    }
}

/// <summary>An error.</summary>
[KafkaResponse(ApiKey.UpdateMetadata, versions: "6-8", flexible: "6+")]
public sealed partial class UpdateMetadataResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
}
