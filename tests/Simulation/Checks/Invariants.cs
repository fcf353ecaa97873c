using Broker.Engine;
using Broker.Engine.Replication;
using Simulation.World;

namespace Simulation.Checks;

/// <summary>
/// What must hold inside the brokers after every step: offsets in their order, one leader an epoch, one active controller an
/// epoch, in-sync replicas among the assigned, and replicas equal below the high watermark. Only what changed is looked at.
/// Not thread-safe.
/// </summary>
internal sealed class Invariants
{
    private readonly SimCluster _cluster;
    private readonly History _history;
    private readonly PowerLosses _losses;
    private readonly Dictionary<(Guid Topic, int Partition), Committed> _committed = [];
    private readonly Dictionary<TopicPart, long> _committedEnds = [];
    private readonly Dictionary<(Guid Topic, int Partition, int Epoch), int> _leaders = [];
    private readonly Dictionary<int, int> _controllers = [];
    private readonly Dictionary<(SimProcess, Guid, int), Seen> _seen = [];
    private readonly Held[] _held;

    public Invariants(SimCluster cluster, History history)
    {
        _cluster = cluster;
        _history = history;
        _losses = new PowerLosses(cluster);
        _held = [.. cluster.Brokers.Select(_ => new Held())];
        cluster.LosingPower = _losses.Happened;
    }

    /// <summary>The partitions that one broker holds, as they were when last looked at.</summary>
    private sealed class Held
    {
        public PartitionTable? Table { get; set; }

        public int Changes { get; set; }

        public List<Seen> Partitions { get; } = [];
    }

    /// <summary>One replica in one life of its broker.</summary>
    private sealed class Seen(TopicPart part, Committed committed)
    {
        public TopicPart Part => part;

        public Committed Committed => committed;

        public required Partition Partition { get; set; }

        public PartitionRole? Role { get; set; }

        public int Epoch { get; set; } = -1;

        public long HighWatermark { get; set; }

        public long Start { get; set; }

        public long LastStable { get; set; }

        public long End { get; set; } = -1;

        public long Compared { get; set; }
    }

    public long CommittedEndOf(TopicPart part) => _committedEnds.GetValueOrDefault(part);

    /// <summary>Looks at what an event may have changed.</summary>
    /// <param name="owner">Whose event it was: it reaches others only by events of theirs. Null for all.</param>
    public void Check(SimProcess? owner)
    {
        if (owner is null)
        {
            for (int i = 0; i < _held.Length; i++)
            {
                Check(_cluster.Brokers[i]);
            }
        }
        else if (owner.Broker is { } broker && broker.Process == owner)
        {
            Check(broker);
        }
    }

    private void Check(SimBroker broker)
    {
        if (broker is not { Process: { IsDead: false } process, Server: { } server })
        {
            return;
        }
        if (server.Membership.Controller is { IsActive: true } controller
            && _controllers.TryAdd(controller.Epoch, broker.Id) is false && _controllers[controller.Epoch] != broker.Id)
        {
            _history.Fail($"14: brokers {_controllers[controller.Epoch]} and {broker.Id} are controllers of epoch {controller.Epoch}");
        }
        if (server.Replicas is null)
        {
            return;
        }
        Held held = _held[broker.Id];
        PartitionTable table = server.Replicas.Partitions;
        if (held.Table != table || held.Changes != table.Changes)
        {
            held.Table = table;
            held.Changes = table.Changes;
            held.Partitions.Clear();
            held.Partitions.AddRange(table.Partitions.Select(p => SeenOf(process, p)));
        }
        broker.IsLookedAt = true;
        foreach (Seen seen in held.Partitions)
        {
            Partition partition = seen.Partition;
            if (!ReferenceEquals(seen.Role, partition.Role) || seen.HighWatermark != partition.HighWatermark
                || seen.End != partition.Log.LogEndOffset || seen.Start != partition.Log.LogStartOffset
                || seen.LastStable != partition.LastStableOffset)
            {
                Check(broker, process, seen);
            }
        }
        broker.IsLookedAt = false;
    }

