using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Moves replicas to another log directory of the broker.</summary>
[KafkaRequest(ApiKey.AlterReplicaLogDirs, versions: "1-2", flexible: "2+")]
public sealed partial class AlterReplicaLogDirsRequest
{
    [Field("0+")] public WireList<AlterReplicaLogDir> Dirs { get; set; } = [];

    [KafkaStruct]
    public sealed partial class AlterReplicaLogDir
    {
        [Field("0+")] public string Path { get; set; } = "";
        [Field("0+")] public WireList<AlterReplicaLogDirTopic> Topics { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class AlterReplicaLogDirTopic
    {
        [Field("0+")] public string Name { get; set; } = "";
        [Field("0+")] public WireList<int> Partitions { get; set; } = [];
    }
}

/// <summary>An error by partition.</summary>
[KafkaResponse(ApiKey.AlterReplicaLogDirs, versions: "1-2", flexible: "2+")]
public sealed partial class AlterReplicaLogDirsResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public WireList<AlterReplicaLogDirTopicResult> Results { get; set; } = [];

    [KafkaStruct]
    public sealed partial class AlterReplicaLogDirTopicResult
    {
        [Field("0+")] public string TopicName { get; set; } = "";
        [Field("0+")] public WireList<AlterReplicaLogDirPartitionResult> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class AlterReplicaLogDirPartitionResult
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
    }
}
