using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>A broker asks the controller to take its leaderships before it stops.</summary>
[KafkaRequest(ApiKey.ControlledShutdown, versions: "1-3", flexible: "3+")]
public sealed partial class ControlledShutdownRequest
{
    [Field("0+")] public int BrokerId { get; set; }
    [Field("2+", Ignorable = true)] public long BrokerEpoch { get; set; } = -1;
}

/// <summary>Partitions that the broker still leads.</summary>
[KafkaResponse(ApiKey.ControlledShutdown, versions: "1-3", flexible: "3+")]
public sealed partial class ControlledShutdownResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<RemainingPartition> RemainingPartitions { get; set; } = [];

    [KafkaStruct]
    public sealed partial class RemainingPartition
    {
        [Field("0+")] public string TopicName { get; set; } = "";
        [Field("0+")] public int PartitionIndex { get; set; }
    }
}
