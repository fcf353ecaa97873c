using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>A leader asks the controller to change its in-sync replicas. v2 has topic ids, v3 broker epochs.</summary>
[KafkaRequest(ApiKey.AlterPartition, versions: "0-3", flexible: "0+")]
public sealed partial class AlterPartitionRequest
{
    [Field("0+")] public int BrokerId { get; set; }
    [Field("0+")] public long BrokerEpoch { get; set; } = -1;
    [Field("0+")] public WireList<TopicData> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TopicData
    {
        [Field("0-1", Ignorable = true)] public string TopicName { get; set; } = "";
        [Field("2+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<PartitionData> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class PartitionData
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public int LeaderEpoch { get; set; }
        [Field("0-2")] public WireList<int> NewIsr { get; set; } = [];
        [Field("3+")] public WireList<BrokerState> NewIsrWithEpochs { get; set; } = [];
        [Field("1+")] public sbyte LeaderRecoveryState { get; set; }
        [Field("0+")] public int PartitionEpoch { get; set; }
    }

    [KafkaStruct]
    public sealed partial class BrokerState
    {
        [Field("3+")] public int BrokerId { get; set; }
        [Field("3+")] public long BrokerEpoch { get; set; } = -1;
    }
}

/// <summary>The partition states that hold now.</summary>
[KafkaResponse(ApiKey.AlterPartition, versions: "0-3", flexible: "0+")]
public sealed partial class AlterPartitionResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<TopicData> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TopicData
    {
        [Field("0-1", Ignorable = true)] public string TopicName { get; set; } = "";
        [Field("2+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<PartitionData> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class PartitionData
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+")] public int LeaderId { get; set; }
        [Field("0+")] public int LeaderEpoch { get; set; }
        [Field("0+")] public WireList<int> Isr { get; set; } = [];
        [Field("1+", Ignorable = true)] public sbyte LeaderRecoveryState { get; set; }
        [Field("0+")] public int PartitionEpoch { get; set; }
    }
}
