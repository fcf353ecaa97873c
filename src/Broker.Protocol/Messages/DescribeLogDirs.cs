using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Describes the broker's log directories. v4 has the volume's bytes, v5 whether a directory is
/// cordoned.</summary>
[KafkaRequest(ApiKey.DescribeLogDirs, versions: "1-5", flexible: "2+")]
public sealed partial class DescribeLogDirsRequest
{
    [Field("0+", Nullable = "0+")] public WireList<DescribableLogDirTopic>? Topics { get; set; } = [];

    [KafkaStruct]
    public sealed partial class DescribableLogDirTopic
    {
        [Field("0+")] public string Topic { get; set; } = "";
        [Field("0+")] public WireList<int> Partitions { get; set; } = [];
    }
}

/// <summary>Directories, and the replicas in them.</summary>
[KafkaResponse(ApiKey.DescribeLogDirs, versions: "1-5", flexible: "2+")]
public sealed partial class DescribeLogDirsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("3+", Ignorable = true)] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<DescribeLogDirsResult> Results { get; set; } = [];

    [KafkaStruct]
    public sealed partial class DescribeLogDirsResult
    {
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+")] public string LogDir { get; set; } = "";
        [Field("0+")] public WireList<DescribeLogDirsTopic> Topics { get; set; } = [];
        [Field("4+", Ignorable = true)] public long TotalBytes { get; set; } = -1;
        [Field("4+", Ignorable = true)] public long UsableBytes { get; set; } = -1;
        [Field("5+", Ignorable = true)] public bool IsCordoned { get; set; }
    }

    [KafkaStruct]
    public sealed partial class DescribeLogDirsTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<DescribeLogDirsPartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class DescribeLogDirsPartition
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public long PartitionSize { get; set; }
        [Field("0+")] public long OffsetLag { get; set; }
        [Field("0+")] public bool IsFutureKey { get; set; }
    }
}
