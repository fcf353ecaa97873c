using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Creates topics. v4 takes the broker's defaults for -1, v5 answers with the configuration, v7 with the
/// topic id.</summary>
[KafkaRequest(ApiKey.CreateTopics, versions: "2-7", flexible: "5+")]
public sealed partial class CreateTopicsRequest
{
    [Field("0+")] public WireList<CreatableTopic> Topics { get; set; } = [];
    [Field("0+")] public int TimeoutMs { get; set; } = 60000;
    [Field("1+")] public bool ValidateOnly { get; set; }

    [KafkaStruct]
    public sealed partial class CreatableTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public int NumPartitions { get; set; }
        [Field("0+")] public short ReplicationFactor { get; set; }
        [Field("0+")] public WireList<CreatableReplicaAssignment> Assignments { get; set; } = [];
        [Field("0+")] public WireList<CreatableTopicConfig> Configs { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class CreatableReplicaAssignment
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public WireList<int> BrokerIds { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class CreatableTopicConfig
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+", Nullable = "0+")] public string? Value { get; set; } = "";
    }
}

/// <summary>An error, and what was made, by topic.</summary>
[KafkaResponse(ApiKey.CreateTopics, versions: "2-7", flexible: "5+")]
public sealed partial class CreateTopicsResponse
{
    [Field("2+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<CreatableTopicResult> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class CreatableTopicResult
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("7+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("1+", Nullable = "0+", Ignorable = true)] public string? ErrorMessage { get; set; } = "";
        [Field("5+", Tag = 0, Ignorable = true)] public short TopicConfigErrorCode { get; set; }
        [Field("5+", Ignorable = true)] public int NumPartitions { get; set; } = -1;
        [Field("5+", Ignorable = true)] public short ReplicationFactor { get; set; } = -1;
        [Field("5+", Nullable = "5+", Ignorable = true)]
        public WireList<CreatableTopicConfigs>? Configs { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class CreatableTopicConfigs
    {
        [Field("5+")] public string Name { get; set; } = "";
        [Field("5+", Nullable = "5+")] public string? Value { get; set; } = "";
        [Field("5+")] public bool ReadOnly { get; set; }
        [Field("5+", Ignorable = true)] public sbyte ConfigSource { get; set; } = -1;
        [Field("5+")] public bool IsSensitive { get; set; }
    }
}
