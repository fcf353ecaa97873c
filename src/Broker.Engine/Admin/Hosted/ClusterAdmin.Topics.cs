using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Engine.Handlers.Admin;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Topics.</summary>
internal sealed partial class ClusterAdmin
{
    private const long ChangeTimeoutMs = 30_000;
    internal const int TakeMax = 1_000;
    private const int SettleSteps = 200;
    private static readonly TimeSpan s_settleStep = TimeSpan.FromMilliseconds(5);

    public Page<TopicSummary> Topics(TopicQuery query)
    {
        _remoteLogs.Look();
        IEnumerable<TopicImage> found = Image.Topics.Values
            .Where(t => query.IncludeInternal || !InternalTopics.Contains(t.Name))
            .Where(t => query.Search is not { Length: > 0 } search || t.Name.Contains(search, StringComparison.OrdinalIgnoreCase));
        if (query.SortBy == TopicColumn.Name)
        {
            // Figures of topics that are not shown need not be gathered.
            Page<TopicImage> named = PageOf(found, t => t.Name, t => t.Name, query.Descending, query.Skip, query.Take);
            return new Page<TopicSummary>([.. named.Items.Select(Summary)], named.Total, named.Skipped);
        }
        Func<TopicSummary, IComparable> key = query.SortBy switch
        {
            TopicColumn.Partitions => t => t.Partitions,
            TopicColumn.Messages => t => t.Messages,
            TopicColumn.Size => t => t.SizeBytes,
            TopicColumn.MessagesInPerSec => t => t.Rates.MessagesInPerSec,
            TopicColumn.BytesInPerSec => t => t.Rates.BytesInPerSec,
            TopicColumn.BytesOutPerSec => t => t.Rates.BytesOutPerSec,
            _ => t => t.Name,
        };
        return PageOf(found.Select(Summary), key, t => t.Name, query.Descending, query.Skip, query.Take);
    }

    /// <summary>Sorts by a column, then by name, and cuts the page out.</summary>
    private static Page<T> PageOf<T>(
        IEnumerable<T> found, Func<T, IComparable> key, Func<T, string> name, bool descending, int skip, int take)
    {
        List<T> sorted = [.. (descending ? found.OrderByDescending(key) : found.OrderBy(key)).ThenBy(name)];
        return new Page<T>([.. sorted.Skip(skip).Take(Math.Clamp(take, 0, TakeMax))], sorted.Count, Math.Min(skip, sorted.Count));
    }

    private TopicSummary Summary(TopicImage topic)
    {
        (long messages, long bytes, int unknown, int elsewhere) = (0, 0, 0, 0);
        (double messagesIn, double bytesIn, string? why) = (0, 0, null);
        for (int i = 0; i < topic.Partitions.Length; i++)
        {
            if (topic.Partitions[i] is not { } partition)
            {
                continue;
            }
            LedLog log = LogOf(new TopicPartition(topic.Name, i), partition.Leader);
            messages += Math.Max(0, log.Messages);
            bytes += Math.Max(0, log.SizeBytes);
            unknown += log.Unknown is null ? 0 : 1;
            why ??= log.Unknown;
            elsewhere += log.IsElsewhere ? 1 : 0;
            (messagesIn, bytesIn) = log.IsElsewhere ? (messagesIn + log.MessagesPerSec, bytesIn + log.BytesPerSec) : (messagesIn, bytesIn);
        }
        List<PartitionImage> partitions = [.. topic.Partitions.OfType<PartitionImage>()];
        TrafficRates here = _traffic.Topic(topic.Name);
        return new TopicSummary
        {
            Name = topic.Name,
            Id = topic.Id,
            IsInternal = InternalTopics.Contains(topic.Name),
            Partitions = topic.Partitions.Length,
            ReplicationFactor = partitions.Count > 0 ? partitions[0].Replicas.Length : 0,
            OfflinePartitions = partitions.Count(p => p.Leader < 0),
            UnderReplicatedPartitions = partitions.Count(p => p.InSyncReplicas.Length < p.Replicas.Length),
            Messages = messages,
            SizeBytes = bytes,
            UnknownPartitions = unknown,
            Unknown = why,
            LedElsewhere = elsewhere,
            CleanupPolicy = Informed() is { } broker
                ? LogConfig.Effective(broker.Config.Current, broker.Config.Topic(topic.Name), "cleanup.policy") ?? "" : "",
            Rates = here with { MessagesInPerSec = here.MessagesInPerSec + messagesIn, BytesInPerSec = here.BytesInPerSec + bytesIn },
        };
    }

