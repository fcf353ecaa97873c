using Broker.Engine.Diagnostics;
using Broker.Engine.Replication;
using Broker.Engine.Transport;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Turns the counters of the brokers into rates, once a second, and keeps the last minutes. Thread-safe.</summary>
internal sealed class TrafficSampler
{
    /// <summary>Points kept: five minutes.</summary>
    public const int PointsMax = 300;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, Series> _brokers = [];
    private readonly Dictionary<string, Series> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Growth[]> _partitions = new(StringComparer.Ordinal);

    /// <summary>What had come to a broker's topic when none of its partitions grew any more: they are not looked at again until
    /// that is more. What coordinators append to their topics is not counted, so those are always looked at.</summary>
    private readonly Dictionary<(int Broker, string Topic), (Guid Id, long Messages, long Bytes)> _still = [];

    private readonly Dictionary<int, (long Waited, long At, double Share)> _idle = [];
    private readonly Series _cluster = new();

    /// <summary>Takes a sample of the running brokers.</summary>
    public void Sample(IEnumerable<BrokerServer> brokers, DateTimeOffset now)
    {
        lock (_lock)
        {
            var cluster = default(Totals);
            var topics = new Dictionary<string, Totals>(StringComparer.Ordinal);
            foreach (BrokerServer broker in brokers.Where(b => b.Replicas is not null))
            {
                var total = default(Totals);
                foreach (HostedTopic topic in broker.Replicas.Partitions.Topics)
                {
                    Totals one = Totals.Of(topic.Metrics);
                    total += one;
                    topics[topic.Name] = topics.GetValueOrDefault(topic.Name) + one;
                    (Guid, long, long) came = (topic.Id, one.Messages, one.BytesIn);
                    if (_still.TryGetValue((broker.Id, topic.Name), out (Guid, long, long) still) && still == came)
                    {
                        continue;
                    }
                    bool grows = SamplePartitions(topic);
                    if (!grows && !InternalTopics.Contains(topic.Name))
                    {
                        _still[(broker.Id, topic.Name)] = came;
                    }
                }
                cluster += total;
                SeriesOf(_brokers, broker.Id).Add(total, now);
                SampleIdle(broker);
            }
            _cluster.Add(cluster, now);
            foreach ((string name, Totals total) in topics)
            {
                SeriesOf(_topics, name).Add(total, now);
            }
            Forget(_topics.Keys.Where(t => !topics.ContainsKey(t)).ToHashSet(StringComparer.Ordinal));
        }
    }

    private void SampleIdle(BrokerServer broker)
    {
        IReadOnlyList<NetworkThreadSnapshot> threads = broker.Transport.Snapshot().Threads;
        (long waited, long at) = (threads.Sum(t => t.WaitedTicks), threads.Sum(t => t.AtTicks));
        (long before, long began, _) = _idle.GetValueOrDefault(broker.Id);
        // A broker that was started again has waited less than the one before it.
        double share = began == 0 || waited < before || at <= began ? 1 : Math.Clamp((waited - before) / (double)(at - began), 0, 1);
        _idle[broker.Id] = (waited, at, share);
    }

    /// <summary>Nothing is kept of topics that are gone.</summary>
    private void Forget(HashSet<string> gone)
    {
        if (gone.Count == 0)
        {
            return;
        }
        foreach (string topic in gone)
        {
            _topics.Remove(topic);
            _partitions.Remove(topic);
        }
        foreach ((int Broker, string Topic) key in _still.Keys.Where(k => gone.Contains(k.Topic)).ToArray())
        {
            _still.Remove(key);
        }
    }

    /// <returns>Whether a partition has grown lately.</returns>
    private bool SamplePartitions(HostedTopic topic)
    {
        bool grows = false;
        ReadOnlySpan<Partition?> partitions = topic.Partitions;
        Growth[] growths = _partitions.GetValueOrDefault(topic.Name) ?? [];
        if (growths.Length < partitions.Length)
        {
            Array.Resize(ref growths, partitions.Length);
            _partitions[topic.Name] = growths;
        }
        for (int i = 0; i < partitions.Length; i++)
        {
            if (partitions[i] is { Role.IsLeader: true } partition)
            {
                growths[i] = growths[i].Next(partition.Log.LogEndOffset, partition.Log.SizeBytes);
                grows |= growths[i] is not { Messages: 0, Bytes: 0 };
            }
        }
        return grows;
    }

