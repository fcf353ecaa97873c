namespace Broker.Engine.Admin;

/// <summary>How evenly partitions lie on brokers, in whole percent, by CMAK's formulae.</summary>
/// <param name="BrokersSkew">Brokers that are in sync with more partitions than their share.</param>
/// <param name="LeaderSkew">Brokers that lead more partitions than their share.</param>
/// <param name="Spread">Brokers that have any partition.</param>
/// <param name="Preferred">Partitions that their preferred replica leads.</param>
/// <param name="UnderReplicated">Partitions with replicas that are not in sync.</param>
public sealed record SkewView(int BrokersSkew, int LeaderSkew, int Spread, int Preferred, int UnderReplicated);

/// <summary>A broker's share of the cluster.</summary>
/// <param name="Id">Which.</param>
/// <param name="IsAlive">Whether it is registered.</param>
/// <param name="Replicas">Replicas assigned to it.</param>
/// <param name="Leaders">Partitions that it leads.</param>
/// <param name="PreferredLeaders">Partitions that it should lead.</param>
/// <param name="PreferredHeld">Those of them that it does lead.</param>
/// <param name="OutOfSync">Its replicas that are not in sync.</param>
/// <param name="IsSkewed">Whether it is in sync with more than its share.</param>
/// <param name="IsLeaderSkewed">Whether it leads more than its share.</param>
public sealed record BrokerShare(
    int Id, bool IsAlive, int Replicas, int Leaders, int PreferredLeaders, int PreferredHeld, int OutOfSync, bool IsSkewed,
    bool IsLeaderSkewed);

/// <summary>Replication in the whole cluster at one instant.</summary>
public sealed record ReplicationOverview
{
    /// <summary>-1 when there is none.</summary>
    public required int ControllerId { get; init; }

    /// <summary>-1 when it is not known.</summary>
    public required int ControllerEpoch { get; init; }
    public required int Partitions { get; init; }
    public required int Replicas { get; init; }
    public required int Offline { get; init; }
    public required int UnderReplicated { get; init; }
    public required int UnderMinIsr { get; init; }
    public required int AtMinIsr { get; init; }
    public required int NotPreferred { get; init; }

    /// <summary>Reassignments that were under way when the controller was asked last.</summary>
    public required int Reassigning { get; init; }

    /// <summary>Bytes a second, or null where no limit is set.</summary>
    public required long? ThrottleBytesPerSec { get; init; }

    /// <summary>All partitions taken as one topic's.</summary>
    public required SkewView Skew { get; init; }
    public required IReadOnlyList<BrokerShare> Brokers { get; init; }
}

public enum PartitionFilter
{
    /// <summary>Offline, under-replicated, below min.insync.replicas, or not led by the preferred replica.</summary>
    Wrong,
    UnderReplicated,
    UnderMinIsr,
    AtMinIsr,
    Offline,
    NotPreferred,
    All,
}

/// <summary>Which partitions.</summary>
/// <param name="Filter">What is wrong with them.</param>
/// <param name="Search">A part of the topic's name, or null for all.</param>
/// <param name="Broker">Only those with a replica on this broker, or null.</param>
/// <param name="Skip">Items to leave out at the start.</param>
/// <param name="Take">Items wanted, at most 1,000.</param>
public sealed record PartitionQuery(
    PartitionFilter Filter = PartitionFilter.Wrong, string? Search = null, int? Broker = null, int Skip = 0, int Take = 100);

/// <summary>How a partition stands.</summary>
public sealed record PartitionStatus
{
    public required string Topic { get; init; }
    public required int Partition { get; init; }

    /// <summary>-1 when there is none.</summary>
    public required int Leader { get; init; }
    public required int LeaderEpoch { get; init; }

    /// <summary>All replicas, the preferred leader first.</summary>
    public required IReadOnlyList<int> Replicas { get; init; }
    public required IReadOnlyList<int> InSyncReplicas { get; init; }
    public required int MinInSyncReplicas { get; init; }
    public required bool IsOffline { get; init; }
    public required bool IsUnderReplicated { get; init; }
    public required bool IsUnderMinIsr { get; init; }
    public required bool IsAtMinIsr { get; init; }
    public required bool IsOnPreferred { get; init; }

