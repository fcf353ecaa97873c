using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Joins a group of the classic protocol and waits for the rebalance. v4 member ids are asked for first
/// (KIP-394), v5 static members (KIP-345), v8 a reason, v9 assignments may be skipped.</summary>
[KafkaRequest(ApiKey.JoinGroup, versions: "0-9", flexible: "6+")]
public sealed partial class JoinGroupRequest
{
    [Field("0+")] public string GroupId { get; set; } = "";
    [Field("0+")] public int SessionTimeoutMs { get; set; }
    [Field("1+", Ignorable = true)] public int RebalanceTimeoutMs { get; set; } = -1;
    [Field("0+")] public string MemberId { get; set; } = "";
    [Field("5+", Nullable = "5+")] public string? GroupInstanceId { get; set; }
    [Field("0+")] public string ProtocolType { get; set; } = "";
    [Field("0+")] public WireList<JoinGroupRequestProtocol> Protocols { get; set; } = [];
    [Field("8+", Nullable = "8+", Ignorable = true)] public string? Reason { get; set; }

    [KafkaStruct]
    public sealed partial class JoinGroupRequestProtocol
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public ReadOnlyMemory<byte> Metadata { get; set; }
    }
}

/// <summary>Generation, leader and, for the leader, all members.</summary>
[KafkaResponse(ApiKey.JoinGroup, versions: "0-9", flexible: "6+")]
public sealed partial class JoinGroupResponse
{
    [Field("2+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public int GenerationId { get; set; } = -1;
    [Field("7+", Nullable = "7+", Ignorable = true)] public string? ProtocolType { get; set; }
    [Field("0+", Nullable = "7+")] public string? ProtocolName { get; set; } = "";
    [Field("0+")] public string Leader { get; set; } = "";
    [Field("9+")] public bool SkipAssignment { get; set; }
    [Field("0+")] public string MemberId { get; set; } = "";
    [Field("0+")] public WireList<JoinGroupResponseMember> Members { get; set; } = [];

    [KafkaStruct]
    public sealed partial class JoinGroupResponseMember
    {
        [Field("0+")] public string MemberId { get; set; } = "";
        [Field("5+", Nullable = "5+", Ignorable = true)] public string? GroupInstanceId { get; set; }
        [Field("0+")] public ReadOnlyMemory<byte> Metadata { get; set; }
    }
}
