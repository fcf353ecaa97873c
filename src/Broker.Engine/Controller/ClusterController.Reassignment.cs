using System.Collections.Immutable;
using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Replicas that move (KIP-455). What is under way stands in the topics' nodes, from where another controller goes
/// on.</summary>
internal sealed partial class ClusterController
{
    private readonly HashSet<ControlledPartition> _reassigning = [];

    /// <summary>Begins, changes or cancels reassignments.</summary>
    public Task<AlterPartitionReassignmentsResponse> ReassignAsync(AlterPartitionReassignmentsRequest request) => AskAsync(
        ControllerActivity.AlterPartitionReassignment, () => ReassignAskedAsync(request),
        static error => new AlterPartitionReassignmentsResponse { ErrorCode = error, ErrorMessage = null });

    private async Task<AlterPartitionReassignmentsResponse> ReassignAskedAsync(AlterPartitionReassignmentsRequest request)
    {
        var response = new AlterPartitionReassignmentsResponse
        {
            ErrorMessage = null,
            AllowReplicationFactorChange = request.AllowReplicationFactorChange,
        };
        int[] live = [.. _channels.Keys.Where(id => !_shuttingDown.Contains(id))];
        var accepted = new Dictionary<ControlledPartition, ReplicaAssignment>();
        foreach (AlterPartitionReassignmentsRequest.ReassignableTopic topic in request.Topics)
        {
            ControlledTopic? known = Find(topic.Name);
            var answers = new AlterPartitionReassignmentsResponse.ReassignableTopicResponse { Name = topic.Name };
            foreach (AlterPartitionReassignmentsRequest.ReassignablePartition asked in topic.Partitions)
            {
                var answer = new AlterPartitionReassignmentsResponse.ReassignablePartitionResponse
                {
                    PartitionIndex = asked.PartitionIndex,
                    ErrorMessage = null,
                };
                answers.Partitions.Add(answer);
                if (known?.Partitions.GetValueOrDefault(asked.PartitionIndex) is not { } partition)
                {
                    (answer.ErrorCode, answer.ErrorMessage) = (ErrorCode.UnknownTopicOrPartition, "The partition does not exist.");
                    continue;
                }
                (ReplicaAssignment? next, answer.ErrorCode, answer.ErrorMessage) = ReassignmentPlan.Build(
                    partition.Assignment, partition.State, asked.Replicas is { } replicas ? [.. replicas] : null,
                    request.AllowReplicationFactorChange, live);
                if (next is not null)
                {
                    accepted[partition] = next;
                }
            }
            response.Responses.Add(answers);
        }
        // The latest word counts, whichever way it came.
        await ForgetToolReassignmentAsync((partition, _) => accepted.ContainsKey(partition)).ConfigureAwait(false);
        await ReassignAsync(accepted).ConfigureAwait(false);
        return response;
    }

    /// <summary>The reassignments under way.</summary>
    public Task<ListPartitionReassignmentsResponse> ListReassignmentsAsync(ListPartitionReassignmentsRequest request) => AskAsync(
        ControllerActivity.ListPartitionReassignment, () => Task.FromResult(ListReassignments(request)),
        static error => new ListPartitionReassignmentsResponse { ErrorCode = error, ErrorMessage = null });