    private Seen SeenOf(SimProcess process, Partition partition)
    {
        Guid topic = partition.Topic.Id;
        var part = new TopicPart(partition.Topic.Name, partition.Index);
        if (!_committed.TryGetValue((topic, partition.Index), out Committed? committed))
        {
            _committed.Add((topic, partition.Index), committed = new Committed(part));
        }
        if (!_seen.TryGetValue((process, topic, partition.Index), out Seen? seen))
        {
            _seen.Add((process, topic, partition.Index), seen = new Seen(part, committed) { Partition = partition });
        }
        seen.Partition = partition;
        seen.End = -1;   // so that it is looked at
        return seen;
    }

    private void Check(SimBroker broker, SimProcess process, Seen seen)
    {
        Partition partition = seen.Partition;
        PartitionRole role = partition.Role;
        long start = partition.Log.LogStartOffset;
        long end = partition.Log.LogEndOffset;
        long highWatermark = partition.HighWatermark;
        if (partition.LastStableOffset > highWatermark || highWatermark > end || start > end)
        {
            _history.Fail(
                $"13: {process.Name} {seen.Part}: start {start}, last stable {partition.LastStableOffset}, high watermark {highWatermark}, end {end}");
        }
        if (!ReferenceEquals(seen.Role, role))
        {
            LogRole(process, seen, role);
            seen.Role = role;
        }
        if (role.IsLeader)
        {
            CheckLeader(broker, process, seen, role);
        }
        Compare(process, seen);
        _losses.MaybeMended(broker, partition, seen.Part, seen.Committed);
        seen.Epoch = role.IsLeader ? role.LeaderEpoch : -1;
        seen.HighWatermark = highWatermark;
        seen.LastStable = partition.LastStableOffset;
        seen.Start = start;
        seen.End = end;
    }

    private void LogRole(SimProcess process, Seen seen, PartitionRole role)
    {
        if (seen.Role is not { } before || before.LeaderEpoch != role.LeaderEpoch || before.PartitionEpoch != role.PartitionEpoch)
        {
            _cluster.World.Log(
                $"{process.Name} {seen.Part}: {(role.IsLeader ? "leads" : $"follows {role.Leader}")} in epoch {role.LeaderEpoch}.{role.PartitionEpoch}, " +
                $"in sync {string.Join(',', role.InSyncReplicas)}, high watermark {seen.Partition.HighWatermark}, end {seen.Partition.Log.LogEndOffset}");
        }
    }

    private void CheckLeader(SimBroker broker, SimProcess process, Seen seen, PartitionRole role)
    {
        Partition partition = seen.Partition;
        (Guid, int, int) key = (partition.Topic.Id, partition.Index, role.LeaderEpoch);
        if (!_leaders.TryAdd(key, broker.Id) && _leaders[key] != broker.Id)
        {
            _history.Fail($"14: brokers {_leaders[key]} and {broker.Id} lead {seen.Part} in epoch {role.LeaderEpoch}");
        }
        if (seen.Epoch == role.LeaderEpoch && partition.HighWatermark < seen.HighWatermark)
        {
            _history.Fail($"13: {process.Name} {seen.Part}: high watermark back from {seen.HighWatermark} to {partition.HighWatermark}");
        }
        if (role.InSyncReplicas.AsSpan().ContainsAnyExcept(role.AssignedReplicas) || !role.InSyncReplicas.Contains(broker.Id))
        {
            _history.Fail(
                $"15: {process.Name} {seen.Part}: in sync are [{string.Join(',', role.InSyncReplicas)}], " +
                $"assigned [{string.Join(',', role.AssignedReplicas)}]");
        }
        if (seen.Epoch != role.LeaderEpoch && !_history.IsTainted(seen.Part))
        {
            CheckTakeover(broker, process, seen, role);
        }
        Committed committed = seen.Committed;
        if (partition.HighWatermark > committed.End)
        {
            committed.Add(partition, role.LeaderEpoch);
            _committedEnds[seen.Part] = Math.Max(committed.End, CommittedEndOf(seen.Part));
        }
    }

