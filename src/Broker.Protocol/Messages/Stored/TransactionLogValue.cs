using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>A transaction's state in __transaction_state.</summary>
[KafkaData(versions: "0-1", flexible: "1+")]
public sealed partial class TransactionLogValue
{
    [Field("0+")] public long ProducerId { get; set; }
    [Field("0+", Tag = 0, Tagged = "1+")] public long PreviousProducerId { get; set; } = -1;
    [Field("0+", Tag = 1, Tagged = "1+")] public long NextProducerId { get; set; } = -1;
    [Field("0+")] public short ProducerEpoch { get; set; }
    [Field("0+", Tag = 3, Tagged = "1+")] public short NextProducerEpoch { get; set; } = -1;
    [Field("0+")] public int TransactionTimeoutMs { get; set; }
    [Field("0+")] public sbyte TransactionStatus { get; set; }
    [Field("0+", Nullable = "0+")] public WireList<PartitionsSchema>? TransactionPartitions { get; set; } = [];
    [Field("0+")] public long TransactionLastUpdateTimestampMs { get; set; }
    [Field("0+")] public long TransactionStartTimestampMs { get; set; }
    [Field("0+", Tag = 2, Tagged = "1+")] public short ClientTransactionVersion { get; set; }

    [KafkaStruct]
    public sealed partial class PartitionsSchema
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<int> PartitionIds { get; set; } = [];
    }
}
