namespace Broker.Protocol.Messages;

/// <summary>Key of a transaction in __transaction_state.</summary>
[KafkaData(versions: "0", flexible: "none")]
public sealed partial class TransactionLogKey
{
    [Field("0")] public string TransactionalId { get; set; } = "";
}
