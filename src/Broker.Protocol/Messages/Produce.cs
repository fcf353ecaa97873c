using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Appends record batches to partitions. v3 brings magic 2 and transactions, v7 zstd, v8 errors by record
/// (KIP-467), v9 is flexible, v10 leader hints (KIP-951), v12 implicit transaction partitions (KIP-890), v13 topic
/// ids.</summary>
[KafkaRequest(ApiKey.Produce, versions: "3-13", flexible: "9+")]
public sealed partial class ProduceRequest
{
    [Field("3+", Nullable = "3+")] public string? TransactionalId { get; set; }
    [Field("0+")] public short Acks { get; set; }
    [Field("0+")] public int TimeoutMs { get; set; }
    [Field("0+")] public WireList<TopicProduceData> TopicData { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TopicProduceData
    {
        [Field("0-12", Ignorable = true, Utf8 = true)] public ReadOnlyMemory<byte> Name { get; set; }
        [Field("13+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<PartitionProduceData> PartitionData { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class PartitionProduceData
    {
        [Field("0+")] public int Index { get; set; }
        [Field("0+")] public Wire.Records Records { get; set; }
    }
}

/// <summary>What became of each partition's batch.</summary>
[KafkaResponse(ApiKey.Produce, versions: "3-13", flexible: "9+")]
public sealed partial class ProduceResponse
{
    [Field("0+")] public WireList<TopicProduceResponse> Responses { get; set; } = [];
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("10+", Tag = 0)] public WireList<NodeEndpoint> NodeEndpoints { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TopicProduceResponse
    {
        [Field("0-12", Ignorable = true, Utf8 = true)] public ReadOnlyMemory<byte> Name { get; set; }
        [Field("13+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<PartitionProduceResponse> PartitionResponses { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class NodeEndpoint
    {
        [Field("10+")] public int NodeId { get; set; }
        [Field("10+")] public string Host { get; set; } = "";
        [Field("10+")] public int Port { get; set; }
        [Field("10+", Nullable = "10+")] public string? Rack { get; set; }
    }

    [KafkaStruct]
    public sealed partial class PartitionProduceResponse
    {
        [Field("0+")] public int Index { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+")] public long BaseOffset { get; set; }
        [Field("2+", Ignorable = true)] public long LogAppendTimeMs { get; set; } = -1;
        [Field("5+", Ignorable = true)] public long LogStartOffset { get; set; } = -1;
        [Field("8+", Ignorable = true)] public WireList<BatchIndexAndErrorMessage> RecordErrors { get; set; } = [];
        [Field("8+", Nullable = "8+", Ignorable = true)] public string? ErrorMessage { get; set; }
        [Field("10+", Tag = 0)] public LeaderIdAndEpoch? CurrentLeader { get; set; }
    }

    [KafkaStruct]
    public sealed partial class BatchIndexAndErrorMessage
    {
        [Field("8+")] public int BatchIndex { get; set; }
        [Field("8+", Nullable = "8+")] public string? BatchIndexErrorMessage { get; set; }
    }

    [KafkaStruct]
    public sealed partial class LeaderIdAndEpoch
    {
        [Field("10+")] public int LeaderId { get; set; } = -1;
        [Field("10+")] public int LeaderEpoch { get; set; } = -1;
    }
}
