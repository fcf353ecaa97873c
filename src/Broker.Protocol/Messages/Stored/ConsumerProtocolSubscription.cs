using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>What a consumer puts into JoinGroup's metadata: the topics it wants and the partitions it owns.</summary>
[KafkaData(versions: "0-3", flexible: "none")]
public sealed partial class ConsumerProtocolSubscription
{
    [Field("0+")] public WireList<string> Topics { get; set; } = [];
    [Field("0+", Nullable = "0+")] public ReadOnlyMemory<byte>? UserData { get; set; }
    [Field("1+", Ignorable = true)] public WireList<TopicPartition> OwnedPartitions { get; set; } = [];
    [Field("2+", Ignorable = true)] public int GenerationId { get; set; } = -1;
    [Field("3+", Nullable = "3+", Ignorable = true)] public string? RackId { get; set; }

    [KafkaStruct]
    public sealed partial class TopicPartition
    {
        [Field("1+")] public string Topic { get; set; } = "";
        [Field("1+")] public WireList<int> Partitions { get; set; } = [];
    }
}
