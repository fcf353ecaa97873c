using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Moves the start of partitions; -1 is the high watermark.</summary>
[KafkaRequest(ApiKey.DeleteRecords, versions: "0-2", flexible: "2+")]
public sealed partial class DeleteRecordsRequest
{
    [Field("0+")] public WireList<DeleteRecordsTopic> Topics { get; set; } = [];
    [Field("0+")] public int TimeoutMs { get; set; }

    [KafkaStruct]
    public sealed partial class DeleteRecordsTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<DeleteRecordsPartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class DeleteRecordsPartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public long Offset { get; set; }
    }
}

/// <summary>The new log start offset by partition.</summary>
[KafkaResponse(ApiKey.DeleteRecords, versions: "0-2", flexible: "2+")]
public sealed partial class DeleteRecordsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<DeleteRecordsTopicResult> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class DeleteRecordsTopicResult
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<DeleteRecordsPartitionResult> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class DeleteRecordsPartitionResult
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public long LowWatermark { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }
}
