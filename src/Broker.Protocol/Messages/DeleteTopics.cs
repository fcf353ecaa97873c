using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Deletes topics, by name or, from v6, by id.</summary>
[KafkaRequest(ApiKey.DeleteTopics, versions: "1-6", flexible: "4+")]
public sealed partial class DeleteTopicsRequest
{
    [Field("6+")] public WireList<DeleteTopicState> Topics { get; set; } = [];
    [Field("0-5", Ignorable = true)] public WireList<string> TopicNames { get; set; } = [];
    [Field("0+")] public int TimeoutMs { get; set; }

    [KafkaStruct]
    public sealed partial class DeleteTopicState
    {
        [Field("6+", Nullable = "6+")] public string? Name { get; set; }
        [Field("6+")] public Guid TopicId { get; set; }
    }
}

/// <summary>An error by topic.</summary>
[KafkaResponse(ApiKey.DeleteTopics, versions: "1-6", flexible: "4+")]
public sealed partial class DeleteTopicsResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<DeletableTopicResult> Responses { get; set; } = [];

    [KafkaStruct]
    public sealed partial class DeletableTopicResult
    {
        [Field("0+", Nullable = "6+")] public string? Name { get; set; } = "";
        [Field("6+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("5+", Nullable = "5+", Ignorable = true)] public string? ErrorMessage { get; set; }
    }
}
