namespace Broker.Engine.Admin;

/// <summary>The part of the door that concerns replicas and their leaders. Queries answer from memory at once: figures of a broker
/// that is not in this process come from its partitions' leaders here, from what it told within the last seconds, or are unknown.
/// Thread-safe.</summary>
public interface IReplicationAdmin
{
    /// <summary>Totals, skew, and each broker's share. Counted once for all who ask, at most once a second.</summary>
    ReplicationOverview ReplicationTotals();

    /// <summary>Partitions by what is wrong with them, the worst first, then by topic and partition.</summary>
    Page<PartitionStatus> PartitionStates(PartitionQuery query);

    /// <summary>The replicas of a topic's partitions side by side.</summary>
    /// <exception cref="AdminException">UNKNOWN_TOPIC_OR_PARTITION.</exception>
    Page<PartitionReplicas> Replicas(string topic, int skip, int take);

    /// <summary>Skew of one topic's partitions.</summary>
    /// <exception cref="AdminException">UNKNOWN_TOPIC_OR_PARTITION.</exception>
    SkewView Skew(string topic);

    /// <summary>Who left the in-sync replicas and came back, and who led, latest first; what this process has seen since it
    /// started, the last <see cref="ReplicationLimits.EventsMax"/> at most.</summary>
    Page<IsrEvent> IsrHistory(IsrQuery query);

    /// <summary>Reassignments under way, as far as they are known at this moment.</summary>
    ReassignmentsView Reassignments(int skip, int take);

    /// <summary>The same, after the controller has been asked.</summary>
    Task<ReassignmentsView> ReadReassignmentsAsync(int skip, int take, CancellationToken cancellationToken);

    /// <summary>Has preferred replicas lead.</summary>
    /// <param name="partitions">Which partitions; null for all.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    Task<ElectionOutcome> ElectPreferredAsync(IReadOnlyList<TopicPartition>? partitions, CancellationToken cancellationToken);

    /// <summary>What would spread replicas and leaders evenly with as few moves as may be. Nothing is changed.</summary>
    /// <exception cref="AdminException">INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION.</exception>
    RebalanceProposal ProposeRebalance(RebalanceOptions options);

    /// <summary>Gives partitions other replicas.</summary>
    /// <param name="assignments">The replicas that each shall have, the preferred leader first.</param>
    /// <param name="throttleBytesPerSec">Most that each broker sends and takes for it a second; null for no limit. Where none was set
    /// before, it is taken away when no reassignment is left.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="AdminException">The first refusal; those before it are under way.</exception>
    Task ReassignAsync(IReadOnlyList<NewAssignment> assignments, long? throttleBytesPerSec, CancellationToken cancellationToken);

    /// <summary>Takes reassignments back.</summary>
    /// <param name="partitions">Which; null for all.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>How many were cancelled.</returns>
    Task<int> CancelReassignmentsAsync(IReadOnlyList<TopicPartition>? partitions, CancellationToken cancellationToken);

    /// <summary>Sets how much brokers send and take for throttled replicas a second; null takes the limit away.</summary>
    Task SetThrottleAsync(long? bytesPerSec, CancellationToken cancellationToken);

    /// <summary>What would change if a broker stopped now.</summary>
    /// <exception cref="AdminException">RESOURCE_NOT_FOUND.</exception>
    ShutdownPreview PreviewShutdown(int brokerId);
}

/// <summary>Limits of what is kept.</summary>
public static class ReplicationLimits
{
    /// <summary>Events of the in-sync history.</summary>
    public const int EventsMax = 20_000;

    /// <summary>Partitions in one command.</summary>
    public const int PartitionsMax = 10_000;
}
