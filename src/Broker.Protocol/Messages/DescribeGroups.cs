using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Describes groups of the classic protocol. v5 is flexible, v6 has error messages.</summary>
[KafkaRequest(ApiKey.DescribeGroups, versions: "0-6", flexible: "5+")]
public sealed partial class DescribeGroupsRequest
{
    [Field("0+")] public WireList<string> Groups { get; set; } = [];
    [Field("3+")] public bool IncludeAuthorizedOperations { get; set; }
}

/// <summary>State, protocol and members by group.</summary>
[KafkaResponse(ApiKey.DescribeGroups, versions: "0-6", flexible: "5+")]
public sealed partial class DescribeGroupsResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<DescribedGroup> Groups { get; set; } = [];

    [KafkaStruct]
    public sealed partial class DescribedGroup
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("6+", Nullable = "6+")] public string? ErrorMessage { get; set; }
        [Field("0+")] public string GroupId { get; set; } = "";
        [Field("0+")] public string GroupState { get; set; } = "";
        [Field("0+")] public string ProtocolType { get; set; } = "";
        [Field("0+")] public string ProtocolData { get; set; } = "";
        [Field("0+")] public WireList<DescribedGroupMember> Members { get; set; } = [];
        [Field("3+")] public int AuthorizedOperations { get; set; } = int.MinValue;
    }

    [KafkaStruct]
    public sealed partial class DescribedGroupMember
    {
        [Field("0+")] public string MemberId { get; set; } = "";
        [Field("4+", Nullable = "4+", Ignorable = true)] public string? GroupInstanceId { get; set; }
        [Field("0+")] public string ClientId { get; set; } = "";
        [Field("0+")] public string ClientHost { get; set; } = "";
        [Field("0+")] public ReadOnlyMemory<byte> MemberMetadata { get; set; }
        [Field("0+")] public ReadOnlyMemory<byte> MemberAssignment { get; set; }
    }
}
