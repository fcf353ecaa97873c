using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Deletes empty groups.</summary>
[KafkaRequest(ApiKey.DeleteGroups, versions: "0-2", flexible: "2+")]
public sealed partial class DeleteGroupsRequest
{
    [Field("0+")] public WireList<string> GroupsNames { get; set; } = [];
}

/// <summary>An error by group.</summary>
[KafkaResponse(ApiKey.DeleteGroups, versions: "0-2", flexible: "2+")]
public sealed partial class DeleteGroupsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<DeletableGroupResult> Results { get; set; } = [];

    [KafkaStruct]
    public sealed partial class DeletableGroupResult
    {
        [Field("0+")] public string GroupId { get; set; } = "";
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }
}
