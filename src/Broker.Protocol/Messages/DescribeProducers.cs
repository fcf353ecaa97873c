using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Describes the active producers of partitions.</summary>
[KafkaRequest(ApiKey.DescribeProducers, versions: "0", flexible: "0+")]
public sealed partial class DescribeProducersRequest
{
    [Field("0+")] public WireList<TopicRequest> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TopicRequest
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<int> PartitionIndexes { get; set; } = [];
    }
}

/// <summary>Producers by partition.</summary>
[KafkaResponse(ApiKey.DescribeProducers, versions: "0", flexible: "0+")]
public sealed partial class DescribeProducersResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<TopicResponse> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class TopicResponse
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<PartitionResponse> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class PartitionResponse
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; }
        [Field("0+")] public WireList<ProducerState> ActiveProducers { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class ProducerState
    {
        [Field("0+")] public long ProducerId { get; set; }
        [Field("0+")] public int ProducerEpoch { get; set; }
        [Field("0+")] public int LastSequence { get; set; } = -1;
        [Field("0+")] public long LastTimestamp { get; set; } = -1;
        [Field("0+")] public int CoordinatorEpoch { get; set; }
        [Field("0+")] public long CurrentTxnStartOffset { get; set; } = -1;
    }
}
