namespace Broker.Protocol.Messages;

/// <summary>Adds a group's offsets to a transaction.</summary>
[KafkaRequest(ApiKey.AddOffsetsToTxn, versions: "0-4", flexible: "3+")]
public sealed partial class AddOffsetsToTxnRequest
{
    [Field("0+")] public string TransactionalId { get; set; } = "";
    [Field("0+")] public long ProducerId { get; set; }
    [Field("0+")] public short ProducerEpoch { get; set; }
    [Field("0+")] public string GroupId { get; set; } = "";
}

/// <summary>An error.</summary>
[KafkaResponse(ApiKey.AddOffsetsToTxn, versions: "0-4", flexible: "3+")]
public sealed partial class AddOffsetsToTxnResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
}
