using Broker.Engine.Admin;

namespace WebConsole.Tests;

/// <summary>A door that lets a real one through, but for what a test wants to decide: when feeds call, and what is refused.</summary>
internal sealed class WatchedAdmin(IClusterAdmin inner) : IClusterAdmin
{
    private readonly List<Subscription> _subscriptions = [];

    /// <summary>Refuses every query and command while it is set.</summary>
    public AdminException? Refusal { get; set; }

    /// <summary>Stands in for the real answer where it is set.</summary>
    public Func<ClusterOverview, ClusterOverview>? OverviewAs { get; set; }

    public GroupDetail? GroupAs { get; set; }

    public BatchPage? BatchesAs { get; set; }

    public IReadOnlyList<LiveSubject> Subjects
    {
        get
        {
            lock (_subscriptions)
            {
                return [.. _subscriptions.Select(s => s.Subject)];
            }
        }
    }

    /// <summary>Calls everyone who listens, as the engine's feed does.</summary>
    public void Tick()
    {
        Subscription[] all;
        lock (_subscriptions)
        {
            all = [.. _subscriptions];
        }
        Array.ForEach(all, s => s.Changed());
    }

    public IDisposable Subscribe(LiveSubject subject, Action changed)
    {
        var subscription = new Subscription(this, subject, changed);
        lock (_subscriptions)
        {
            _subscriptions.Add(subscription);
        }
        return subscription;
    }

    public ClusterOverview Overview() => OverviewAs is { } change ? change(Open().Overview()) : Open().Overview();

    public IReadOnlyList<BrokerSummary> Brokers() => Open().Brokers();

    public BrokerDetail Broker(int brokerId) => Open().Broker(brokerId);

    public Task StartBrokerAsync(int brokerId, CancellationToken cancellationToken) => Open().StartBrokerAsync(brokerId, cancellationToken);

    public Task StopBrokerAsync(int brokerId, bool hard, CancellationToken cancellationToken) =>
        Open().StopBrokerAsync(brokerId, hard, cancellationToken);

    public Page<TopicSummary> Topics(TopicQuery query) => Open().Topics(query);

    public TopicDetail Topic(string topic) => Open().Topic(topic);

    public Task CreateTopicAsync(NewTopic topic, CancellationToken cancellationToken) => Open().CreateTopicAsync(topic, cancellationToken);

    public Task DeleteTopicAsync(string topic, CancellationToken cancellationToken) => Open().DeleteTopicAsync(topic, cancellationToken);

    public Task AddPartitionsAsync(string topic, int totalCount, CancellationToken cancellationToken) =>
        Open().AddPartitionsAsync(topic, totalCount, cancellationToken);

    public Task<long> DeleteRecordsAsync(string topic, int partition, long beforeOffset, CancellationToken cancellationToken) =>
        Open().DeleteRecordsAsync(topic, partition, beforeOffset, cancellationToken);

    public Task<IReadOnlyList<ElectionResult>> ElectPreferredAsync(string? topic, CancellationToken cancellationToken) =>
        Open().ElectPreferredAsync(topic, cancellationToken);

    public ReassignmentProposal ProposeReassignment(IReadOnlyList<string>? topics, IReadOnlyList<int>? brokers) =>
        Open().ProposeReassignment(topics, brokers);

    public Task ReassignAsync(IReadOnlyList<PartitionMove> moves, CancellationToken cancellationToken) =>
        Open().ReassignAsync(moves, cancellationToken);

    public Task CancelReassignmentAsync(string topic, int partition, CancellationToken cancellationToken) =>
        Open().CancelReassignmentAsync(topic, partition, cancellationToken);

    public Task<IReadOnlyList<ReassignmentView>> ReassignmentsAsync(CancellationToken cancellationToken) =>
        Open().ReassignmentsAsync(cancellationToken);

    public IReadOnlyList<ConfigEntry> DescribeConfig(ConfigResource resource) => Open().DescribeConfig(resource);

    public Task AlterConfigAsync(
        ConfigResource resource, IReadOnlyDictionary<string, string?> changes, bool validateOnly, CancellationToken cancellationToken) =>
        Open().AlterConfigAsync(resource, changes, validateOnly, cancellationToken);

    public Task<MessagePage> BrowseAsync(MessageQuery query, CancellationToken cancellationToken) => Open().BrowseAsync(query, cancellationToken);

    public IAsyncEnumerable<TailBatch> TailAsync(TailQuery query, CancellationToken cancellationToken) => Open().TailAsync(query, cancellationToken);

    public Task<ProducedMessage> ProduceAsync(NewMessage message, CancellationToken cancellationToken) => Open().ProduceAsync(message, cancellationToken);

    public Page<GroupSummary> Groups(GroupQuery query) =>
        GroupAs is { } group ? new Page<GroupSummary>([group.Summary], 1, 0) : Open().Groups(query);

    public GroupDetail Group(string groupId) => GroupAs ?? Open().Group(groupId);

    public Task DeleteGroupAsync(string groupId, CancellationToken cancellationToken) => Open().DeleteGroupAsync(groupId, cancellationToken);

    public Task<IReadOnlyList<CommittedPlace>> ResetOffsetsAsync(string groupId, OffsetReset reset, CancellationToken cancellationToken) =>
        Open().ResetOffsetsAsync(groupId, reset, cancellationToken);

    public SegmentsView Segments(string topic, int partition) => Open().Segments(topic, partition);

    public Task<BatchPage> BatchesAsync(
        string topic, int partition, long segmentBaseOffset, long position, int count, CancellationToken cancellationToken) =>
        BatchesAs is { } page ? Task.FromResult(page) : Open().BatchesAsync(topic, partition, segmentBaseOffset, position, count, cancellationToken);

    public TimersView Timers(int brokerId) => Open().Timers(brokerId);

    public CleanerView Cleaner(int brokerId) => Open().Cleaner(brokerId);

    private IClusterAdmin Open() => Refusal is null ? inner : throw Refusal;

    private sealed class Subscription(WatchedAdmin owner, LiveSubject subject, Action changed) : IDisposable
    {
        public LiveSubject Subject { get; } = subject;

        public Action Changed { get; } = changed;

        public void Dispose()
        {
            lock (owner._subscriptions)
            {
                owner._subscriptions.Remove(this);
            }
        }
    }
}
