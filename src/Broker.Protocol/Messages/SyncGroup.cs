using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Hands the leader's assignment in and each member's assignment out.</summary>
[KafkaRequest(ApiKey.SyncGroup, versions: "0-5", flexible: "4+")]
public sealed partial class SyncGroupRequest
{
    [Field("0+")] public string GroupId { get; set; } = "";
    [Field("0+")] public int GenerationId { get; set; }
    [Field("0+")] public string MemberId { get; set; } = "";
    [Field("3+", Nullable = "3+")] public string? GroupInstanceId { get; set; }
    [Field("5+", Nullable = "5+", Ignorable = true)] public string? ProtocolType { get; set; }
    [Field("5+", Nullable = "5+", Ignorable = true)] public string? ProtocolName { get; set; }
    [Field("0+")] public WireList<SyncGroupRequestAssignment> Assignments { get; set; } = [];

    [KafkaStruct]
    public sealed partial class SyncGroupRequestAssignment
    {
        [Field("0+")] public string MemberId { get; set; } = "";
        [Field("0+")] public ReadOnlyMemory<byte> Assignment { get; set; }
    }
}

/// <summary>The member's assignment.</summary>
[KafkaResponse(ApiKey.SyncGroup, versions: "0-5", flexible: "4+")]
public sealed partial class SyncGroupResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("5+", Nullable = "5+", Ignorable = true)] public string? ProtocolType { get; set; }
    [Field("5+", Nullable = "5+", Ignorable = true)] public string? ProtocolName { get; set; }
    [Field("0+")] public ReadOnlyMemory<byte> Assignment { get; set; }
}
