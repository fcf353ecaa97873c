using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Reads record batches from partitions; followers replicate by it too. v7 fetch sessions (KIP-227), v9
/// leader epochs, v11 racks (KIP-392), v12 flexible and divergence (KIP-595), v13 topic ids, v15 replica state
/// (KIP-903), v17 directory ids, v18 the follower's high watermark.</summary>
[KafkaRequest(ApiKey.Fetch, versions: "4-18", flexible: "12+")]
public sealed partial class FetchRequest
{
    [Field("12+", Nullable = "12+", Tag = 0, Ignorable = true)] public string? ClusterId { get; set; }
    [Field("0-14")] public int ReplicaId { get; set; } = -1;
    [Field("15+", Tag = 1)] public ReplicaStateData? ReplicaState { get; set; }
    [Field("0+")] public int MaxWaitMs { get; set; }
    [Field("0+")] public int MinBytes { get; set; }
    [Field("3+", Ignorable = true)] public int MaxBytes { get; set; } = int.MaxValue;
    [Field("4+", Ignorable = true)] public sbyte IsolationLevel { get; set; }
    [Field("7+", Ignorable = true)] public int SessionId { get; set; }
    [Field("7+", Ignorable = true)] public int SessionEpoch { get; set; } = -1;
    [Field("0+")] public WireList<FetchTopic> Topics { get; set; } = [];
    [Field("7+")] public WireList<ForgottenTopic> ForgottenTopicsData { get; set; } = [];
    [Field("11+", Ignorable = true)] public string RackId { get; set; } = "";

    [KafkaStruct]
    public sealed partial class ReplicaStateData
    {
        [Field("15+")] public int ReplicaId { get; set; } = -1;
        [Field("15+")] public long ReplicaEpoch { get; set; } = -1;
    }

    [KafkaStruct]
    public sealed partial class FetchTopic
    {
        [Field("0-12", Ignorable = true, Utf8 = true)] public ReadOnlyMemory<byte> Topic { get; set; }
        [Field("13+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<FetchPartition> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class ForgottenTopic
    {
        [Field("7-12", Ignorable = true, Utf8 = true)] public ReadOnlyMemory<byte> Topic { get; set; }
        [Field("13+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("7+")] public WireList<int> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class FetchPartition
    {
        [Field("0+")] public int Partition { get; set; }
        [Field("9+", Ignorable = true)] public int CurrentLeaderEpoch { get; set; } = -1;
        [Field("0+")] public long FetchOffset { get; set; }
        [Field("12+")] public int LastFetchedEpoch { get; set; } = -1;
        [Field("5+", Ignorable = true)] public long LogStartOffset { get; set; } = -1;
        [Field("0+")] public int PartitionMaxBytes { get; set; }
        [Field("17+", Tag = 0, Ignorable = true)] public Guid ReplicaDirectoryId { get; set; }
        [Field("18+", Tag = 1, Ignorable = true)] public long HighWatermark { get; set; } = long.MaxValue;
    }
}

/// <summary>Record batches by partition, and where the log stands.</summary>
[KafkaResponse(ApiKey.Fetch, versions: "4-18", flexible: "12+")]
public sealed partial class FetchResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("7+", Ignorable = true)] public ErrorCode ErrorCode { get; set; }
    [Field("7+")] public int SessionId { get; set; }
    [Field("0+")] public WireList<FetchableTopicResponse> Responses { get; set; } = [];
    [Field("16+", Tag = 0)] public WireList<NodeEndpoint> NodeEndpoints { get; set; } = [];

    [KafkaStruct]
    public sealed partial class FetchableTopicResponse
    {
        [Field("0-12", Ignorable = true, Utf8 = true)] public ReadOnlyMemory<byte> Topic { get; set; }
        [Field("13+", Ignorable = true)] public Guid TopicId { get; set; }
        [Field("0+")] public WireList<PartitionData> Partitions { get; set; } = [];
    }

    [KafkaStruct]
    public sealed partial class NodeEndpoint
    {
        [Field("16+")] public int NodeId { get; set; }
        [Field("16+")] public string Host { get; set; } = "";
        [Field("16+")] public int Port { get; set; }
        [Field("16+", Nullable = "16+")] public string? Rack { get; set; }
    }

    [KafkaStruct]
    public sealed partial class PartitionData
    {
        [Field("0+")] public int PartitionIndex { get; set; }
        [Field("0+")] public ErrorCode ErrorCode { get; set; }
        [Field("0+")] public long HighWatermark { get; set; }
        [Field("4+", Ignorable = true)] public long LastStableOffset { get; set; } = -1;
        [Field("5+", Ignorable = true)] public long LogStartOffset { get; set; } = -1;
        [Field("12+", Tag = 0)] public EpochEndOffset? DivergingEpoch { get; set; }
        [Field("12+", Tag = 1)] public LeaderIdAndEpoch? CurrentLeader { get; set; }
        [Field("12+", Tag = 2)] public SnapshotId? SnapshotId { get; set; }
        [Field("4+", Nullable = "4+", Ignorable = true)]
        public WireList<AbortedTransaction>? AbortedTransactions { get; set; } = [];
        [Field("11+")] public int PreferredReadReplica { get; set; } = -1;
        [Field("0+")] public Wire.Records Records { get; set; }
    }

    [KafkaStruct]
    public sealed partial class EpochEndOffset
    {
        [Field("12+")] public int Epoch { get; set; } = -1;
        [Field("12+")] public long EndOffset { get; set; } = -1;
    }

    [KafkaStruct]
    public sealed partial class LeaderIdAndEpoch
    {
        [Field("12+")] public int LeaderId { get; set; } = -1;
        [Field("12+")] public int LeaderEpoch { get; set; } = -1;
    }

    [KafkaStruct]
    public sealed partial class SnapshotId
    {
        [Field("0+")] public long EndOffset { get; set; } = -1;
        [Field("0+")] public int Epoch { get; set; } = -1;
    }

    [KafkaStruct]
    public sealed partial class AbortedTransaction
    {
        [Field("4+")] public long ProducerId { get; set; }
        [Field("4+")] public long FirstOffset { get; set; }
    }
}
