using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Writes the end of a transaction into its partitions; sent by the coordinator.</summary>
[KafkaRequest(ApiKey.WriteTxnMarkers, versions: "1-2", flexible: "1+")]
public sealed partial class WriteTxnMarkersRequest
{
    [Field("0+")] public WireList<WritableTxnMarker> Markers { get; set; } = [];

    [KafkaStruct]
    public sealed partial class WritableTxnMarker
    {
        [Field("0+")] public long ProducerId { get; set; }
        [Field("0+")] public short ProducerEpoch { get; set; }
        [Field("0+")] public bool TransactionResult { get; set; }
        [Field("0+")] public WireList<WritableTxnMarkerTopic> Topics { get; set; } = [];
        [Field("0+")] public int CoordinatorEpoch { get; set; }
        [Field("2+", Ignorable = true)] public sbyte TransactionVersion { get; set; }
    }

    [KafkaStruct]
    public sealed partial class WritableTxnMarkerTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<int> PartitionIndexes { get; set; } = [];
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.WriteTxnMarkers, versions: "1-2", flexible: "1+")]
public sealed partial class WriteTxnMarkersResponse
{
    [Field("0+")] public WireList<WritableTxnMarkerResult> Markers { get; set; } = [];

    [KafkaStruct]
    public sealed partial class WritableTxnMarkerResult
    {
        [Field("0+")] public long ProducerId { get; set; }
        [Field("0+")] public WireList<WritableTxnMarkerTopicResult> Topics { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class WritableTxnMarkerTopicResult
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<WritableTxnMarkerPartitionResult> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class WritableTxnMarkerPartitionResult
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }
}
