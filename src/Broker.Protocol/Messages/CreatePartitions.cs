using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Gives topics more partitions.</summary>
[KafkaRequest(ApiKey.CreatePartitions, versions: "0-3", flexible: "2+")]
public sealed partial class CreatePartitionsRequest
{
    [Field("0+")] public WireList<CreatePartitionsTopic> Topics { get; set; } = [];
    [Field("0+")] public int TimeoutMs { get; set; }
    [Field("0+")] public bool ValidateOnly { get; set; }

    [KafkaStruct]
    public sealed partial class CreatePartitionsTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public int Count { get; set; }
        [Field("0+", Nullable = "0+")] public WireList<CreatePartitionsAssignment>? Assignments { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class CreatePartitionsAssignment
    {
        [Field("0+")] public WireList<int> BrokerIds { get; set; } = [];
    }
}

/// <summary>An error by topic.</summary>
[KafkaResponse(ApiKey.CreatePartitions, versions: "0-3", flexible: "2+")]
public sealed partial class CreatePartitionsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<CreatePartitionsTopicResult> Results { get; set; } = [];

    [KafkaStruct]
    public sealed partial class CreatePartitionsTopicResult
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; }
    }
}