    public TopicDetail Topic(string topic)
    {
        _remoteLogs.Look();
        TopicImage image = Known(topic);
        return new TopicDetail
        {
            Summary = Summary(image),
            Partitions = [.. image.Partitions.Select((p, i) => p is null ? null : Describe(topic, i, p)).OfType<PartitionView>()],
            Skew = Skew(topic),
            Groups =
            [
                .. AllGroups().Where(g => g.Partitions.Any(p => p.Topic == topic && p.CommittedOffset >= 0))
                    .Select(g => new TopicGroupView(
                        g.Summary.GroupId, g.Summary.State, g.Partitions.Where(p => p.Topic == topic).Sum(p => p.Lag ?? 0),
                        g.Partitions.Count(p => p.Topic == topic && IsLagUnknown(p)))),
            ],
            History = _traffic.TopicHistory(topic),
        };
    }

    private TopicImage Known(string topic) =>
        Image.Topic(topic) ?? throw new AdminException("UNKNOWN_TOPIC_OR_PARTITION", $"The topic '{topic}' does not exist.");

    private PartitionView Describe(string topic, int index, PartitionImage image)
    {
        LedLog log = LogOf(new TopicPartition(topic, index), image.Leader);
        return new PartitionView
        {
            Partition = index,
            Leader = image.Leader,
            LeaderEpoch = image.LeaderEpoch,
            Replicas = [.. image.Replicas],
            InSyncReplicas = [.. image.InSyncReplicas],
            LogStartOffset = log.Start,
            HighWatermark = log.HighWatermark,
            LogEndOffset = log.End,
            SizeBytes = log.SizeBytes,
            Segments = log.Segments,
            MessagesInPerSec = log.MessagesPerSec,
            LogDirectory = log.Directory,
            Unknown = log.Unknown,
        };
    }

    public async Task CreateTopicAsync(NewTopic topic, CancellationToken cancellationToken)
    {
        BrokerServer broker = Able();
        var plan = new TopicPlan
        {
            Name = topic.Name,
            Partitions = topic.Partitions,
            ReplicationFactor = topic.ReplicationFactor,
            Config = [.. (topic.Config ?? new Dictionary<string, string>()).Select(c => KeyValuePair.Create(c.Key, (string?)c.Value))],
        };
        MadeTopic made = await WrittenAsync(
            token => broker.Topics.CreateAsync(plan, validateOnly: false, token), cancellationToken).ConfigureAwait(false);
        ThrowIfRefused(made.Outcome);
        await WaitAsync(broker, image => CreateTopicsHandler.HasLeaders(image, topic.Name), $"create {topic.Name}").ConfigureAwait(false);
        await UntilAsync(() => IsLed(topic.Name), cancellationToken).ConfigureAwait(false);
    }

    public async Task DeleteTopicAsync(string topic, CancellationToken cancellationToken)
    {
        BrokerServer broker = Able();
        ThrowIfRefused(await WrittenAsync(token => broker.Topics.DeleteAsync(topic, token), cancellationToken).ConfigureAwait(false));
        await WaitAsync(broker, image => image.Topic(topic) is null, $"delete {topic}").ConfigureAwait(false);
    }

