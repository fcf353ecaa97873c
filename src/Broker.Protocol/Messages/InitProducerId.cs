namespace Broker.Protocol.Messages;

/// <summary>Gives a producer its id and epoch. v3 may bump an epoch (KIP-360); v6 (two-phase commit) is not stable and
/// not declared.</summary>
[KafkaRequest(ApiKey.InitProducerId, versions: "0-5", flexible: "2+")]
public sealed partial class InitProducerIdRequest
{
    [Field("0+", Nullable = "0+")] public string? TransactionalId { get; set; } = "";
    [Field("0+")] public int TransactionTimeoutMs { get; set; }
    [Field("3+")] public long ProducerId { get; set; } = -1;
    [Field("3+")] public short ProducerEpoch { get; set; } = -1;
    [Field("6+")] public bool Enable2Pc { get; set; }
    [Field("6+")] public bool KeepPreparedTxn { get; set; }
}

/// <summary>The producer id and epoch.</summary>
[KafkaResponse(ApiKey.InitProducerId, versions: "0-5", flexible: "2+")]
public sealed partial class InitProducerIdResponse
{
    [Field("0+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public long ProducerId { get; set; } = -1;
    [Field("0+")] public short ProducerEpoch { get; set; }
    [Field("6+")] public long OngoingTxnProducerId { get; set; } = -1;
    [Field("6+")] public short OngoingTxnProducerEpoch { get; set; } = -1;
}
