namespace Broker.Engine.Admin.Hosted.Replicas;

/// <summary>A partition that is planned for. Its replicas are changed in place.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Replicas">The preferred leader first.</param>
/// <param name="Bytes">Size of a replica, 0 where it is not known.</param>
internal sealed record PlannedPartition(string Topic, int Partition, int[] Replicas, long Bytes);

/// <summary>
/// Finds an even spread with few moves: first every topic's replicas, then the replicas of all topics, differ between brokers by
/// one at most, small partitions moving first; then the preferred leaders likewise, by changing the order of replicas only, which
/// copies nothing. No partition loses racks by it. Cost: O(moves × partitions). Used once.
/// </summary>
internal sealed class RebalancePlanner
{
    private readonly IReadOnlyList<PlannedPartition> _partitions;
    private readonly int[] _brokers;
    private readonly Dictionary<int, string?> _racks;
    private readonly Load _all = new();
    private readonly Dictionary<string, Load> _topics = new(StringComparer.Ordinal);

    /// <param name="partitions">What may be changed, small ones first.</param>
    /// <param name="brokers">Who may hold something of it, with their racks.</param>
    public RebalancePlanner(IEnumerable<PlannedPartition> partitions, IReadOnlyList<(int Id, string? Rack)> brokers)
    {
        _partitions = [.. partitions.OrderBy(p => p.Bytes).ThenBy(p => p.Topic, StringComparer.Ordinal).ThenBy(p => p.Partition)];
        _brokers = [.. brokers.Select(b => b.Id).Order()];
        _racks = brokers.All(b => b.Rack is not null) ? brokers.ToDictionary(b => b.Id, b => b.Rack) : [];
        foreach (PlannedPartition partition in _partitions)
        {
            Load topic = LoadOf(partition);
            foreach (int replica in partition.Replicas)
            {
                _all.Add(replica, 1);
                topic.Add(replica, 1);
            }
            _all.AddLeader(partition.Replicas[0], 1);
            topic.AddLeader(partition.Replicas[0], 1);
        }
    }

    /// <summary>Moves what lies on brokers that shall hold nothing.</summary>
    /// <returns>Null, or a partition for which there are too few other brokers.</returns>
    public PlannedPartition? Empty(IReadOnlySet<int> without)
    {
        foreach (PlannedPartition partition in _partitions)
        {
            foreach (int from in partition.Replicas.Where(without.Contains).ToArray())
            {
                Load topic = LoadOf(partition);
                int[] free = [.. _brokers.Where(b => !partition.Replicas.Contains(b)).OrderBy(b => topic.Of(b)).ThenBy(b => _all.Of(b))];
                if (free.Length == 0)
                {
                    return partition;
                }
                Move(partition, from, free.FirstOrDefault(b => KeepsRacks(partition, from, b), free[0]));
            }
        }
        return null;
    }

    /// <summary>Spreads replicas over the brokers.</summary>
    public void SpreadReplicas()
    {
        foreach (IGrouping<string, PlannedPartition> topic in _partitions.GroupBy(p => p.Topic))
        {
            PlannedPartition[] own = [.. topic];
            Load load = _topics[topic.Key];
            while (TryMove(own, load, isOfTopic: true))
            {
                // until the topic is even
            }
        }
        while (TryMove(_partitions, _all, isOfTopic: false))
        {
            // until all are
        }
    }

