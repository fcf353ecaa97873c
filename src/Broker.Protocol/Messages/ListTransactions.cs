using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Lists transactions. v1 filters by duration, v2 by pattern.</summary>
[KafkaRequest(ApiKey.ListTransactions, versions: "0-2", flexible: "0+")]
public sealed partial class ListTransactionsRequest
{
    [Field("0+")] public WireList<string> StateFilters { get; set; } = [];
    [Field("0+")] public WireList<long> ProducerIdFilters { get; set; } = [];
    [Field("1+")] public long DurationFilter { get; set; } = -1;
    [Field("2+", Nullable = "2+")] public string? TransactionalIdPattern { get; set; }
}

/// <summary>The transactions.</summary>
[KafkaResponse(ApiKey.ListTransactions, versions: "0-2", flexible: "0+")]
public sealed partial class ListTransactionsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<string> UnknownStateFilters { get; set; } = [];
    [Field("0+")] public WireList<TransactionStateData> TransactionStates { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TransactionStateData
    {
        [Field("0+")] public string TransactionalId { get; set; } = "";
        [Field("0+")] public long ProducerId { get; set; }
        [Field("0+")] public string TransactionState { get; set; } = "";
    }
}