    public TrafficRates Cluster => Read(() => _cluster.Rates);

    public IReadOnlyList<TrafficPoint> ClusterHistory => Read(() => _cluster.History());

    /// <summary>Share of the last second that a broker's network threads waited.</summary>
    public double NetworkIdle(int id) => Read(() => _idle.GetValueOrDefault(id, (0, 0, 1)).Share);

    public TrafficRates Broker(int id) => Read(() => _brokers.GetValueOrDefault(id)?.Rates ?? TrafficRates.None);

    public IReadOnlyList<TrafficPoint> BrokerHistory(int id) => Read(() => _brokers.GetValueOrDefault(id)?.History() ?? []);

    public TrafficRates Topic(string name) => Read(() => _topics.GetValueOrDefault(name)?.Rates ?? TrafficRates.None);

    public IReadOnlyList<TrafficPoint> TopicHistory(string name) => Read(() => _topics.GetValueOrDefault(name)?.History() ?? []);

    /// <summary>Records and bytes a second that a partition grows by.</summary>
    public (double Messages, double Bytes) Partition(TopicPartition partition) => Read(() =>
        _partitions.GetValueOrDefault(partition.Topic) is { } all && partition.Partition < all.Length
            ? (all[partition.Partition].Messages, all[partition.Partition].Bytes) : default);

    private T Read<T>(Func<T> read)
    {
        lock (_lock)
        {
            return read();
        }
    }

    private static Series SeriesOf<TKey>(Dictionary<TKey, Series> all, TKey key)
        where TKey : notnull =>
        all.TryGetValue(key, out Series? series) ? series : all[key] = new Series();

    /// <summary>What a partition's log has grown to, and how fast; half of each second's growth is the last one's.</summary>
    private readonly record struct Growth(bool IsKnown, long End, long Size, double Messages, double Bytes)
    {
        public Growth Next(long end, long size) => IsKnown
            ? new(true, end, size, Mean(Messages, end - End), Mean(Bytes, size - Size)) : new(true, end, size, 0, 0);

        /// <summary>A log that was cut has not grown; what would round to nothing is nothing.</summary>
        private static double Mean(double before, long grown) => (before + Math.Max(0, grown)) / 2 is >= 0.01 and var mean ? mean : 0;
    }

    private readonly record struct Totals(long Messages, long BytesIn, long BytesOut, long Produces, long Fetches)
    {
        public static Totals Of(TopicMetrics m) => new(m.MessagesIn, m.BytesIn, m.BytesOut, m.ProduceRequests, m.FetchRequests);

        public static Totals operator +(Totals a, Totals b) =>
            new(a.Messages + b.Messages, a.BytesIn + b.BytesIn, a.BytesOut + b.BytesOut, a.Produces + b.Produces, a.Fetches + b.Fetches);
    }

    private sealed class Series
    {
        private readonly Queue<TrafficPoint> _points = new();
        private Totals _last;
        private DateTimeOffset _at;

        public TrafficRates Rates { get; private set; } = TrafficRates.None;

        public void Add(Totals total, DateTimeOffset now)
        {
            double seconds = (now - _at).TotalSeconds;
            if (_at != default && seconds > 0)
            {
                // A broker that was started again counts from zero.
                double Rate(long current, long before) => Math.Max(0, current - before) / seconds;
                Rates = new TrafficRates(
                    Rate(total.Messages, _last.Messages), Rate(total.BytesIn, _last.BytesIn), Rate(total.BytesOut, _last.BytesOut),
                    Rate(total.Produces, _last.Produces), Rate(total.Fetches, _last.Fetches));
                _points.Enqueue(new TrafficPoint(now, Rates));
                if (_points.Count > PointsMax)
                {
                    _points.Dequeue();
                }
            }
            (_last, _at) = (total, now);
        }

        public IReadOnlyList<TrafficPoint> History() => [.. _points];
    }
}
