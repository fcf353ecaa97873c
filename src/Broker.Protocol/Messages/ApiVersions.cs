using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Asks which APIs and versions the broker serves. v3 is flexible and names the client (KIP-511); its response
/// nevertheless keeps header version 0.</summary>
[KafkaRequest(ApiKey.ApiVersions, versions: "0-4", flexible: "3+")]
public sealed partial class ApiVersionsRequest
{
    [Field("3+", Ignorable = true)] public string ClientSoftwareName { get; set; } = "";
    [Field("3+", Ignorable = true)] public string ClientSoftwareVersion { get; set; } = "";
}

/// <summary>The APIs served. v4 allows feature ranges that begin at 0.</summary>
[KafkaResponse(ApiKey.ApiVersions, versions: "0-4", flexible: "3+")]
public sealed partial class ApiVersionsResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<ApiVersion> ApiKeys { get; set; } = [];
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("3+", Tag = 0, Ignorable = true)] public WireList<SupportedFeature> SupportedFeatures { get; set; } = [];
    [Field("3+", Tag = 1, Ignorable = true)] public long FinalizedFeaturesEpoch { get; set; } = -1;
    [Field("3+", Tag = 2, Ignorable = true)] public WireList<FinalizedFeature> FinalizedFeatures { get; set; } = [];

    /// <summary>KRaft only: a cluster in ZooKeeper mode is ready to be migrated.</summary>
    [Field("3+", Tag = 3, Ignorable = true)] public bool ZkMigrationReady { get; set; }

    [KafkaStruct]
    public sealed partial class ApiVersion
    {
        [Field("0+")] public short ApiKey { get; set; }
        [Field("0+")] public short MinVersion { get; set; }
        [Field("0+")] public short MaxVersion { get; set; }
    }

    [KafkaStruct]
    public sealed partial class SupportedFeature
    {
        [Field("3+")] public string Name { get; set; } = "";
        [Field("3+")] public short MinVersion { get; set; }
        [Field("3+")] public short MaxVersion { get; set; }
    }

    [KafkaStruct]
    public sealed partial class FinalizedFeature
    {
        [Field("3+")] public string Name { get; set; } = "";
        [Field("3+")] public short MaxVersionLevel { get; set; }
        [Field("3+")] public short MinVersionLevel { get; set; }
    }
}
