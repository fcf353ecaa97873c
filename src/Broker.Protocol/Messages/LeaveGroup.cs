using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Takes members out of a group. v3 several at once, v5 a reason.</summary>
[KafkaRequest(ApiKey.LeaveGroup, versions: "0-5", flexible: "4+")]
public sealed partial class LeaveGroupRequest
{
    [Field("0+")] public string GroupId { get; set; } = "";
    [Field("0-2")] public string MemberId { get; set; } = "";
    [Field("3+")] public WireList<MemberIdentity> Members { get; set; } = [];

    [KafkaStruct]
    public sealed partial class MemberIdentity
    {
        [Field("3+")] public string MemberId { get; set; } = "";
        [Field("3+", Nullable = "3+")] public string? GroupInstanceId { get; set; }
        [Field("5+", Nullable = "5+", Ignorable = true)] public string? Reason { get; set; }
    }
}

/// <summary>An error by member.</summary>
[KafkaResponse(ApiKey.LeaveGroup, versions: "0-5", flexible: "4+")]
public sealed partial class LeaveGroupResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("3+")] public WireList<MemberResponse> Members { get; set; } = [];

    [KafkaStruct]
    public sealed partial class MemberResponse
    {
        [Field("3+")] public string MemberId { get; set; } = "";
        [Field("3+", Nullable = "3+")] public string? GroupInstanceId { get; set; } = "";
        [Field("3+")] public ErrorCode ErrorCode { get; set; }
    }
}
