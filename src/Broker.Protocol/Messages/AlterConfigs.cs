using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Replaces a resource's configuration whole.</summary>
[KafkaRequest(ApiKey.AlterConfigs, versions: "0-2", flexible: "2+")]
public sealed partial class AlterConfigsRequest
{
    [Field("0+")] public WireList<AlterConfigsResource> Resources { get; set; } = [];
    [Field("0+")] public bool ValidateOnly { get; set; }

    [KafkaStruct]
    public sealed partial class AlterConfigsResource
    {
        [Field("0+")] public sbyte ResourceType { get; set; }
        [Field("0+")] public string ResourceName { get; set; } = "";
        [Field("0+")] public WireList<AlterableConfig> Configs { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class AlterableConfig
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+", Nullable = "0+")] public string? Value { get; set; } = "";
    }
}

/// <summary>An error by resource.</summary>
[KafkaResponse(ApiKey.AlterConfigs, versions: "0-2", flexible: "2+")]
public sealed partial class AlterConfigsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<AlterConfigsResourceResponse> Responses { get; set; } = [];

    [KafkaStruct]
    public sealed partial class AlterConfigsResourceResponse
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; } = "";
        [Field("0+")] public sbyte ResourceType { get; set; }
        [Field("0+")] public string ResourceName { get; set; } = "";
    }
}
