namespace Broker.Protocol.Messages;

/// <summary>Commits or aborts a transaction. v5 returns the bumped epoch (KIP-890).</summary>
[KafkaRequest(ApiKey.EndTxn, versions: "0-5", flexible: "3+")]
public sealed partial class EndTxnRequest
{
    [Field("0+")] public string TransactionalId { get; set; } = "";
    [Field("0+")] public long ProducerId { get; set; }
    [Field("0+")] public short ProducerEpoch { get; set; }
    [Field("0+")] public bool Committed { get; set; }
}

/// <summary>An error.</summary>
[KafkaResponse(ApiKey.EndTxn, versions: "0-5", flexible: "3+")]
public sealed partial class EndTxnResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("5+", Ignorable = true)] public long ProducerId { get; set; } = -1;
    [Field("5+", Ignorable = true)] public short ProducerEpoch { get; set; } = -1;
}
