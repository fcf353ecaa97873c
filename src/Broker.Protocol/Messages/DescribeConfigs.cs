using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Reads configuration. v1 synonyms, v3 types and documentation, v4 flexible.</summary>
[KafkaRequest(ApiKey.DescribeConfigs, versions: "1-4", flexible: "4+")]
public sealed partial class DescribeConfigsRequest
{
    [Field("0+")] public WireList<DescribeConfigsResource> Resources { get; set; } = [];
    [Field("1+")] public bool IncludeSynonyms { get; set; }
    [Field("3+")] public bool IncludeDocumentation { get; set; }

    [KafkaStruct]
    public sealed partial class DescribeConfigsResource
    {
        [Field("0+")] public sbyte ResourceType { get; set; }
        [Field("0+")] public string ResourceName { get; set; } = "";
        [Field("0+", Nullable = "0+")] public WireList<string>? ConfigurationKeys { get; set; } = [];
    }
}

/// <summary>The entries by resource.</summary>
[KafkaResponse(ApiKey.DescribeConfigs, versions: "1-4", flexible: "4+")]
public sealed partial class DescribeConfigsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<DescribeConfigsResult> Results { get; set; } = [];

    [KafkaStruct]
    public sealed partial class DescribeConfigsResult
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; } = "";
        [Field("0+")] public sbyte ResourceType { get; set; }
        [Field("0+")] public string ResourceName { get; set; } = "";
        [Field("0+")] public WireList<DescribeConfigsResourceResult> Configs { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class DescribeConfigsResourceResult
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+", Nullable = "0+")] public string? Value { get; set; } = "";
        [Field("0+")] public bool ReadOnly { get; set; }
        [Field("1+", Ignorable = true)] public sbyte ConfigSource { get; set; } = -1;
        [Field("0+")] public bool IsSensitive { get; set; }
        [Field("1+", Ignorable = true)] public WireList<DescribeConfigsSynonym> Synonyms { get; set; } = [];
        [Field("3+", Ignorable = true)] public sbyte ConfigType { get; set; }
        [Field("3+", Nullable = "0+", Ignorable = true)] public string? Documentation { get; set; } = "";
    }

    [KafkaStruct]
    public sealed partial class DescribeConfigsSynonym
    {
        [Field("1+")] public string Name { get; set; } = "";
        [Field("1+", Nullable = "0+")] public string? Value { get; set; } = "";
        [Field("1+")] public sbyte Source { get; set; }
    }
}
