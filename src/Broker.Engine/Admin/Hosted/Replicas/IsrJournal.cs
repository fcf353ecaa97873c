using System.Collections.Immutable;
using Broker.Engine.Metadata;

namespace Broker.Engine.Admin.Hosted.Replicas;

/// <summary>Tells why a replica left the in-sync replicas of a partition or joined them, where its leader is in this process; or
/// null.</summary>
/// <param name="partition">The partition.</param>
/// <param name="broker">The replica.</param>
/// <param name="joined">Joined, or left.</param>
internal delegate string? IsrCause(TopicPartition partition, int broker, bool joined);

/// <summary>
/// The history of in-sync replicas and leaders: compares each picture of the cluster with the one before and keeps what differs,
/// the last <see cref="ReplicationLimits.EventsMax"/> events. The cause is the leader's own word where it is here, and else is
/// told from what changed together. A picture that is older in some partition (another broker's) changes nothing there. Cost:
/// O(topics) a new picture, O(partitions) of the topics that changed. Thread-safe.
/// </summary>
internal sealed class IsrJournal(IsrCause cause, int eventsMax = ReplicationLimits.EventsMax)
{
    private readonly Lock _lock = new();
    private readonly Queue<Entry> _entries = new();
    private readonly Dictionary<(string Topic, int Partition, int Broker), Entry> _away = [];
    private readonly Dictionary<string, TopicImage> _known = new(StringComparer.Ordinal);
    private MetadataImage _last = MetadataImage.Empty;
    private long _batch;
    private (IsrQuery? Filter, long Batch, List<List<Entry>> Lines) _read = (null, -1, []);

    /// <summary>Takes a picture in.</summary>
    public void Observe(MetadataImage image, DateTimeOffset now)
    {
        lock (_lock)
        {
            if (ReferenceEquals(image, _last))
            {
                return;
            }
            _batch++;
            foreach (TopicImage topic in image.Topics.Values)
            {
                TopicImage? known = _known.GetValueOrDefault(topic.Name);
                if (!ReferenceEquals(known, topic))
                {
                    _known[topic.Name] = Compare(known is { } k && k.Id == topic.Id ? k : null, topic, image, now);
                }
            }
            foreach (string gone in _known.Keys.Where(t => !image.Topics.ContainsKey(t)).ToArray())
            {
                _known.Remove(gone);
            }
            _last = image;
        }
    }

    /// <summary>Compares a topic, and answers the newest of both for each partition.</summary>
    private TopicImage Compare(TopicImage? known, TopicImage topic, MetadataImage image, DateTimeOffset now)
    {
        ImmutableArray<PartitionImage?>.Builder newest = topic.Partitions.ToBuilder();
        for (int i = 0; i < newest.Count; i++)
        {
            PartitionImage? before = known is not null && i < known.Partitions.Length ? known.Partitions[i] : null;
            if (before is null || newest[i] is not { } after || ReferenceEquals(before, after))
            {
                continue;
            }
            if (after.LeaderEpoch < before.LeaderEpoch
                || (after.LeaderEpoch == before.LeaderEpoch && after.PartitionEpoch < before.PartitionEpoch))
            {
                newest[i] = before;
                continue;
            }
            Compare(new TopicPartition(topic.Name, i), before, after, image, now);
        }
        return topic with { Partitions = newest.ToImmutable() };
    }

    private void Compare(TopicPartition id, PartitionImage before, PartitionImage after, MetadataImage image, DateTimeOffset now)
    {
        foreach (int broker in before.InSyncReplicas)
        {
            if (!after.InSyncReplicas.Contains(broker))
            {
                string why = Without(broker, before, after, image) ?? cause(id, broker, joined: false) ?? "fell behind the leader";
                _away[(id.Topic, id.Partition, broker)] = Add(new Entry(_batch, now, IsrEventKind.Left, id, broker, after, why));
            }
        }
        foreach (int broker in after.InSyncReplicas)
        {
            if (!before.InSyncReplicas.Contains(broker))
            {
                string why = cause(id, broker, joined: true)
                    ?? (before.Replicas.Contains(broker) ? "caught up with the leader" : "was added by a reassignment");
                Add(new Entry(_batch, now, IsrEventKind.Joined, id, broker, after, why));
                if (_away.Remove((id.Topic, id.Partition, broker), out Entry? left))
                {
                    left.BackAt = now;
                }
            }
        }
        if (before.Leader != after.Leader)
        {
            Add(new Entry(_batch, now, IsrEventKind.Leader, id, after.Leader, after, WhyLeads(before, after, image)));
        }
    }

    /// <summary>What the picture itself tells of a departure. A leader that takes a follower out keeps its epoch; the controller
    /// does not.</summary>
    private static string? Without(int broker, PartitionImage before, PartitionImage after, MetadataImage image) =>
        !image.IsAlive(broker) ? $"broker {broker} left the cluster"
        : !after.Replicas.Contains(broker) ? "was removed by a reassignment"
        : after.OfflineReplicas.Contains(broker) ? "its log directory failed"
        : after.LeaderEpoch > before.LeaderEpoch ? $"broker {broker} shut down" : null;

