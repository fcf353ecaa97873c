using Broker.Engine.Coordination;

namespace Broker.Engine.Controller;

/// <summary>How the controller writes states of partitions.</summary>
internal sealed partial class ClusterController
{
    /// <summary>State changes in one transaction: far below the megabyte that one may have.</summary>
    private const int ChangesPerMulti = 500;

    private const int ReadsAtOnce = 1000;

    /// <summary>Decisions on a partition whose state others change at the same time.</summary>
    private const int DecisionsMax = 10;

    /// <summary>Decides on partitions and writes what is decided; where another has changed a state meanwhile, decides
    /// again.</summary>
    private async Task<List<ControlledPartition>> DecideAsync(
        IReadOnlyCollection<ControlledPartition> partitions,
        Func<IReadOnlyCollection<ControlledPartition>, List<(ControlledPartition Partition, PartitionStateNode State)>> decide)
    {
        var done = new List<ControlledPartition>();
        for (int attempt = 0; partitions.Count > 0 && attempt < DecisionsMax; attempt++)
        {
            List<(ControlledPartition Partition, PartitionStateNode State)> changes = decide(partitions);
            List<ControlledPartition> written = await CommitAsync(changes).ConfigureAwait(false);
            done.AddRange(written);
            partitions = written.Count == changes.Count ? [] : [.. changes.Select(c => c.Partition).Except(written)];
        }
        return done;
    }

    /// <summary>Writes new states on condition that this is still the controller, and takes them over. Transactions are on
    /// their way at the same time. A partition whose state another has changed meanwhile is read again and left as it is.</summary>
    /// <returns>The partitions whose state was written.</returns>
    /// <exception cref="CoordinationException">Another broker is the controller (BadVersion), or the tree cannot be
    /// reached.</exception>
    private async Task<List<ControlledPartition>> CommitAsync(List<(ControlledPartition Partition, PartitionStateNode State)> changes)
    {
        var done = new List<ControlledPartition>(changes.Count);
        changes = [.. changes.Select(c => (c.Partition, c.State with { ControllerEpoch = _epoch }))];
        while (changes.Count > 0)
        {
            var parents = new HashSet<string>(StringComparer.Ordinal);
            List<(StateTransaction Transaction, Task<MultiResult> Result)> under = [];
            foreach ((ControlledPartition Partition, PartitionStateNode State)[] some in changes.Chunk(ChangesPerMulti))
            {
                StateTransaction transaction = await BuildAsync(some, parents).ConfigureAwait(false);
                under.Add((transaction, WriteAsync(transaction.Operations).AsTask()));
            }
            var again = new List<(ControlledPartition, PartitionStateNode)>();
            foreach ((StateTransaction transaction, Task<MultiResult> running) in under)
            {
                MultiResult result = await running.ConfigureAwait(false);
                if (result.Error == CoordinationError.None)
                {
                    transaction.TakeOver(result);
                    done.AddRange(transaction.Changes.Select(c => c.Partition));
                }
                else
                {
                    again.AddRange(await WithoutRefusedAsync(transaction, result, done).ConfigureAwait(false));
                }
            }
            changes = again;
        }
        return done;
    }

    private async Task<StateTransaction> BuildAsync(
        (ControlledPartition Partition, PartitionStateNode State)[] changes, HashSet<string> parents)
    {
        var transaction = new StateTransaction(changes);
        transaction.Add(null, CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion));
        foreach ((ControlledPartition partition, PartitionStateNode state) in changes)
        {
            string topic = partition.Topic.Name;
            string path = ClusterPaths.PartitionState(topic, partition.Index);
            byte[] data = ClusterJson.PartitionState(state);
            if (partition.State is { } known)
            {
                transaction.Add(partition, CoordinationOperation.Set(path, data, known.Version));
                continue;
            }
            string parent = ClusterPaths.Partitions(topic);
            if (!partition.Topic.HasStates && parents.Add(parent)
                && (await _session.ExistsAsync(parent, Stopping).ConfigureAwait(false)).Error == CoordinationError.NoNode)
            {
                transaction.Add(partition, CoordinationOperation.Create(parent, default));
            }
            transaction.Add(partition, CoordinationOperation.Create(ClusterPaths.Partition(topic, partition.Index), default));
            transaction.Add(partition, CoordinationOperation.Create(path, data));
        }
        return transaction;
    }

    /// <summary>Reads many nodes, with the requests on their way at the same time.</summary>
    private async Task<GetResult[]> GetAllAsync(IReadOnlyList<string> paths)
    {
        var results = new GetResult[paths.Count];
        var running = new List<Task<GetResult>>(Math.Min(paths.Count, ReadsAtOnce));
        for (int from = 0; from < paths.Count; from += ReadsAtOnce)
        {
            int to = Math.Min(paths.Count, from + ReadsAtOnce);
            for (int i = from; i < to; i++)
            {
                running.Add(_session.GetAsync(paths[i], Stopping).AsTask());
            }
            for (int i = from; i < to; i++)
            {
                results[i] = await running[i - from].ConfigureAwait(false);
            }
            running.Clear();
        }
        return results;
    }

    /// <summary>What is left to write of a transaction that was refused: all but the change that stood in the way.</summary>
    private async Task<IEnumerable<(ControlledPartition, PartitionStateNode)>> WithoutRefusedAsync(
        StateTransaction transaction, MultiResult result, List<ControlledPartition> done)
    {
        if (result.Error is not (CoordinationError.BadVersion or CoordinationError.NodeExists or CoordinationError.NoNode)
            || transaction.Owners[result.FailedIndex] is not { } refused)
        {
            throw new CoordinationException(result.Error, ClusterPaths.Topics);
        }
        if (result.Error == CoordinationError.NoNode && refused.State is null
            && (await _session.ExistsAsync(ClusterPaths.Topic(refused.Topic.Name), Stopping).ConfigureAwait(false)).Error
                == CoordinationError.None)
        {
            return transaction.Changes;   // its parent was in a transaction that was refused
        }
        await ReadStateAsync(refused).ConfigureAwait(false);
        PartitionStateNode wanted = Array.Find(transaction.Changes, c => c.Partition == refused).State;
        if (refused.State is { } now && ClusterJson.PartitionState(now).AsSpan().SequenceEqual(ClusterJson.PartitionState(wanted)))
        {
            done.Add(refused);   // this controller's own write, whose answer was lost
        }
        return transaction.Changes.Where(c => c.Partition != refused);
    }

    /// <summary>Operations that are written together, each with the partition whose it is.</summary>
    private sealed class StateTransaction((ControlledPartition Partition, PartitionStateNode State)[] changes)
    {
        public (ControlledPartition Partition, PartitionStateNode State)[] Changes { get; } = changes;

        public List<CoordinationOperation> Operations { get; } = [];

        public List<ControlledPartition?> Owners { get; } = [];

        public void Add(ControlledPartition? owner, CoordinationOperation operation)
        {
            Operations.Add(operation);
            Owners.Add(owner);
        }

        public void TakeOver(MultiResult result)
        {
            // The last operation of each partition wrote its state.
            var versions = new Dictionary<ControlledPartition, int>();
            for (int i = 0; i < Owners.Count; i++)
            {
                if (Owners[i] is { } owner)
                {
                    versions[owner] = result.Results[i].Stat.Version;
                }
            }
            foreach ((ControlledPartition partition, PartitionStateNode state) in Changes)
            {
                partition.State = state with { Version = versions[partition] };
                partition.FoundZxid = long.MaxValue;
                partition.Topic.HasStates = true;
            }
        }
    }
}
