using Broker.Engine;
using Broker.Engine.Replication;
using Broker.Protocol.Records;
using Simulation.World;

namespace Simulation.Checks;

/// <summary>
/// What must hold inside the brokers after every step: offsets in their order, one leader an epoch, one active controller an
/// epoch, in-sync replicas among the assigned, and replicas equal below the high watermark. Not thread-safe.
/// </summary>
internal sealed class Invariants(SimCluster cluster, History history)
{
    private readonly Dictionary<(Guid Topic, int Partition), Committed> _committed = [];
    private readonly Dictionary<(Guid Topic, int Partition, int Epoch), int> _leaders = [];
    private readonly Dictionary<int, int> _controllers = [];
    private readonly Dictionary<(SimProcess, Guid, int), Seen> _seen = [];
    private readonly HashSet<(TopicPart Part, int Broker)> _weak = [];

    /// <summary>What all in-sync replicas had, by batch.</summary>
    private sealed class Committed(TopicPart part)
    {
        public TopicPart Part { get; } = part;

        public long End { get; set; }

        /// <summary>How far the leader of each epoch committed.</summary>
        public Dictionary<int, long> EndOfEpoch { get; } = [];

        /// <summary>What a leader of an epoch must have: all that those before it committed.</summary>
        public long EndBefore(int epoch) => EndOfEpoch.Where(e => e.Key < epoch).Select(e => e.Value).DefaultIfEmpty(0).Max();

        public SortedList<long, (uint Crc, int Epoch, long Last)> Batches { get; } = [];
    }

    private sealed class Seen
    {
        public PartitionRole? Role { get; set; }

        public int Epoch { get; set; } = -1;

        public long HighWatermark { get; set; }

        public long Compared { get; set; }
    }

    public long CommittedEndOf(TopicPart part) =>
        _committed.Values.Where(c => c.Part == part).Select(c => c.End).DefaultIfEmpty(0).Max();

    /// <summary>Looks at what an event may have changed.</summary>
    /// <param name="owner">Whose event it was: it reaches others only by events of theirs. Null for all.</param>
    public void Check(SimProcess? owner)
    {
        foreach (SimBroker broker in cluster.Brokers)
        {
            if (broker is not { Process: { IsDead: false } process, Server: { } server } || (owner is not null && owner != process))
            {
                continue;
            }
            if (server.Membership.Controller is { IsActive: true } controller
                && _controllers.TryAdd(controller.Epoch, broker.Id) is false && _controllers[controller.Epoch] != broker.Id)
            {
                history.Fail($"14: brokers {_controllers[controller.Epoch]} and {broker.Id} are controllers of epoch {controller.Epoch}");
            }
            if (server.Replicas is null)
            {
                continue;
            }
            foreach (Partition partition in server.Replicas.Partitions.Partitions)
            {
                Check(broker, process, partition);
            }
        }
    }

    private void Check(SimBroker broker, SimProcess process, Partition partition)
    {
        var part = new TopicPart(partition.Topic.Name, partition.Index);
        long start = partition.Log.LogStartOffset;
        long end = partition.Log.LogEndOffset;
        long highWatermark = partition.HighWatermark;
        if (partition.LastStableOffset > highWatermark || highWatermark > end || start > end)
        {
            history.Fail(
                $"13: {process.Name} {part}: start {start}, last stable {partition.LastStableOffset}, high watermark {highWatermark}, end {end}");
        }
        PartitionRole role = partition.Role;
        Guid id = partition.Topic.Id;
        if (!_seen.TryGetValue((process, id, partition.Index), out Seen? seen))
        {
            _seen.Add((process, id, partition.Index), seen = new Seen());
        }
        if (!ReferenceEquals(seen.Role, role))
        {
            LogRole(process, part, partition, role, seen.Role);
            if (_weak.Count > 0 && role.InSyncReplicas.Length > 0 && role.InSyncReplicas.All(r => _weak.Contains((part, r))))
            {
                history.Taint(part);   // the others left before the controller knew of the power failure, as they may in Kafka
            }
            seen.Role = role;
        }
        if (role.IsLeader)
        {
            CheckLeader(broker, process, part, partition, role, seen);
        }
        Compare(process, part, partition, seen);
        seen.Epoch = role.IsLeader ? role.LeaderEpoch : -1;
        seen.HighWatermark = highWatermark;
    }

