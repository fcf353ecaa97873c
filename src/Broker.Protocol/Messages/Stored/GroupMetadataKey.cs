namespace Broker.Protocol.Messages;

/// <summary>Key of a classic group's metadata in __consumer_offsets. The int16 before it, 2, is its type.</summary>
[KafkaData(versions: "0", flexible: "none")]
public sealed partial class GroupMetadataKey
{
    [Field("0")] public string Group { get; set; } = "";
}
