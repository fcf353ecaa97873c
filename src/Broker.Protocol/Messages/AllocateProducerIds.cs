namespace Broker.Protocol.Messages;

/// <summary>A broker asks the controller for producer ids to give out (Kafka 3.0 and later).</summary>
[KafkaRequest(ApiKey.AllocateProducerIds, versions: "0", flexible: "0+")]
public sealed partial class AllocateProducerIdsRequest
{
    [Field("0+")] public int BrokerId { get; set; }
    [Field("0+")] public long BrokerEpoch { get; set; } = -1;
}

/// <summary>The ids, in a row.</summary>
[KafkaResponse(ApiKey.AllocateProducerIds, versions: "0", flexible: "0+")]
public sealed partial class AllocateProducerIdsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public long ProducerIdStart { get; set; }
    [Field("0+")] public int ProducerIdLen { get; set; }
}
