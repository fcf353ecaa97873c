using Broker.Engine;
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

    public Func<IReadOnlyList<BrokerSummary>, IReadOnlyList<BrokerSummary>>? BrokersAs { get; set; }

    public GroupDetail? GroupAs { get; set; }

    public BatchPage? BatchesAs { get; set; }

    public Func<PartitionQuery, Page<PartitionStatus>>? PartitionsAs { get; set; }

    public Func<IsrQuery, Page<IsrEvent>>? HistoryAs { get; set; }

    public Page<PartitionReplicas>? ReplicasAs { get; set; }

    public ReassignmentsView? ReassignmentsAs { get; set; }

    public ElectionOutcome? ElectionAs { get; set; }

    public ShutdownPreview? ShutdownAs { get; set; }

    /// <summary>Elections that were asked for; null for all partitions.</summary>
    public List<IReadOnlyList<TopicPartition>?> Elected { get; } = [];

    /// <summary>Reassignments that were taken back; null for all.</summary>
    public List<IReadOnlyList<TopicPartition>?> Cancelled { get; } = [];

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

    public Func<TopicDetail, TopicDetail>? TopicAs { get; set; }

    public Func<BrokerDetail, BrokerDetail>? BrokerAs { get; set; }

    public Func<ConfigResource, Task<IReadOnlyList<ConfigEntry>>>? ConfigAs { get; set; }

    public Task FreshAsync(CancellationToken cancellationToken) => inner.FreshAsync(cancellationToken);

    public ClusterOverview Overview() => OverviewAs is { } change ? change(Open().Overview()) : Open().Overview();

    public IReadOnlyList<BrokerSummary> Brokers() => BrokersAs?.Invoke(Open().Brokers()) ?? Open().Brokers();

    public BrokerDetail Broker(int brokerId) => BrokerAs is { } change ? change(Open().Broker(brokerId)) : Open().Broker(brokerId);

    public Task StartBrokerAsync(int brokerId, CancellationToken cancellationToken) => Open().StartBrokerAsync(brokerId, cancellationToken);

    public Task StopBrokerAsync(int brokerId, bool hard, CancellationToken cancellationToken) =>
        Open().StopBrokerAsync(brokerId, hard, cancellationToken);

    public Page<TopicSummary> Topics(TopicQuery query) => Open().Topics(query);

    public TopicDetail Topic(string topic) => TopicAs is { } change ? change(Open().Topic(topic)) : Open().Topic(topic);

    public Task CreateTopicAsync(NewTopic topic, CancellationToken cancellationToken) => Open().CreateTopicAsync(topic, cancellationToken);

    public Task DeleteTopicAsync(string topic, CancellationToken cancellationToken) => Open().DeleteTopicAsync(topic, cancellationToken);

    public Task AddPartitionsAsync(string topic, int totalCount, CancellationToken cancellationToken) =>
        Open().AddPartitionsAsync(topic, totalCount, cancellationToken);

    public Task<long> DeleteRecordsAsync(string topic, int partition, long beforeOffset, CancellationToken cancellationToken) =>
        Open().DeleteRecordsAsync(topic, partition, beforeOffset, cancellationToken);

    public Task<IReadOnlyList<ConfigEntry>> DescribeConfigAsync(ConfigResource resource, CancellationToken cancellationToken) =>
        ConfigAs?.Invoke(resource) ?? Open().DescribeConfigAsync(resource, cancellationToken);

    public Task AlterConfigAsync(
        ConfigResource resource, IReadOnlyDictionary<string, string?> changes, bool validateOnly, CancellationToken cancellationToken) =>
        Open().AlterConfigAsync(resource, changes, validateOnly, cancellationToken);

    public Task<MessagePage> BrowseAsync(MessageQuery query, CancellationToken cancellationToken) => Open().BrowseAsync(query, cancellationToken);

    public IAsyncEnumerable<TailBatch> TailAsync(TailQuery query, CancellationToken cancellationToken) => Open().TailAsync(query, cancellationToken);

    public Task<ProducedMessage> ProduceAsync(NewMessage message, CancellationToken cancellationToken) => Open().ProduceAsync(message, cancellationToken);

    public GroupList Groups(GroupQuery query)
    {
        GroupList page = GroupAs is { } group ? new GroupList([group.Summary], 1, 0, []) : Open().Groups(query);
        return GroupsAs?.Invoke(page) ?? page;
    }

    public Func<GroupList, GroupList>? GroupsAs { get; set; }

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

    public ReplicationOverview ReplicationTotals() => Open().ReplicationTotals();

    public Page<PartitionStatus> PartitionStates(PartitionQuery query) => PartitionsAs?.Invoke(query) ?? Open().PartitionStates(query);

    public Page<PartitionReplicas> Replicas(string topic, int skip, int take) => ReplicasAs ?? Open().Replicas(topic, skip, take);

    public SkewView Skew(string topic) => Open().Skew(topic);

    public Page<IsrEvent> IsrHistory(IsrQuery query) => HistoryAs?.Invoke(query) ?? Open().IsrHistory(query);

    public ReassignmentsView Reassignments(int skip, int take) => ReassignmentsAs ?? Open().Reassignments(skip, take);

    public Task<ReassignmentsView> ReadReassignmentsAsync(int skip, int take, CancellationToken cancellationToken) =>
        Open().ReadReassignmentsAsync(skip, take, cancellationToken);

    public Task<ElectionOutcome> ElectPreferredAsync(IReadOnlyList<TopicPartition>? partitions, CancellationToken cancellationToken)
    {
        Elected.Add(partitions);
        return ElectionAs is { } outcome ? Task.FromResult(outcome) : Open().ElectPreferredAsync(partitions, cancellationToken);
    }

    public RebalanceProposal ProposeRebalance(RebalanceOptions options) => Open().ProposeRebalance(options);

    public Task ReassignAsync(IReadOnlyList<NewAssignment> assignments, long? throttleBytesPerSec, CancellationToken cancellationToken) =>
        Open().ReassignAsync(assignments, throttleBytesPerSec, cancellationToken);

    public Task<int> CancelReassignmentsAsync(IReadOnlyList<TopicPartition>? partitions, CancellationToken cancellationToken)
    {
        Cancelled.Add(partitions);
        return Open().CancelReassignmentsAsync(partitions, cancellationToken);
    }

    public Task SetThrottleAsync(long? bytesPerSec, CancellationToken cancellationToken) => Open().SetThrottleAsync(bytesPerSec, cancellationToken);

    public ShutdownPreview PreviewShutdown(int brokerId) => ShutdownAs ?? Open().PreviewShutdown(brokerId);

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