    /// <summary>The last departure of a replica that has not come back, where it was seen.</summary>
    public IsrEvent? LastDeparture { get; init; }
}

public enum ReplicaSource
{
    /// <summary>Neither the replica nor its leader tells.</summary>
    Unknown,

    /// <summary>The replica itself, in this process.</summary>
    Replica,

    /// <summary>The partition's leader, by the replica's last fetch.</summary>
    Leader,

    /// <summary>The replica itself, in another host, asked within the last seconds.</summary>
    Asked,
}

/// <summary>A replica of a partition.</summary>
public sealed record ReplicaView
{
    public required int BrokerId { get; init; }
    public required bool IsLeader { get; init; }
    public required bool IsInSync { get; init; }
    public required bool IsAlive { get; init; }

    /// <summary>Whether a reassignment brings it.</summary>
    public required bool IsAdding { get; init; }

    /// <summary>Whether a reassignment takes it away.</summary>
    public required bool IsRemoving { get; init; }

    /// <summary>Where the figures come from.</summary>
    public required ReplicaSource Source { get; init; }

    /// <summary>-1 when it is not known.</summary>
    public required long LogEndOffset { get; init; }

    /// <summary>-1 when it is not known.</summary>
    public required long HighWatermark { get; init; }

    /// <summary>Records that the leader has and this replica does not; null for the leader, and where it is not known.</summary>
    public required long? Lag { get; init; }

    /// <summary>Milliseconds since it last had all that the leader had; null for the leader, and where it is not known.</summary>
    public required long? CaughtUpMsAgo { get; init; }

    /// <summary>Why its figures are not known, or null.</summary>
    public string? Unknown { get; init; }
}

/// <summary>A partition with its replicas side by side.</summary>
public sealed record PartitionReplicas
{
    public required int Partition { get; init; }

    /// <summary>-1 when there is none.</summary>
    public required int Leader { get; init; }
    public required int LeaderEpoch { get; init; }
    public required bool IsOnPreferred { get; init; }
    public required bool IsUnderReplicated { get; init; }
    public required int MinInSyncReplicas { get; init; }

    /// <summary>The preferred leader first.</summary>
    public required IReadOnlyList<ReplicaView> Replicas { get; init; }
}

public enum IsrEventKind
{
    /// <summary>A replica left the in-sync replicas.</summary>
    Left,

    /// <summary>A replica joined the in-sync replicas.</summary>
    Joined,

    /// <summary>Another replica leads, or none does.</summary>
    Leader,
}

/// <summary>Which events.</summary>
/// <param name="Topic">Of one topic, each partition by itself; null for all, what happened to many partitions at once as one.</param>
/// <param name="Partition">Of one partition of the topic, or null.</param>
/// <param name="Broker">Of one broker, or null.</param>
/// <param name="Kind">Of one kind, or null.</param>
/// <param name="Skip">Items to leave out at the start.</param>
/// <param name="Take">Items wanted, at most 1,000.</param>
public sealed record IsrQuery(
    string? Topic = null, int? Partition = null, int? Broker = null, IsrEventKind? Kind = null, int Skip = 0, int Take = 50);

/// <summary>Something that happened to the in-sync replicas or the leader of a partition, or of several for the same cause.</summary>
public sealed record IsrEvent
{
    public required DateTimeOffset At { get; init; }
    public required IsrEventKind Kind { get; init; }

    /// <summary>Of the first partition that it happened to.</summary>
    public required string Topic { get; init; }
    public required int Partition { get; init; }

    /// <summary>How many partitions it happened to.</summary>
    public required int Partitions { get; init; }

    /// <summary>Who left or joined; who leads, or -1.</summary>
    public required int BrokerId { get; init; }
    public required int LeaderEpoch { get; init; }
    public required IReadOnlyList<int> InSyncReplicas { get; init; }
    public required string Cause { get; init; }

    /// <summary>When the one who left was back, at the latest of these partitions; null while any of them lacks it.</summary>
    public DateTimeOffset? BackAt { get; init; }
}

/// <summary>A reassignment under way.</summary>
public sealed record ReassignmentView
{
    public required string Topic { get; init; }
    public required int Partition { get; init; }