    private static string WhyLeads(PartitionImage before, PartitionImage after, MetadataImage image) =>
        after.Leader < 0 ? "no in-sync replica is left"
        : before.Leader < 0 ? after.InSyncReplicas.Length == 1 && !before.InSyncReplicas.Contains(after.Leader)
            ? "unclean election: it was not in sync" : "a replica that may lead came back"
        : !image.IsAlive(before.Leader) ? $"broker {before.Leader} left the cluster"
        : !after.Replicas.Contains(before.Leader) ? "a reassignment took the leader away"
        : after.OfflineReplicas.Contains(before.Leader) ? $"the log directory of broker {before.Leader} failed"
        : !after.InSyncReplicas.Contains(before.Leader) ? $"broker {before.Leader} handed over and shut down"
        : after.Leader == after.Replicas[0] ? "preferred leader elected" : $"broker {before.Leader} handed over";

    private Entry Add(Entry entry)
    {
        _entries.Enqueue(entry);
        while (_entries.Count > eventsMax)
        {
            Entry oldest = _entries.Dequeue();
            var key = (oldest.Id.Topic, oldest.Id.Partition, oldest.Broker);
            if (_away.TryGetValue(key, out Entry? away) && ReferenceEquals(away, oldest))
            {
                _away.Remove(key);
            }
        }
        return entry;
    }

    /// <summary>The last departure from a partition of a replica that is not back.</summary>
    public IsrEvent? Departure(string topic, int partition, ReadOnlySpan<int> replicas, ReadOnlySpan<int> inSync)
    {
        lock (_lock)
        {
            Entry? last = null;
            foreach (int broker in replicas)
            {
                if (!inSync.Contains(broker) && _away.TryGetValue((topic, partition, broker), out Entry? away) && (last is null || away.At > last.At))
                {
                    last = away;
                }
            }
            return last is null ? null : View(last, 1, last.BackAt);
        }
    }

    public Page<IsrEvent> Read(IsrQuery query)
    {
        lock (_lock)
        {
            List<List<Entry>> lines = Lines(query with { Skip = 0, Take = 0 });
            int skip = Math.Clamp(query.Skip, 0, lines.Count);
            return new Page<IsrEvent>(
                [.. lines.Skip(skip).Take(Math.Clamp(query.Take, 0, ClusterAdmin.TakeMax)).Select(View)], lines.Count, skip);
        }
    }

    /// <summary>The events of a filter, kept while nothing happens: many who look at the same are answered for the cost of one.
    /// What happened to many partitions at once is one line, unless a topic is looked at.</summary>
    private List<List<Entry>> Lines(IsrQuery filter)
    {
        if (_read.Filter != filter || _read.Batch != _batch)
        {
            IEnumerable<Entry> found = _entries.Where(e => Matches(e, filter)).Reverse();
            _read = (filter, _batch, filter.Topic is not null
                ? [.. found.Select(e => new List<Entry> { e })]
                : [.. found.GroupBy(e => (e.Batch, e.Kind, e.Broker, e.Line)).Select(g => g.ToList())]);
        }
        return _read.Lines;
    }

    private static bool Matches(Entry entry, IsrQuery query) =>
        (query.Topic is null || entry.Id.Topic == query.Topic)
        && (query.Partition is null || entry.Id.Partition == query.Partition)
        && (query.Broker is null || entry.Broker == query.Broker)
        && (query.Kind is null || entry.Kind == query.Kind);

    private static IsrEvent View(List<Entry> line) =>
        View(line[^1], line.Count, line.TrueForAll(e => e.BackAt is not null) ? line.Max(e => e.BackAt) : null);

    private static IsrEvent View(Entry entry, int partitions, DateTimeOffset? backAt) => new()
    {
        At = entry.At,
        Kind = entry.Kind,
        Topic = entry.Id.Topic,
        Partition = entry.Id.Partition,
        Partitions = partitions,
        BrokerId = entry.Broker,
        LeaderEpoch = entry.After.LeaderEpoch,
        InSyncReplicas = [.. entry.After.InSyncReplicas],
        Cause = entry.Cause,
        BackAt = backAt,
    };

    private sealed class Entry(
        long batch, DateTimeOffset at, IsrEventKind kind, TopicPartition id, int broker, PartitionImage after, string cause)
    {
        public long Batch => batch;

        public DateTimeOffset At => at;

        public IsrEventKind Kind => kind;

        public TopicPartition Id => id;

        public int Broker => broker;

        public PartitionImage After => after;

        public string Cause => cause;

        /// <summary>The cause without what differs from partition to partition: offsets and times.</summary>
        public string Line { get; } = cause.Split(':')[0].TrimEnd("0123456789 ms".ToCharArray());

        public DateTimeOffset? BackAt { get; set; }
    }
}