    /// <summary>Whoever begins to lead has all that was committed before.</summary>
    private void CheckTakeover(SimBroker broker, SimProcess process, Seen seen, PartitionRole role)
    {
        Partition partition = seen.Partition;
        long needed = seen.Committed.EndBefore(role.LeaderEpoch);
        string? lack = partition.Log.LogEndOffset < needed
            ? $"its end is {partition.Log.LogEndOffset}, where {needed} was committed"
            : seen.Committed.Difference(partition, Math.Min(seen.Compared, needed), needed);
        if (lack is null)
        {
            return;
        }
        if (_losses.Excuse(broker, seen.Part, role))
        {
            _history.Taint(seen.Part);
            return;
        }
        _history.Fail($"3: {process.Name} leads {seen.Part} in epoch {role.LeaderEpoch}: {lack}");
    }

    /// <summary>Compares what this replica has below its high watermark, and has not been compared yet, with what was
    /// committed.</summary>
    private void Compare(SimProcess process, Seen seen)
    {
        Partition partition = seen.Partition;
        seen.Compared = Math.Min(seen.Compared, partition.Log.LogEndOffset);
        if (partition.HighWatermark <= seen.Compared || _history.IsTainted(seen.Part))
        {
            return;
        }
        if (partition.HighWatermark > seen.Committed.End)
        {
            _history.Fail(
                $"13: {process.Name} {seen.Part}: high watermark {partition.HighWatermark}, but only {seen.Committed.End} was ever committed by a leader");
            return;
        }
        if (seen.Committed.Difference(partition, seen.Compared, partition.HighWatermark) is { } difference)
        {
            _history.Fail($"13: {process.Name} {seen.Part}: {difference}");
        }
        seen.Compared = partition.HighWatermark;
    }

    /// <summary>At rest: every partition has its leader, and every broker the same picture of it as the tree.</summary>
    /// <returns>What is not as it must be, or null.</returns>
    public string? Unrest(IEnumerable<TopicPart> parts)
    {
        foreach (TopicPart part in parts)
        {
            if (_cluster.StateOf(part.Topic, part.Partition) is not { } state)
            {
                return $"14: the tree has no state of {part}";
            }
            if (state.Leader < 0)
            {
                return $"14: {part} has no leader, though all brokers are up: {state}";
            }
            IReadOnlyList<int> replicas = _cluster.ReplicasOf(part);
            if (replicas.Any(r => !state.InSyncReplicas.Contains(r)))
            {
                return $"15: {part} is held by [{string.Join(',', replicas)}], but in sync are only [{string.Join(',', state.InSyncReplicas)}]";
            }
            foreach (SimBroker broker in _cluster.Brokers)
            {
                var image = broker.Server!.Metadata.Current.Partition(part.Topic, part.Partition);
                if (image is null || image.Leader != state.Leader || image.LeaderEpoch != state.LeaderEpoch)
                {
                    return $"14: broker {broker.Id} believes {part} is led by {image?.Leader} in epoch {image?.LeaderEpoch}, the tree has {state}";
                }
                if (!_history.IsTainted(part) && Unrest(broker, part, replicas, state.InSyncReplicas.Contains(broker.Id)) is { } unrest)
                {
                    return unrest;
                }
            }
        }
        return null;
    }

    private string? Unrest(SimBroker broker, TopicPart part, IReadOnlyList<int> replicas, bool isInSync)
    {
        long end = CommittedEndOf(part);
        Partition? partition = broker.Server!.Replicas.Partitions.Find(new TopicPartition(part.Topic, part.Partition));
        if (partition is not null && !replicas.Contains(broker.Id))
        {
            return $"14: broker {broker.Id} holds {part}, which is assigned to [{string.Join(',', replicas)}]";
        }
        if (partition is not null && (partition.Log.LogEndOffset != end || partition.HighWatermark != end))
        {
            return $"13: broker {broker.Id} {part}: end {partition.Log.LogEndOffset}, high watermark {partition.HighWatermark}, committed {end}, at rest";
        }
        return isInSync && (partition is null || partition.Log.LogEndOffset < end)
            ? $"3: broker {broker.Id} is in sync for {part} with end {partition?.Log.LogEndOffset}, where {end} was committed" : null;
    }
}