    /// <summary>What the replicas will be.</summary>
    public required IReadOnlyList<int> Target { get; init; }
    public required IReadOnlyList<int> Adding { get; init; }
    public required IReadOnlyList<int> Removing { get; init; }

    /// <summary>Bytes that the replicas that come need in all, or null where the leader does not tell.</summary>
    public required long? BytesTotal { get; init; }
    public required long? BytesDone { get; init; }
    public required double BytesPerSec { get; init; }

    /// <summary>When it was seen first.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Milliseconds to its end at the pace of the last seconds; null while that cannot be told.</summary>
    public required long? RemainingMs { get; init; }
}

/// <summary>The reassignments under way.</summary>
public sealed record ReassignmentsView
{
    public required Page<ReassignmentView> Items { get; init; }
    public required long BytesTotal { get; init; }
    public required long BytesDone { get; init; }
    public required double BytesPerSec { get; init; }
    public required long? RemainingMs { get; init; }
    public required long? ThrottleBytesPerSec { get; init; }

    /// <summary>When the controller was asked last, or null.</summary>
    public required DateTimeOffset? ReadAt { get; init; }
}

/// <summary>How an election went.</summary>
/// <param name="Elected">Partitions whose leader changed.</param>
/// <param name="Failures">Partitions where it could not.</param>
public sealed record ElectionOutcome(int Elected, IReadOnlyList<ElectionFailure> Failures);

public sealed record ElectionFailure(string Topic, int Partition, string Error, string? Message);

/// <summary>What to balance.</summary>
/// <param name="Topics">Only these, or null for all but internal ones that are not named.</param>
/// <param name="Without">Brokers that shall hold nothing of it.</param>
/// <param name="LeadersOnly">Only changes which replica is preferred: no data moves.</param>
public sealed record RebalanceOptions(
    IReadOnlyList<string>? Topics = null, IReadOnlyList<int>? Without = null, bool LeadersOnly = false);

/// <summary>Replicas that a partition shall have, the preferred leader first.</summary>
public sealed record NewAssignment(string Topic, int Partition, IReadOnlyList<int> Replicas);

/// <summary>A change that a proposal makes.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="From">Its replicas.</param>
/// <param name="To">Its replicas afterwards.</param>
/// <param name="Bytes">What the replicas that come need in all; null where the leader does not tell.</param>
public sealed record PartitionMove(string Topic, int Partition, IReadOnlyList<int> From, IReadOnlyList<int> To, long? Bytes);

/// <summary>A broker before and after.</summary>
public sealed record BrokerBalance(int Id, int ReplicasBefore, int ReplicasAfter, int LeadersBefore, int LeadersAfter);

/// <summary>A way to an even spread.</summary>
public sealed record RebalanceProposal
{
    public required IReadOnlyList<PartitionMove> Moves { get; init; }

    /// <summary>Replicas that have to be copied.</summary>
    public required int ReplicasToMove { get; init; }

    /// <summary>Partitions that another replica is to lead.</summary>
    public required int LeadersToMove { get; init; }

    /// <summary>What is known of the bytes to copy.</summary>
    public required long BytesToMove { get; init; }
    public required SkewView Before { get; init; }
    public required SkewView After { get; init; }
    public required IReadOnlyList<BrokerBalance> Brokers { get; init; }
}

/// <summary>What would change if a broker stopped.</summary>
public sealed record ShutdownPreview
{
    public required int BrokerId { get; init; }
    public required int Leaders { get; init; }

    /// <summary>Who would lead how many of its partitions.</summary>
    public required IReadOnlyList<Handover> Handovers { get; init; }

    /// <summary>Partitions that nobody else could lead.</summary>
    public required int GoOffline { get; init; }

    /// <summary>Partitions that would fall below min.insync.replicas and still be led.</summary>
    public required int FallUnderMinIsr { get; init; }

    /// <summary>The first of those that would be offline or below the minimum.</summary>
    public required IReadOnlyList<TopicPartition> Examples { get; init; }
}

/// <summary>Leaderships that go to a broker.</summary>
public sealed record Handover(int ToBroker, int Partitions);
