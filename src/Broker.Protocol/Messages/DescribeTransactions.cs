using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Describes transactions by transactional id.</summary>
[KafkaRequest(ApiKey.DescribeTransactions, versions: "0", flexible: "0+")]
public sealed partial class DescribeTransactionsRequest
{
    [Field("0+")] public WireList<string> TransactionalIds { get; set; } = [];
}

/// <summary>State, producer and partitions by transaction.</summary>
[KafkaResponse(ApiKey.DescribeTransactions, versions: "0", flexible: "0+")]
public sealed partial class DescribeTransactionsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<TransactionStateData> TransactionStates { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TransactionStateData
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+")] public string TransactionalId { get; set; } = "";
        [Field("0+")] public string TransactionState { get; set; } = "";
        [Field("0+")] public int TransactionTimeoutMs { get; set; }
        [Field("0+")] public long TransactionStartTimeMs { get; set; }
        [Field("0+")] public long ProducerId { get; set; }
        [Field("0+")] public short ProducerEpoch { get; set; }
        [Field("0+")] public WireList<TopicData> Topics { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class TopicData
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<int> Partitions { get; set; } = [];
    }
}