    private void LogRole(SimProcess process, TopicPart part, Partition partition, PartitionRole role, PartitionRole? before)
    {
        if (before is null || before.LeaderEpoch != role.LeaderEpoch || before.PartitionEpoch != role.PartitionEpoch)
        {
            cluster.World.Log(
                $"{process.Name} {part}: {(role.IsLeader ? "leads" : $"follows {role.Leader}")} in epoch {role.LeaderEpoch}.{role.PartitionEpoch}, " +
                $"in sync {string.Join(',', role.InSyncReplicas)}, high watermark {partition.HighWatermark}, end {partition.Log.LogEndOffset}");
        }
    }

    private void CheckLeader(SimBroker broker, SimProcess process, TopicPart part, Partition partition, PartitionRole role, Seen seen)
    {
        (Guid, int, int) key = (partition.Topic.Id, partition.Index, role.LeaderEpoch);
        if (!_leaders.TryAdd(key, broker.Id) && _leaders[key] != broker.Id)
        {
            history.Fail($"14: brokers {_leaders[key]} and {broker.Id} lead {part} in epoch {role.LeaderEpoch}");
        }
        if (seen.Epoch == role.LeaderEpoch && partition.HighWatermark < seen.HighWatermark)
        {
            history.Fail($"13: {process.Name} {part}: high watermark back from {seen.HighWatermark} to {partition.HighWatermark}");
        }
        if (Array.Exists(role.InSyncReplicas, r => !role.AssignedReplicas.Contains(r)) || !role.InSyncReplicas.Contains(broker.Id))
        {
            history.Fail($"15: {process.Name} {part}: in sync are [{string.Join(',', role.InSyncReplicas)}], assigned [{string.Join(',', role.AssignedReplicas)}]");
        }
        if (_weak.Count > 0)
        {
            _weak.RemoveWhere(w => w.Part == part && !role.InSyncReplicas.Contains(w.Broker));
        }
        Committed committed = CommittedOf(part, partition);
        if (seen.Epoch != role.LeaderEpoch && !history.IsTainted(part))
        {
            long needed = committed.EndBefore(role.LeaderEpoch);
            if (partition.Log.LogEndOffset < needed)
            {
                history.Fail(
                    $"3: {process.Name} leads {part} in epoch {role.LeaderEpoch} with end {partition.Log.LogEndOffset}, where {needed} was committed");
            }
            CompareTo(process, part, partition, committed, seen.Compared, needed);
        }
        if (partition.HighWatermark > committed.End)
        {
            foreach ((long first, (uint Crc, int Epoch, long Last) batch) in Read(partition, committed.End, partition.HighWatermark))
            {
                committed.Batches[first] = batch;
            }
            committed.End = partition.HighWatermark;
            committed.EndOfEpoch[role.LeaderEpoch] = partition.HighWatermark;
        }
    }

    private Committed CommittedOf(TopicPart part, Partition partition)
    {
        (Guid, int) key = (partition.Topic.Id, partition.Index);
        if (!_committed.TryGetValue(key, out Committed? committed))
        {
            _committed.Add(key, committed = new Committed(part));
        }
        return committed;
    }

    /// <summary>Compares what this replica has below its high watermark, and has not been compared yet, with what was
    /// committed.</summary>
    private void Compare(SimProcess process, TopicPart part, Partition partition, Seen seen)
    {
        seen.Compared = Math.Min(seen.Compared, partition.Log.LogEndOffset);
        if (partition.HighWatermark <= seen.Compared || history.IsTainted(part))
        {
            return;
        }
        Committed committed = CommittedOf(part, partition);
        if (partition.HighWatermark > committed.End)
        {
            history.Fail($"13: {process.Name} {part}: high watermark {partition.HighWatermark}, but only {committed.End} was ever committed by a leader");
            return;
        }
        CompareTo(process, part, partition, committed, seen.Compared, partition.HighWatermark);
        seen.Compared = partition.HighWatermark;
    }

