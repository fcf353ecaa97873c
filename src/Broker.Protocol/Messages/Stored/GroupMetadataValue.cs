using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>A classic group's state in __consumer_offsets. v3 has static members, v4 is flexible.</summary>
[KafkaData(versions: "0-4", flexible: "4+")]
public sealed partial class GroupMetadataValue
{
    [Field("0+")] public string ProtocolType { get; set; } = "";
    [Field("0+")] public int Generation { get; set; }
    [Field("0+", Nullable = "0+")] public string? Protocol { get; set; } = "";
    [Field("0+", Nullable = "0+")] public string? Leader { get; set; } = "";
    [Field("2+", Ignorable = true)] public long CurrentStateTimestamp { get; set; } = -1;
    [Field("0+")] public WireList<MemberMetadata> Members { get; set; } = [];

    [KafkaStruct]
    public sealed partial class MemberMetadata
    {
        [Field("0+")] public string MemberId { get; set; } = "";
        [Field("3+", Nullable = "3+", Ignorable = true)] public string? GroupInstanceId { get; set; }
        [Field("0+")] public string ClientId { get; set; } = "";
        [Field("0+")] public string ClientHost { get; set; } = "";
        [Field("1+", Ignorable = true)] public int RebalanceTimeout { get; set; } = -1;
        [Field("0+")] public int SessionTimeout { get; set; }
        [Field("0+")] public ReadOnlyMemory<byte> Subscription { get; set; }
        [Field("0+")] public ReadOnlyMemory<byte> Assignment { get; set; }
    }
}