    private ListPartitionReassignmentsResponse ListReassignments(ListPartitionReassignmentsRequest request)
    {
        var response = new ListPartitionReassignmentsResponse { ErrorMessage = null };
        IEnumerable<ControlledPartition> asked = request.Topics is { } topics
            ? topics.SelectMany(t => t.PartitionIndexes.Distinct(), (t, p) => Find(t.Name)?.Partitions.GetValueOrDefault(p)).OfType<ControlledPartition>()
            : _reassigning.Where(p => !_deleting.Contains(p.Topic.Name));
        foreach (IGrouping<ControlledTopic, ControlledPartition> group in asked.Where(p => p.Assignment.IsBeingReassigned).GroupBy(p => p.Topic))
        {
            var topic = new ListPartitionReassignmentsResponse.OngoingTopicReassignment { Name = group.Key.Name };
            foreach (ControlledPartition partition in group.OrderBy(p => p.Index))
            {
                var ongoing = new ListPartitionReassignmentsResponse.OngoingPartitionReassignment { PartitionIndex = partition.Index };
                ongoing.Replicas.AddRange(partition.Replicas);
                ongoing.AddingReplicas.AddRange(partition.Assignment.Adding);
                ongoing.RemovingReplicas.AddRange(partition.Assignment.Removing);
                topic.Partitions.Add(ongoing);
            }
            response.Topics.Add(topic);
        }
        return response;
    }

    /// <summary>Sets partitions on their way to new assignments, and takes those that are through to their end.</summary>
    private async Task ReassignAsync(Dictionary<ControlledPartition, ReplicaAssignment> wanted)
    {
        if (wanted.Count == 0)
        {
            return;
        }
        await WriteAssignmentsAsync(wanted).ConfigureAwait(false);
        var unneeded = new Dictionary<ControlledPartition, ImmutableArray<int>>();
        foreach ((ControlledPartition partition, ReplicaAssignment next) in wanted)
        {
            unneeded[partition] = [.. partition.Replicas.Where(r => !next.Replicas.Contains(r))];
            partition.Assignment = next;
            _reassigning.Add(partition);
        }
        await GoOnAsync(wanted.Keys, unneeded).ConfigureAwait(false);
    }

    /// <summary>Goes on with reassignments that a controller began: this one or another.</summary>
    private Task ResumeReassignmentsAsync(Func<ControlledPartition, bool> isWanted) => GoOnAsync(
        [.. _reassigning.Where(p => isWanted(p) && !_deleting.Contains(p.Topic.Name))], []);

    /// <summary>After the in-sync replicas have changed: ends what is through now.</summary>
    private Task EndReassignmentsAsync(IEnumerable<ControlledPartition> changed) => _reassigning.Count == 0
        ? Task.CompletedTask
        : GoOnAsync([.. changed.Where(p => _reassigning.Contains(p) && IsThrough(p))], []);

    private async Task GoOnAsync(
        IReadOnlyCollection<ControlledPartition> partitions, Dictionary<ControlledPartition, ImmutableArray<int>> unneeded)
    {
        if (partitions.Count == 0)
        {
            return;
        }
        var changes = new List<(ControlledPartition Partition, PartitionStateNode State)>();
        foreach (ControlledPartition partition in partitions.Where(p => p.State is not null))
        {
            ImmutableArray<int> staying = IsThrough(partition) ? partition.Assignment.Target : partition.Replicas;
            bool stays = StillLeads(partition, partition.State!);
            PartitionStateNode next = LeaderElection.Remain(
                staying, partition.State!, r => IsOnline(partition, r) || (stays && r == partition.State!.Leader));
            // Where nobody could lead, the replicas that are about to go are kept until somebody can.
            if (next.Leader != PartitionImage.NoLeader || !IsThrough(partition) || !partition.Assignment.IsBeingReassigned)
            {
                changes.Add((partition, next));
            }
        }
        HashSet<ControlledPartition> through = [.. changes.Select(c => c.Partition).Where(IsThrough)];
        HashSet<ControlledPartition> written = [.. await CommitAsync(changes).ConfigureAwait(false)];
        through.IntersectWith(written);
        TellMoves(written, through, unneeded);
        await EndAsync(through).ConfigureAwait(false);
        ControlledPartition[] refused = [.. changes.Select(c => c.Partition).Where(p => !written.Contains(p))];
        if (refused.Length > 0)
        {
            int epoch = _epoch;   // a leader has changed the state meanwhile
            Post(ControllerActivity.AlterPartitionReassignment, () => IsCurrent(epoch)
                ? GoOnAsync([.. refused.Where(_reassigning.Contains)], unneeded) : Task.CompletedTask);
        }
    }

