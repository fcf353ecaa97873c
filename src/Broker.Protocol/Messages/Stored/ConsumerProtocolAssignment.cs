using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>What the leader puts into SyncGroup's assignment.</summary>
[KafkaData(versions: "0-3", flexible: "none")]
public sealed partial class ConsumerProtocolAssignment
{
    [Field("0+")] public WireList<TopicPartition> AssignedPartitions { get; set; } = [];
    [Field("0+", Nullable = "0+")] public ReadOnlyMemory<byte>? UserData { get; set; }

    [KafkaStruct]
    public sealed partial class TopicPartition
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<int> Partitions { get; set; } = [];
    }
}
