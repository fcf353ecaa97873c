namespace Broker.Engine.Replication.Fetching;

/// <summary>
/// The broker's fetchers: num.replica.fetchers from each broker that leads something held here. Threads come with their first
/// partition and end with their last. After Kafka's ReplicaFetcherManager. Thread-safe.
/// </summary>
internal sealed class ReplicaFetcherManager : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(int Source, int Index), ReplicaFetcherThread> _threads = [];
    private readonly Dictionary<Partition, ReplicaFetcherThread> _byPartition = [];
    private readonly HashSet<Partition> _failed = [];
    private readonly Func<int, int, ReplicaFetcherThread> _make;
    private int _fetchers;
    private bool _stopped;
    private bool _isHeld;

    /// <param name="fetchers">num.replica.fetchers.</param>
    /// <param name="make">Makes a thread for a source and an index.</param>
    public ReplicaFetcherManager(int fetchers, Func<int, int, ReplicaFetcherThread> make)
    {
        _fetchers = fetchers;
        _make = make;
    }

    /// <summary>The threads.</summary>
    public IReadOnlyList<ReplicaFetcherThread> Threads
    {
        get
        {
            lock (_lock)
            {
                return [.. _threads.Values];
            }
        }
    }

    /// <summary>Partitions that are not followed any more because their log or their leader would not have it.</summary>
    public int FailedCount
    {
        get
        {
            lock (_lock)
            {
                return _failed.Count;
            }
        }
    }

    /// <summary>Lets no fetcher send anything until <see cref="Release"/>. A fetch that names the first of many partitions would be a
    /// long poll, and the others would wait for its end.</summary>
    public void Hold()
    {
        lock (_lock)
        {
            _isHeld = true;
            foreach (ReplicaFetcherThread thread in _threads.Values)
            {
                thread.Hold();
            }
        }
    }

    public void Release()
    {
        lock (_lock)
        {
            _isHeld = false;
            foreach (ReplicaFetcherThread thread in _threads.Values)
            {
                thread.Release();
            }
        }
    }

    /// <summary>Begins to follow; a partition that is followed already is followed anew.</summary>
    /// <exception cref="IOException">The log could not be brought to where following begins.</exception>
    public void Add(Partition partition, int source, int leaderEpoch)
    {
        lock (_lock)
        {
            RemoveOne(partition);
            if (_stopped)
            {
                return;
            }
            int index = (int)((uint)Hash(partition.Id) % (uint)_fetchers);
            if (!_threads.TryGetValue((source, index), out ReplicaFetcherThread? thread))
            {
                thread = _make(source, index);
                _threads.Add((source, index), thread);
                if (_isHeld)
                {
                    thread.Hold();
                }
                thread.Start();
            }
            thread.Add(partition, leaderEpoch);
            _byPartition[partition] = thread;
        }
    }

    /// <summary>Follows partitions no more: when it returns, their logs are not touched.</summary>
    public void Remove(IEnumerable<Partition> partitions)
    {
        lock (_lock)
        {
            foreach (Partition partition in partitions)
            {
                RemoveOne(partition);
            }
        }
    }

    private void RemoveOne(Partition partition)
    {
        _failed.Remove(partition);
        if (_byPartition.Remove(partition, out ReplicaFetcherThread? thread))
        {
            thread.Remove(partition);
        }
    }

    /// <summary>A fetcher gave a partition up; called by its thread.</summary>
    public void OnFailed(Partition partition)
    {
        // Not under the manager's lock: whoever holds it may be waiting for this fetcher's.
        _ = Task.Run(() =>
        {
            lock (_lock)
            {
                // It may have been added anew meanwhile.
                if (_byPartition.TryGetValue(partition, out ReplicaFetcherThread? thread) && !thread.Has(partition))
                {
                    _byPartition.Remove(partition);
                    _failed.Add(partition);
                }
            }
        });
    }

    /// <summary>Ends threads that have nothing to do.</summary>
    public void EndIdle()
    {
        List<ReplicaFetcherThread> idle = [];
        lock (_lock)
        {
            foreach (((int, int) key, ReplicaFetcherThread thread) in _threads)
            {
                if (thread.Count == 0)
                {
                    _threads.Remove(key);
                    idle.Add(thread);
                }
            }
        }
        idle.ForEach(t => t.Dispose());
    }

    /// <summary>The picture of the cluster has changed.</summary>
    public void Hurry()
    {
        foreach (ReplicaFetcherThread thread in Threads)
        {
            thread.Hurry();
        }
    }

    /// <summary>Takes another num.replica.fetchers: partitions go to other threads.</summary>
    public void Resize(int fetchers)
    {
        List<ReplicaFetcherThread> before;
        lock (_lock)
        {
            if (fetchers == _fetchers || _stopped)
            {
                return;
            }
            _fetchers = fetchers;
            Hold();
            List<(Partition Partition, int Source)> moved = [.. _byPartition.Select(p => (p.Key, p.Value.Source))];
            moved.ForEach(m => RemoveOne(m.Partition));
            before = [.. _threads.Values];
            _threads.Clear();
            foreach ((Partition partition, int source) in moved)
            {
                try
                {
                    Add(partition, source, partition.Role.LeaderEpoch);
                }
                catch (IOException)
                {
                    _failed.Add(partition);   // its log has failed, and has said so
                }
            }
            Release();
        }
        before.ForEach(t => t.Dispose());
    }

    /// <summary>Which fetcher a partition goes to, as Kafka chooses.</summary>
    private static int Hash(in TopicPartition partition)
    {
        int hash = 0;
        foreach (char c in partition.Topic)
        {
            hash = unchecked((31 * hash) + c);
        }
        return unchecked((31 * hash) + partition.Partition) & int.MaxValue;
    }

    public void Dispose()
    {
        List<ReplicaFetcherThread> threads;
        lock (_lock)
        {
            _stopped = true;
            threads = [.. _threads.Values];
            _threads.Clear();
            _byPartition.Clear();
        }
        threads.ForEach(t => t.Dispose());
    }
}