    private static bool IsThrough(ControlledPartition partition) => ReassignmentPlan.IsThrough(partition.Assignment, partition.State!);

    private void TellMoves(
        HashSet<ControlledPartition> written, HashSet<ControlledPartition> through,
        Dictionary<ControlledPartition, ImmutableArray<int>> unneeded)
    {
        var batch = new ControllerBatch();
        foreach (ControlledPartition partition in written)
        {
            ReplicaAssignment assignment = partition.Assignment;
            IEnumerable<int> leaving = unneeded.GetValueOrDefault(partition, []);
            if (through.Contains(partition))
            {
                leaving = leaving.Concat(assignment.Removing);
                partition.Assignment = new ReplicaAssignment(assignment.Target);
            }
            batch.Roles(partition, partition.Replicas.Where(r => !assignment.Adding.Contains(r)));
            batch.Roles(partition, partition.Replicas.Where(r => assignment.Adding.Contains(r)), isNew: true);
            batch.Metadata(partition);
            foreach (int replica in leaving)
            {
                batch.Stop(partition, replica, delete: true);
            }
        }
        batch.Send(NewSender());
    }

    /// <summary>The last step: only now does the tree forget that there was something to do.</summary>
    private async Task EndAsync(HashSet<ControlledPartition> through)
    {
        if (through.Count == 0)
        {
            return;
        }
        await WriteAssignmentsAsync(through.ToDictionary(p => p, p => p.Assignment)).ConfigureAwait(false);
        await ForgetToolReassignmentAsync(
            (partition, replicas) => through.Contains(partition) && replicas.SequenceEqual(partition.Replicas)).ConfigureAwait(false);
        _reassigning.ExceptWith(through);
        LogReassigned(through.Count, through.First().Topic.Name);
    }

    /// <summary>Writes assignments into the nodes of their topics. Partitions that were added meanwhile stay.</summary>
    private async Task WriteAssignmentsAsync(IReadOnlyDictionary<ControlledPartition, ReplicaAssignment> assignments) =>
        await Task.WhenAll(assignments.GroupBy(a => a.Key.Topic).Select(group => WriteAssignmentsAsync(group.Key, [.. group]))).ConfigureAwait(false);

    private async Task WriteAssignmentsAsync(
        ControlledTopic topic, List<KeyValuePair<ControlledPartition, ReplicaAssignment>> assignments)
    {
        string path = ClusterPaths.Topic(topic.Name);
        while (true)
        {
            GetResult node = await _session.GetAsync(path, Stopping).ConfigureAwait(false);
            if (node.Error == CoordinationError.NoNode)
            {
                return;   // deleted meanwhile
            }
            node.Error.ThrowIfFailed(path);
            TopicAssignment before = ClusterJson.ReadTopic(node.Data);
            TopicAssignment after = before;
            foreach ((ControlledPartition partition, ReplicaAssignment assignment) in assignments)
            {
                after = assignment.PutInto(after, partition.Index);
            }
            byte[] data = ClusterJson.Topic(after);
            if (node.Data.Span.SequenceEqual(data))
            {
                return;
            }
            MultiResult written = await WriteAsync(
                [
                    CoordinationOperation.Check(ClusterPaths.ControllerEpoch, _epochVersion),
                    CoordinationOperation.Set(path, data, node.Stat.Version),
                ]).ConfigureAwait(false);
            if (written.Error != CoordinationError.BadVersion || written.FailedIndex == 0)
            {
                written.Error.ThrowIfFailed(path);
                return;
            }
        }
    }

    [LoggerMessage(7070, LogLevel.Information, "{Count} partitions have their new replicas, of topic {Topic} and perhaps others", EventName = "Reassigned")]
    private partial void LogReassigned(int count, string topic);
}
