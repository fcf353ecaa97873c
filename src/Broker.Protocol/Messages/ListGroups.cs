using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Lists the groups that the broker coordinates. v4 filters by state, v5 by type.</summary>
[KafkaRequest(ApiKey.ListGroups, versions: "0-5", flexible: "3+")]
public sealed partial class ListGroupsRequest
{
    [Field("4+")] public WireList<string> StatesFilter { get; set; } = [];
    [Field("5+")] public WireList<string> TypesFilter { get; set; } = [];
}

/// <summary>The groups.</summary>
[KafkaResponse(ApiKey.ListGroups, versions: "0-5", flexible: "3+")]
public sealed partial class ListGroupsResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<ListedGroup> Groups { get; set; } = [];

    [KafkaStruct]
    public sealed partial class ListedGroup
    {
        [Field("0+")] public string GroupId { get; set; } = "";
        [Field("0+")] public string ProtocolType { get; set; } = "";
        [Field("4+", Ignorable = true)] public string GroupState { get; set; } = "";
        [Field("5+", Ignorable = true)] public string GroupType { get; set; } = "";
    }
}
