using System.Collections.Immutable;
using Broker.Engine.Configuration;
using Broker.Engine.Controller;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Administration;

/// <summary>A topic to make.</summary>
internal sealed record TopicPlan
{
    public required string Name { get; init; }

    /// <summary>-1 for the broker's default.</summary>
    public int Partitions { get; init; } = -1;

    /// <summary>-1 for the broker's default.</summary>
    public int ReplicationFactor { get; init; } = -1;

    /// <summary>Replicas by partition where the client chose them.</summary>
    public IReadOnlyList<KeyValuePair<int, ImmutableArray<int>>>? Assignment { get; init; }

    public IReadOnlyList<KeyValuePair<string, string?>> Config { get; init; } = [];
}

/// <summary>A topic as it was, or would be, made.</summary>
internal sealed record MadeTopic(Outcome Outcome, Guid Id, int Partitions, int ReplicationFactor, IReadOnlyDictionary<string, string> Config)
{
    public static MadeTopic Refused(ErrorCode error, string message) =>
        new(Outcome.Refused(error, message), Guid.Empty, -1, -1, new Dictionary<string, string>());
}

/// <summary>
/// Makes, grows and deletes topics by writing the tree, from where the controller takes over; any broker may do it. Checks and
/// words follow Kafka's AdminManager and ReplicationControlManager. Thread-safe.
/// </summary>
internal sealed class TopicAdministration(
    Func<ICoordinationSession> session, MetadataCache metadata, ClusterConfig config, Random random)
{
    /// <summary>Most partitions that one topic may have.</summary>
    public const int PartitionsMax = 100_000;

    /// <summary>How long the making of a topic waits for the end of its namesake's deletion.</summary>
    private static readonly TimeSpan s_deletionWait = TimeSpan.FromSeconds(5);

    public async Task<MadeTopic> CreateAsync(TopicPlan plan, bool validateOnly, CancellationToken cancellationToken)
    {
        MetadataImage image = metadata.Current;
        if (CheckName(plan.Name, image) is { IsDone: false } wrong)
        {
            return new MadeTopic(wrong, Guid.Empty, -1, -1, new Dictionary<string, string>());
        }
        if (ConfigAdministration.CheckTopic(plan.Config, out Dictionary<string, string> values) is { IsDone: false } wrongConfig)
        {
            return new MadeTopic(wrongConfig, Guid.Empty, -1, -1, values);
        }
        (Outcome placing, ImmutableSortedDictionary<int, ImmutableArray<int>> placed) = Place(plan, image);
        if (!placing.IsDone)
        {
            return new MadeTopic(placing, Guid.Empty, -1, -1, values);
        }
        Guid id;
        lock (random)
        {
            id = Uuids.New(random);
        }
        var made = new MadeTopic(Outcome.Done, id, placed.Count, placed[0].Length, values);
        if (validateOnly)
        {
            return made;
        }
        var assignment = new TopicAssignment(id, placed);
        CoordinationError written = await WriteAsync(plan.Name, assignment, values, cancellationToken).ConfigureAwait(false);
        if (written == CoordinationError.NodeExists)
        {
            if (!await WaitForDeletionAsync(plan.Name, cancellationToken).ConfigureAwait(false))
            {
                return MadeTopic.Refused(ErrorCode.TopicAlreadyExists, $"Topic '{plan.Name}' is marked for deletion.");
            }
            written = await WriteAsync(plan.Name, assignment, values, cancellationToken).ConfigureAwait(false);
        }
        return written switch
        {
            CoordinationError.None => made,
            CoordinationError.NodeExists => MadeTopic.Refused(ErrorCode.TopicAlreadyExists, $"Topic '{plan.Name}' already exists."),
            CoordinationError error => MadeTopic.Refused(ErrorCode.UnknownServerError, $"the cluster's state could not be written: {error}"),
        };
    }

    private async Task<CoordinationError> WriteAsync(
        string name, TopicAssignment topic, Dictionary<string, string> values, CancellationToken cancellationToken)
    {
        List<CoordinationOperation> operations = [CoordinationOperation.Create(ClusterPaths.Topic(name), ClusterJson.Topic(topic))];
        StatResult stale = await session().ExistsAsync(ClusterPaths.TopicConfig(name), cancellationToken).ConfigureAwait(false);
        // The values go first: a broker that is told of the topic must find them.
        operations.Insert(0, stale.Error == CoordinationError.None
            ? CoordinationOperation.Set(ClusterPaths.TopicConfig(name), ClusterJson.Config(values))
            : CoordinationOperation.Create(ClusterPaths.TopicConfig(name), ClusterJson.Config(values)));
        operations.Insert(1, CoordinationOperation.Create(
            ClusterPaths.ConfigChangePrefix, ClusterJson.ConfigChange($"topics/{name}"), CreateMode.PersistentSequential));
        CoordinationError written = (await session().MultiAsync(operations, cancellationToken).ConfigureAwait(false)).Error;
        // The namesake's deletion has taken its values meanwhile: now there are none.
        return written == CoordinationError.NoNode && stale.Error == CoordinationError.None
            ? await WriteAsync(name, topic, values, cancellationToken).ConfigureAwait(false) : written;
    }

    /// <summary>A topic that was deleted is gone for clients before it has left the tree: whoever makes it again at once waits
    /// for that.</summary>
    /// <returns>False where a broker with a replica is away: the topic is not gone before it has come back.</returns>
    private async Task<bool> WaitForDeletionAsync(string name, CancellationToken cancellationToken)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string mark = ClusterPaths.DeleteTopic(name);
        using IDisposable watch = await session().WatchAsync(
            mark, WatchKinds.Node, change =>
            {
                if (change.Kind is WatchEventKind.Deleted or WatchEventKind.Resynchronize)
                {
                    gone.TrySetResult();
                }
            },
            cancellationToken).ConfigureAwait(false);
        if ((await session().ExistsAsync(mark, cancellationToken).ConfigureAwait(false)).Error == CoordinationError.None)
        {
            try
            {
                await gone.Task.WaitAsync(s_deletionWait, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                return false;
            }
        }
        return true;
    }

    private static Outcome CheckName(string name, MetadataImage image)
    {
        if (TopicNameRules.Check(name) is { } wrong)
        {
            return Outcome.Refused(ErrorCode.InvalidTopicException, $"Topic name is invalid: {wrong}");
        }
        if (image.Topic(name) is not null)
        {
            return Outcome.Refused(ErrorCode.TopicAlreadyExists, $"Topic '{name}' already exists.");
        }
        if (name.AsSpan().IndexOfAny('.', '_') >= 0)
        {
            string[] collisions = [.. image.Topics.Keys.Where(t => TopicNameRules.Collide(t, name))];
            if (collisions.Length > 0)
            {
                return Outcome.Refused(
                    ErrorCode.InvalidTopicException, $"Topic '{name}' collides with existing topic: {collisions[0]}");
            }
        }
        return Outcome.Done;
    }

    private (Outcome, ImmutableSortedDictionary<int, ImmutableArray<int>>) Place(TopicPlan plan, MetadataImage image)
    {
        var none = ImmutableSortedDictionary<int, ImmutableArray<int>>.Empty;
        if (plan.Assignment is { Count: > 0 } chosen)
        {
            string? counted = plan.ReplicationFactor != -1 ? "replication factor" : plan.Partitions != -1 ? "numPartitions" : null;
            Outcome assignment = counted is null ? CheckAssignment(chosen, 0, image) : Outcome.Refused(
                ErrorCode.InvalidRequest, $"A manual partition assignment was specified, but {counted} was not set to -1.");
            return assignment.IsDone ? (assignment, chosen.ToImmutableSortedDictionary()) : (assignment, none);
        }
        if (plan.ReplicationFactor is 0 or < -1)
        {
            return (Outcome.Refused(
                ErrorCode.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value."), none);
        }
        if (plan.Partitions is 0 or < -1)
        {
            return (Outcome.Refused(
                ErrorCode.InvalidPartitions, "Number of partitions was set to an invalid non-positive value."), none);
        }
        int partitions = plan.Partitions == -1 ? config.Current.Int("num.partitions") : plan.Partitions;
        int replicas = plan.ReplicationFactor == -1 ? config.Current.Int("default.replication.factor") : plan.ReplicationFactor;
        Outcome counts = CheckCounts(partitions, replicas, image);
        return counts.IsDone ? (counts, PlaceNew(image, 0, partitions, replicas)) : (counts, none);
    }

    private static Outcome CheckCounts(int partitions, int replicas, MetadataImage image)
    {
        if (partitions > PartitionsMax)
        {
            return Outcome.Refused(ErrorCode.InvalidPartitions, $"Number of partitions must be no more than {PartitionsMax}.");
        }
        if (replicas > image.Brokers.Count)
        {
            return Outcome.Refused(
                ErrorCode.InvalidReplicationFactor,
                $"Unable to replicate the partition {replicas} time(s): The target replication factor of {replicas} cannot be reached "
                    + $"because only {image.Brokers.Count} broker(s) are registered.");
        }
        return image.Brokers.IsEmpty
            ? Outcome.Refused(ErrorCode.InvalidReplicationFactor, "Replication factor: 1 larger than available brokers: 0.") : Outcome.Done;
    }

    private ImmutableSortedDictionary<int, ImmutableArray<int>> PlaceNew(MetadataImage image, int first, int count, int replicas)
    {
        lock (random)
        {
            return ReplicaPlacement.Place(
                [.. image.Brokers.Values.Select(b => (b.Id, b.Rack))], first, count, replicas,
                random.Next(image.Brokers.Count), random.Next(image.Brokers.Count));
        }
    }

    private static Outcome CheckAssignment(
        IReadOnlyList<KeyValuePair<int, ImmutableArray<int>>> assignment, int first, MetadataImage image)
    {
        if (assignment.Select(a => a.Key).Repeated() is { Count: > 0 } twice)
        {
            return Misassigned($"Found multiple manual partition assignments for partition {twice.First()}");
        }
        foreach ((int _, ImmutableArray<int> replicas) in assignment)
        {
            if (CheckReplicas(replicas, image) is { IsDone: false } wrong)
            {
                return wrong;
            }
        }
        return assignment.Select(a => a.Key).Order().SequenceEqual(Enumerable.Range(first, assignment.Count))
            ? Outcome.Done : Misassigned("partitions should be a consecutive 0-based integer sequence");
    }

    private static Outcome Misassigned(string why) => Outcome.Refused(ErrorCode.InvalidReplicaAssignment, why);

    private static Outcome CheckReplicas(ImmutableArray<int> replicas, MetadataImage image)
    {
        if (replicas.IsEmpty)
        {
            return Misassigned("The manual partition assignment includes an empty replica list.");
        }
        foreach (int replica in replicas.Where(r => !image.IsAlive(r)))
        {
            return Misassigned($"The manual partition assignment includes broker {replica}, but no such broker is registered.");
        }
        return replicas.Repeated() is { Count: > 0 } twice
            ? Misassigned($"The manual partition assignment includes the broker {twice.First()} more than once.")
            : Outcome.Done;
    }

    /// <summary>Marks a topic for deletion.</summary>
    public async Task<Outcome> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        if (!config.Current.Bool("delete.topic.enable"))
        {
            return Outcome.Refused(ErrorCode.TopicDeletionDisabled, "Topic deletion is disabled.");
        }
        // Only a topic that is there is marked: a mark that came late would delete the next topic of the name.
        MultiResult marked = await session().MultiAsync(
            [
                CoordinationOperation.Check(ClusterPaths.Topic(name), CoordinationOperation.AnyVersion),
                CoordinationOperation.Create(ClusterPaths.DeleteTopic(name), default),
            ],
            cancellationToken).ConfigureAwait(false);
        return marked.Error switch
        {
            CoordinationError.None or CoordinationError.NodeExists => Outcome.Done,
            CoordinationError.NoNode => Outcome.Refused(ErrorCode.UnknownTopicOrPartition, "This server does not host this topic-partition."),
            CoordinationError error => Outcome.Refused(ErrorCode.UnknownServerError, $"the cluster's state could not be written: {error}"),
        };
    }

    /// <summary>Gives a topic more partitions; those that are there stay where they are.</summary>
    public async Task<Outcome> AddPartitionsAsync(
        string name, int totalCount, IReadOnlyList<ImmutableArray<int>>? assignment, bool validateOnly, CancellationToken cancellationToken)
    {
        while (true)
        {
            GetResult node = await session().GetAsync(ClusterPaths.Topic(name), cancellationToken).ConfigureAwait(false);
            if (node.Error != CoordinationError.None || metadata.Current.Topic(name) is null)
            {
                return new Outcome(ErrorCode.UnknownTopicOrPartition, null);
            }
            TopicAssignment topic = ClusterJson.ReadTopic(node.Data);
            if (!topic.Adding.IsEmpty || !topic.Removing.IsEmpty)
            {
                return Outcome.Refused(
                    ErrorCode.ReassignmentInProgress, $"A partition reassignment is in progress for the topic '{name}'.");
            }
            int had = topic.Partitions.Count;
            Outcome checkedCount = CheckGrowth(name, had, totalCount, assignment?.Count);
            if (!checkedCount.IsDone)
            {
                return checkedCount;
            }
            MetadataImage image = metadata.Current;
            ImmutableSortedDictionary<int, ImmutableArray<int>> added;
            if (assignment is not null)
            {
                List<KeyValuePair<int, ImmutableArray<int>>> chosen = [.. assignment.Select((a, i) => KeyValuePair.Create(had + i, a))];
                if (CheckAssignment(chosen, had, image) is { IsDone: false } wrong)
                {
                    return wrong;
                }
                added = chosen.ToImmutableSortedDictionary();
            }
            else
            {
                if (CheckCounts(totalCount, topic.Partitions[0].Length, image) is { IsDone: false } wrong)
                {
                    return wrong;
                }
                // As Kafka does, the round goes on from where the first partition lies.
                int[] order = [.. image.Brokers.Keys.Order()];
                int start = Math.Max(0, Array.IndexOf(order, topic.Partitions[0][0]));
                added = ReplicaPlacement.Place(
                    [.. image.Brokers.Values.Select(b => (b.Id, b.Rack))], had, totalCount - had, topic.Partitions[0].Length, start, start);
            }
            if (validateOnly)
            {
                return Outcome.Done;
            }
            StatResult written = await session().SetAsync(
                ClusterPaths.Topic(name), ClusterJson.Topic(topic with { Partitions = topic.Partitions.AddRange(added) }),
                node.Stat.Version, cancellationToken).ConfigureAwait(false);
            if (written.Error != CoordinationError.BadVersion)
            {
                return written.Error == CoordinationError.None
                    ? Outcome.Done : Outcome.Refused(ErrorCode.UnknownServerError, $"the cluster's state could not be written: {written.Error}");
            }
        }
    }

    private static Outcome CheckGrowth(string name, int had, int totalCount, int? assigned) =>
        totalCount == had ? Outcome.Refused(ErrorCode.InvalidPartitions, $"Topic already has {had} partition(s).")
        : totalCount < had ? Outcome.Refused(
            ErrorCode.InvalidPartitions, $"The topic {name} currently has {had} partition(s); {totalCount} would not be an increase.")
        : totalCount > PartitionsMax ? Outcome.Refused(
            ErrorCode.InvalidPartitions, $"Number of partitions must be no more than {PartitionsMax}.")
        : assigned is { } count && count != totalCount - had ? Outcome.Refused(
            ErrorCode.InvalidReplicaAssignment,
            $"Attempted to add {totalCount - had} additional partition(s), but only {count} assignment(s) were specified.")
        : Outcome.Done;
}