    public async Task AddPartitionsAsync(string topic, int totalCount, CancellationToken cancellationToken)
    {
        BrokerServer broker = Able();
        ThrowIfRefused(await WrittenAsync(
            token => broker.Topics.AddPartitionsAsync(topic, totalCount, assignment: null, validateOnly: false, token),
            cancellationToken).ConfigureAwait(false));
        await WaitAsync(
            broker, image => image.Topic(topic) is { } t && t.Partitions.Length >= totalCount && CreateTopicsHandler.HasLeaders(image, topic),
            $"add partitions to {topic}").ConfigureAwait(false);
        await UntilAsync(() => IsLed(topic), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Carries a change out that has to be written to the tree; nobody waits longer for it than for the cluster.</summary>
    /// <exception cref="AdminException">BROKER_NOT_AVAILABLE: the store is away. REQUEST_TIMED_OUT: it does not answer.</exception>
    private async Task<T> WrittenAsync<T>(Func<CancellationToken, Task<T>> write, CancellationToken cancellationToken)
    {
        if (StoreFailure is { } failure)
        {
            throw new AdminException("BROKER_NOT_AVAILABLE", $"ZooKeeper cannot be reached ({failure}): nothing can be changed until it is back.");
        }
        using var late = new CancellationTokenSource(TimeSpan.FromMilliseconds(ChangeTimeoutMs), _cluster.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            return await write(limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AdminException("REQUEST_TIMED_OUT", "The cluster's store does not answer: whether the change is written is not known.");
        }
    }

    /// <summary>Whether the brokers of this host that shall lead the topic's partitions do.</summary>
    private bool IsLed(string topic)
    {
        int[] here = [.. _cluster.Brokers.Where(b => b.IsServing).Select(b => b.Id)];
        return Image.Topic(topic)?.Partitions is not { } partitions
            || !partitions.Where((p, i) => p is not null && here.Contains(p.Leader) && Leader(new TopicPartition(topic, i)) is null).Any();
    }

    /// <summary>Waits for what follows a change within moments but is told to nobody; goes on all the same when it does not.</summary>
    private async Task UntilAsync(Func<bool> holds, CancellationToken cancellationToken)
    {
        for (int i = 0; i < SettleSteps && !holds(); i++)
        {
            await Task.Delay(s_settleStep, _cluster.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task WaitAsync(BrokerServer broker, Func<MetadataImage, bool> holds, string what)
    {
        if (!await broker.Waits.WaitAsync(holds, ChangeTimeoutMs, what).ConfigureAwait(false))
        {
            throw new AdminException("REQUEST_TIMED_OUT", "The change is written, but the cluster has not carried it out yet.");
        }
    }

    private static void ThrowIfRefused(Outcome outcome)
    {
        if (!outcome.IsDone)
        {
            throw new AdminException(outcome.Error.Name(), outcome.Message ?? outcome.Error.Name());
        }
    }

    public Task<long> DeleteRecordsAsync(string topic, int partition, long beforeOffset, CancellationToken cancellationToken)
    {
        var id = new TopicPartition(topic, partition);
        if (LeaderOf(id) is var elsewhere && IsRemote(elsewhere))
        {
            return DeleteRecordsRemotelyAsync(elsewhere, id, beforeOffset, cancellationToken);
        }
        var found = LeaderOrThrow(topic, partition);
        long target = beforeOffset == -1 ? found.HighWatermark : beforeOffset;
        if (!found.Log.Config.CleanupPolicyDelete)
        {
            throw NotDeleted(topic);
        }
        if (target < 0 || !found.Log.IncrementLogStartOffset(target, found.HighWatermark))
        {
            throw OutOfRange(target);
        }
        BrokerServer broker = Leader(found.Id)?.Broker
            ?? throw new AdminException("LEADER_NOT_AVAILABLE", $"The leader of {found.Id} is not running in this host any more.");
        return Task.Run(
            () =>
            {
                broker.Logs.RecordsDeleted([found.Log], broker.Replicas.HighWatermarkOf);
                return found.Log.LogStartOffset;
            },
            cancellationToken);
    }

    private static AdminException NotDeleted(string topic) =>
        new("POLICY_VIOLATION", $"The topic '{topic}' does not have cleanup.policy=delete.");

    private static AdminException OutOfRange(long offset) =>
        new("OFFSET_OUT_OF_RANGE", $"{offset} is not between the log's start and its high watermark.");

    private Replication.Partition LeaderOrThrow(string topic, int partition)
    {
        TopicImage known = Known(topic);
        if ((uint)partition >= (uint)known.Partitions.Length)
        {
            throw NoPartition(topic, partition);
        }
        return Leader(new TopicPartition(topic, partition))?.Partition
            ?? throw new AdminException("LEADER_NOT_AVAILABLE", $"The leader of {topic}-{partition} is not running in this host.");
    }

    private static AdminException NoPartition(string topic, int partition) =>
        new("UNKNOWN_TOPIC_OR_PARTITION", $"The topic '{topic}' has no partition {partition}.");
}
