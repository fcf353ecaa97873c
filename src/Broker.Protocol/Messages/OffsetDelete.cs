using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Deletes committed offsets of a group.</summary>
[KafkaRequest(ApiKey.OffsetDelete, versions: "0", flexible: "none")]
public sealed partial class OffsetDeleteRequest
{
    [Field("0+")] public string GroupId { get; set; } = "";
    [Field("0+")] public WireList<OffsetDeleteRequestTopic> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OffsetDeleteRequestTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<OffsetDeleteRequestPartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetDeleteRequestPartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.OffsetDelete, versions: "0", flexible: "none")]
public sealed partial class OffsetDeleteResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<OffsetDeleteResponseTopic> Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class OffsetDeleteResponseTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<OffsetDeleteResponsePartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class OffsetDeleteResponsePartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }
}
