namespace Broker.Protocol.Messages;

/// <summary>Key of an offset commit in __consumer_offsets. The int16 before it, 0 or 1, is its type.</summary>
[KafkaData(versions: "0", flexible: "none")]
public sealed partial class OffsetCommitKey
{
    [Field("0")] public string Group { get; set; } = "";
    [Field("0")] public string Topic { get; set; } = "";
    [Field("0")] public int Partition { get; set; }
}
