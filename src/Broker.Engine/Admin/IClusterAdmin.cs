namespace Broker.Engine.Admin;

/// <summary>
/// The console's, the REST API's and the host's one door to the engine. Queries answer from memory at once, whatever state
/// brokers are in; commands complete when the cluster has carried them out. Every refusal is an
/// <see cref="AdminException"/> with Kafka's name of the error. Thread-safe.
/// </summary>
public interface IClusterAdmin : IReplicationAdmin
{
    /// <summary>Waits until brokers of other hosts have told what queries answer with, less than a second: for who asks once and
    /// does not look again. At once where all brokers are in this process.</summary>
    Task FreshAsync(CancellationToken cancellationToken);

    // ---- the cluster and its brokers

    ClusterOverview Overview();

    IReadOnlyList<BrokerSummary> Brokers();

    /// <exception cref="AdminException">RESOURCE_NOT_FOUND.</exception>
    BrokerDetail Broker(int brokerId);

    /// <summary>Starts a broker of this host that was stopped.</summary>
    Task StartBrokerAsync(int brokerId, CancellationToken cancellationToken);

    /// <summary>Stops a broker of this host; the others go on.</summary>
    /// <param name="brokerId">Which.</param>
    /// <param name="hard">As kill -9 would: nothing is flushed, nobody is told, its session has to expire.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    Task StopBrokerAsync(int brokerId, bool hard, CancellationToken cancellationToken);

    // ---- topics

    Page<TopicSummary> Topics(TopicQuery query);

    /// <exception cref="AdminException">UNKNOWN_TOPIC_OR_PARTITION.</exception>
    TopicDetail Topic(string topic);

    Task CreateTopicAsync(NewTopic topic, CancellationToken cancellationToken);

    Task DeleteTopicAsync(string topic, CancellationToken cancellationToken);

    /// <param name="topic">An existing topic.</param>
    /// <param name="totalCount">Partitions that it shall have in all.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    Task AddPartitionsAsync(string topic, int totalCount, CancellationToken cancellationToken);

    /// <summary>Moves a partition's first readable offset; -1 is the high watermark.</summary>
    /// <returns>The new log start offset.</returns>
    Task<long> DeleteRecordsAsync(string topic, int partition, long beforeOffset, CancellationToken cancellationToken);

    // ---- configuration

    /// <summary>All entries of a topic's or broker's configuration with value, source, type and documentation. A broker of another host
    /// is asked for its own, and waited for less than a second.</summary>
    /// <exception cref="AdminException">UNKNOWN_TOPIC_OR_PARTITION, BROKER_NOT_AVAILABLE.</exception>
    Task<IReadOnlyList<ConfigEntry>> DescribeConfigAsync(ConfigResource resource, CancellationToken cancellationToken);

    /// <summary>Sets and deletes single keys; a null value restores the default.</summary>
    Task AlterConfigAsync(
        ConfigResource resource, IReadOnlyDictionary<string, string?> changes, bool validateOnly, CancellationToken cancellationToken);

    // ---- messages

    /// <summary>Reads records of a topic. Never waits for new ones; bounded by the query's limits.</summary>
    Task<MessagePage> BrowseAsync(MessageQuery query, CancellationToken cancellationToken);

    /// <summary>Follows a topic's end. A slow reader misses records and is told how many; the refusals of an unknown topic and
    /// of too many readers come at once.</summary>
    IAsyncEnumerable<TailBatch> TailAsync(TailQuery query, CancellationToken cancellationToken);

    Task<ProducedMessage> ProduceAsync(NewMessage message, CancellationToken cancellationToken);

    // ---- consumer groups

    GroupList Groups(GroupQuery query);

    /// <exception cref="AdminException">GROUP_ID_NOT_FOUND; COORDINATOR_NOT_AVAILABLE: who would know of it does not say.</exception>
    GroupDetail Group(string groupId);

    /// <exception cref="AdminException">NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND.</exception>
    Task DeleteGroupAsync(string groupId, CancellationToken cancellationToken);

    /// <summary>Commits offsets for a group that nobody reads with.</summary>
    /// <returns>What was committed.</returns>
    /// <exception cref="AdminException">NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE.</exception>
    Task<IReadOnlyList<CommittedPlace>> ResetOffsetsAsync(string groupId, OffsetReset reset, CancellationToken cancellationToken);

    // ---- inside

    /// <summary>The segments of a partition on the broker of this host that holds it, its leader where that is one.</summary>
    SegmentsView Segments(string topic, int partition);

    /// <summary>The batches of a segment from a position on.</summary>
    Task<BatchPage> BatchesAsync(
        string topic, int partition, long segmentBaseOffset, long position, int count, CancellationToken cancellationToken);

    /// <summary>The timing wheels and purgatories of a broker of this host.</summary>
    TimersView Timers(int brokerId);

    /// <summary>The log cleaner of a broker of this host, and the compacted logs there.</summary>
    CleanerView Cleaner(int brokerId);

    // ---- live

    /// <summary>Calls back when what <paramref name="subject"/> names has changed, at most <see cref="LiveFeed.PerSecondMax"/>
    /// times a second, on a thread of the engine's sampler; nothing is sampled while nobody is subscribed.</summary>
    IDisposable Subscribe(LiveSubject subject, Action changed);
}

/// <summary>What a subscriber wants to hear of.</summary>
/// <param name="Kind">The kind of thing.</param>
/// <param name="Name">Which one: a topic, a group, a broker id; null for all.</param>
/// <param name="Partition">Which partition of the topic, or null.</param>
public sealed record LiveSubject(LiveKind Kind, string? Name = null, int? Partition = null);

public enum LiveKind
{
    Cluster,
    Brokers,
    Topics,
    Topic,

    /// <summary>The replicas of a topic's partitions.</summary>
    Replicas,

    /// <summary>Replication in the whole cluster.</summary>
    Replication,
    Groups,
    Group,
    Segments,
    Timers,
    Cleaner,
}

public static class LiveFeed
{
    /// <summary>Most callbacks a second to one subscriber.</summary>
    public const int PerSecondMax = 5;
}

/// <summary>A command or query that was refused; the message is for the operator.</summary>
public sealed class AdminException(string error, string message) : Exception(message)
{
    /// <summary>Kafka's name of the error: <c>TOPIC_ALREADY_EXISTS</c>.</summary>
    public string Error { get; } = error;
}

/// <summary>A part of a list.</summary>
/// <param name="Items">The part.</param>
/// <param name="Total">Items that the filter lets through, in all.</param>
/// <param name="Skipped">Items before the part.</param>
public record Page<T>(IReadOnlyList<T> Items, int Total, int Skipped);