    /// <summary>One replica from a broker that has two more than another.</summary>
    private bool TryMove(IReadOnlyList<PlannedPartition> partitions, Load load, bool isOfTopic)
    {
        foreach (int from in _brokers.OrderByDescending(load.Of).ThenByDescending(_all.Of))
        {
            foreach (int to in _brokers.OrderBy(load.Of).ThenBy(_all.Of))
            {
                if (load.Of(from) - load.Of(to) <= 1)
                {
                    break;
                }
                foreach (PlannedPartition partition in partitions)
                {
                    if (partition.Replicas.Contains(from) && !partition.Replicas.Contains(to) && KeepsRacks(partition, from, to)
                        && (isOfTopic || LoadOf(partition).Of(from) > LoadOf(partition).Of(to)))
                    {
                        Move(partition, from, to);
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private void Move(PlannedPartition partition, int from, int to)
    {
        int at = Array.IndexOf(partition.Replicas, from);
        partition.Replicas[at] = to;
        foreach (Load load in (ReadOnlySpan<Load>)[_all, LoadOf(partition)])
        {
            load.Add(from, -1);
            load.Add(to, 1);
            if (at == 0)
            {
                load.AddLeader(from, -1);
                load.AddLeader(to, 1);
            }
        }
    }

    private bool KeepsRacks(PlannedPartition partition, int from, int to)
    {
        if (_racks.Count == 0 || !_racks.ContainsKey(from))
        {
            return true;
        }
        int before = partition.Replicas.Select(r => _racks.GetValueOrDefault(r)).Distinct().Count();
        int after = partition.Replicas.Select(r => _racks.GetValueOrDefault(r == from ? to : r)).Distinct().Count();
        return after >= before;
    }

    /// <summary>Spreads preferred leaders over the replicas there are.</summary>
    public void SpreadLeaders()
    {
        foreach (IGrouping<string, PlannedPartition> topic in _partitions.GroupBy(p => p.Topic))
        {
            PlannedPartition[] own = [.. topic];
            Load load = _topics[topic.Key];
            while (TryLead(own, load, isOfTopic: true))
            {
                // until the topic is even
            }
        }
        while (TryLead(_partitions, _all, isOfTopic: false))
        {
            // until all are
        }
    }

    /// <summary>Takes one leadership from a broker that has two more than another, along a chain of partitions: each hands its
    /// lead to a replica of it, which hands on one of its own.</summary>
    private bool TryLead(IReadOnlyList<PlannedPartition> partitions, Load load, bool isOfTopic)
    {
        ILookup<int, PlannedPartition> led = partitions.ToLookup(p => p.Replicas[0]);
        foreach (int from in _brokers.OrderByDescending(load.Leads))
        {
            var came = new Dictionary<int, (int Broker, PlannedPartition By)>();
            var queue = new Queue<int>([from]);
            while (queue.TryDequeue(out int at))
            {
                if (at != from && load.Leads(from) - load.Leads(at) > 1)
                {
                    Follow(came, from, at);
                    return true;
                }
                foreach (PlannedPartition partition in led[at])
                {
                    Load topic = LoadOf(partition);
                    foreach (int next in partition.Replicas)
                    {
                        if (next != from && !came.ContainsKey(next) && Array.IndexOf(_brokers, next) >= 0
                            && (isOfTopic || topic.Leads(at) > topic.Leads(next)))
                        {
                            came[next] = (at, partition);
                            queue.Enqueue(next);
                        }
                    }
                }
            }
        }
        return false;
    }

    private void Follow(Dictionary<int, (int Broker, PlannedPartition By)> came, int from, int to)
    {
        for (int at = to; at != from;)
        {
            (int before, PlannedPartition partition) = came[at];
            int place = Array.IndexOf(partition.Replicas, at);
            (partition.Replicas[0], partition.Replicas[place]) = (partition.Replicas[place], partition.Replicas[0]);
            foreach (Load load in (ReadOnlySpan<Load>)[_all, LoadOf(partition)])
            {
                load.AddLeader(before, -1);
                load.AddLeader(at, 1);
            }
            at = before;
        }
    }

    private Load LoadOf(PlannedPartition partition) =>
        _topics.TryGetValue(partition.Topic, out Load? load) ? load : _topics[partition.Topic] = new Load();

    /// <summary>Replicas and leaders by broker.</summary>
    private sealed class Load
    {
        private readonly Dictionary<int, int> _replicas = [];
        private readonly Dictionary<int, int> _leaders = [];

        public int Of(int broker) => _replicas.GetValueOrDefault(broker);

        public int Leads(int broker) => _leaders.GetValueOrDefault(broker);

        public void Add(int broker, int count) => _replicas[broker] = Of(broker) + count;

        public void AddLeader(int broker, int count) => _leaders[broker] = Leads(broker) + count;
    }
}
