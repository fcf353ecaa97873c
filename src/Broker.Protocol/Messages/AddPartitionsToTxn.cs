using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Adds partitions to a transaction. v4 and v5 are for brokers: several transactions at once, and
/// verification only.</summary>
[KafkaRequest(ApiKey.AddPartitionsToTxn, versions: "0-5", flexible: "3+")]
public sealed partial class AddPartitionsToTxnRequest
{
    [Field("4+")] public WireList<AddPartitionsToTxnTransaction> Transactions { get; set; } = [];
    [Field("0-3")] public string V3AndBelowTransactionalId { get; set; } = "";
    [Field("0-3")] public long V3AndBelowProducerId { get; set; }
    [Field("0-3")] public short V3AndBelowProducerEpoch { get; set; }
    [Field("0-3")] public WireList<AddPartitionsToTxnTopic> V3AndBelowTopics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class AddPartitionsToTxnTransaction
    {
        [Field("4+")] public string TransactionalId { get; set; } = "";
        [Field("4+")] public long ProducerId { get; set; }
        [Field("4+")] public short ProducerEpoch { get; set; }
        [Field("4+")] public bool VerifyOnly { get; set; }
        [Field("4+")] public WireList<AddPartitionsToTxnTopic> Topics { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class AddPartitionsToTxnTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<int> Partitions { get; set; } = [];
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.AddPartitionsToTxn, versions: "0-5", flexible: "3+")]
public sealed partial class AddPartitionsToTxnResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("4+", Ignorable = true)] public ErrorCode ErrorCode { get; set; }
    [Field("4+")] public WireList<AddPartitionsToTxnResult> ResultsByTransaction { get; set; } = [];
    [Field("0-3")] public WireList<AddPartitionsToTxnTopicResult> ResultsByTopicV3AndBelow { get; set; } = [];

    [KafkaStruct]
    public sealed partial class AddPartitionsToTxnResult
    {
        [Field("4+")] public string TransactionalId { get; set; } = "";
        [Field("4+")] public WireList<AddPartitionsToTxnTopicResult> TopicResults { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class AddPartitionsToTxnTopicResult
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<AddPartitionsToTxnPartitionResult> ResultsByPartition { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class AddPartitionsToTxnPartitionResult
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode PartitionErrorCode { get; set; }
    }
}