    private void CompareTo(SimProcess process, TopicPart part, Partition partition, Committed committed, long from, long to)
    {
        foreach ((long first, (uint Crc, int Epoch, long Last) batch) in Read(partition, from, to))
        {
            if (!committed.Batches.TryGetValue(first, out (uint Crc, int Epoch, long Last) other) || other != batch)
            {
                history.Fail($"13: {process.Name} {part}: the batch at {first} is {batch}, where {other} was committed");
                return;
            }
        }
    }

    /// <summary>A machine loses its power: what its replicas had not synced may be gone. Where no other in-sync replica has it,
    /// it is lost.</summary>
    public void LosesPower(int id)
    {
        foreach (TopicPart part in cluster.Partitions())
        {
            if (cluster.StateOf(part.Topic, part.Partition) is not { } state || !state.InSyncReplicas.Contains(id))
            {
                continue;
            }
            _weak.Add((part, id));
            if (state.InSyncReplicas.All(r => _weak.Contains((part, r))))
            {
                history.Taint(part);
            }
        }
    }

    private static List<(long First, (uint Crc, int Epoch, long Last) Batch)> Read(Partition partition, long from, long to)
    {
        var found = new List<(long, (uint, int, long))>();
        from = Math.Max(from, partition.Log.LogStartOffset);
        while (from < to && partition.Log.Copy(from, 1 << 16, to) is { } bytes)
        {
            long before = from;
            var batches = new BatchCursor(bytes);
            while (batches.MoveNext())
            {
                RecordBatchView batch = batches.Batch;
                found.Add((batch.BaseOffset, (batch.Crc, batch.PartitionLeaderEpoch, batch.LastOffset)));
                from = batch.NextOffset;
            }
            if (from == before)
            {
                break;
            }
        }
        return found;
    }

    /// <summary>At rest: every partition has its leader, and every broker the same picture of it as the tree.</summary>
    public void CheckEnd(IEnumerable<TopicPart> parts)
    {
        foreach (TopicPart part in parts)
        {
            if (cluster.StateOf(part.Topic, part.Partition) is not { } state)
            {
                history.Fail($"14: the tree has no state of {part}");
                continue;
            }
            if (state.Leader < 0)
            {
                history.Fail($"14: {part} has no leader, though all brokers are up: {state}");
            }
            long end = CommittedEndOf(part);
            IReadOnlyList<int> replicas = cluster.ReplicasOf(part);
            if (replicas.Any(r => !state.InSyncReplicas.Contains(r)))
            {
                history.Fail($"15: {part} is held by [{string.Join(',', replicas)}], but in sync are only [{string.Join(',', state.InSyncReplicas)}]");
            }
            foreach (SimBroker broker in cluster.Brokers)
            {
                var image = broker.Server!.Metadata.Current.Partition(part.Topic, part.Partition);
                if (image is null || image.Leader != state.Leader || image.LeaderEpoch != state.LeaderEpoch)
                {
                    history.Fail($"14: broker {broker.Id} believes {part} is led by {image?.Leader} in epoch {image?.LeaderEpoch}, the tree has {state}");
                }
                Partition? partition = broker.Server.Replicas.Partitions.Find(new TopicPartition(part.Topic, part.Partition));
                if (partition is not null && !history.IsTainted(part)
                    && (partition.Log.LogEndOffset != end || partition.HighWatermark != end))
                {
                    history.Fail(
                        $"13: broker {broker.Id} {part}: end {partition.Log.LogEndOffset}, high watermark {partition.HighWatermark}, committed {end}, at rest");
                }
                if (state.InSyncReplicas.Contains(broker.Id) && !history.IsTainted(part)
                    && (partition is null || partition.Log.LogEndOffset < end))
                {
                    history.Fail($"3: broker {broker.Id} is in sync for {part} with end {partition?.Log.LogEndOffset}, where {end} was committed");
                }
            }
        }
    }
}
