using System.Collections.Immutable;
using Broker.Engine.Configuration;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Producers;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Administration;

/// <summary>
/// Takes over log directories that hold topics while the coordination store holds nothing: those of an Apache Kafka broker, or
/// one's own whose store is lost. Cluster id, topics, topic ids and who holds which partition are read from the files; the
/// topics' configurations are not in them (docs/decisions/0004). Runs before the brokers start. Not thread-safe.
/// </summary>
internal sealed partial class LogAdoption(Disk disk, ILogger logger)
{
    /// <summary>Producer ids left out behind the greatest that is found: one that was given out may not have appended.</summary>
    private const long ProducerIdGap = 1_000_000;

    private readonly ILogger _logger = logger;
    private readonly Dictionary<string, FoundTopic> _topics = new(StringComparer.Ordinal);
    private long _lastProducerId = -1;

    /// <summary>The cluster that the directories belong to, or null.</summary>
    public string? ClusterId { get; private set; }

    /// <summary>Looks into every broker's log directories.</summary>
    /// <exception cref="BrokerStartException">They cannot belong to one cluster; one line for the operator.</exception>
    public void Find(IReadOnlyList<BrokerConfig> configs)
    {
        foreach (BrokerConfig config in configs)
        {
            foreach (string directory in config.LogDirectories)
            {
                try
                {
                    Find(config.BrokerId, directory);
                }
                catch (Exception e) when (e is InvalidDataException or IOException)
                {
                    throw new BrokerStartException($"log directory {directory} cannot be read: {e.Message}", e);
                }
            }
        }
    }

    private void Find(int brokerId, string directory)
    {
        if (!disk.DirectoryExists(directory))
        {
            return;
        }
        if (MetaProperties.Read(disk, directory)?.ClusterId is { } cluster)
        {
            if (ClusterId is not null && ClusterId != cluster)
            {
                throw new BrokerStartException(
                    $"log directory {directory} belongs to cluster {cluster}, another to cluster {ClusterId}: they cannot be of one broker");
            }
            ClusterId = cluster;
        }
        foreach (string name in disk.DirectoriesIn(directory))
        {
            if (LogFileNames.TryParsePartition(name, out TopicPartition partition) && !LogFileNames.IsKRaftMetadata(name)
                && TopicNameRules.Check(partition.Topic) is null)
            {
                Enter(brokerId, partition, Path.Combine(directory, name));
            }
        }
    }

    private void Enter(int brokerId, TopicPartition partition, string path)
    {
        Guid id = PartitionMetadataFile.Read(disk, path) ?? Guid.Empty;
        if (!_topics.TryGetValue(partition.Topic, out FoundTopic? topic))
        {
            _topics.Add(partition.Topic, topic = new FoundTopic { Id = id });
        }
        if (topic.Id == Guid.Empty)
        {
            topic.Id = id;
        }
        if (id != Guid.Empty && topic.Id != id)
        {
            throw new BrokerStartException(
                $"{path} is of topic {Uuids.Format(id)}, but another partition of {partition.Topic} is of {Uuids.Format(topic.Id)}: "
                + "remove the directories of the one that is deleted");
        }
        if (topic.Partitions.TryGetValue(partition.Partition, out FoundPartition other))
        {
            throw new BrokerStartException(
                $"{path} and a directory of broker {other.BrokerId} hold the same partition: one replica is kept, remove the other");
        }
        int epoch = LeaderEpochCache.Load(disk, path, out _).LatestEpoch;
        topic.Partitions.Add(partition.Partition, new FoundPartition(brokerId, Math.Max(epoch, 0)));
        NoteProducers(path);
    }

    private void NoteProducers(string path)
    {
        List<long> snapshots = ProducerSnapshotFile.List(disk.FilesIn(path));
        if (snapshots.Count > 0 && disk.ReadAll(ProducerSnapshotFile.PathOf(path, snapshots[^1])) is { } bytes
            && ProducerSnapshotFile.TryParse(bytes, out ProducerEntry[] entries))
        {
            foreach (ProducerEntry entry in entries)
            {
                _lastProducerId = Math.Max(_lastProducerId, entry.ProducerId);
            }
        }
    }

    /// <summary>Writes the topics found into the tree, each whole or not at all.</summary>
    public async Task WriteAsync(ICoordinationSession session, Random random, CancellationToken cancellationToken)
    {
        if (_topics.Count == 0)
        {
            return;
        }
        await session.EnsurePathAsync(ClusterPaths.Topics, cancellationToken).ConfigureAwait(false);
        await session.EnsurePathAsync("/config/topics", cancellationToken).ConfigureAwait(false);
        foreach ((string name, FoundTopic topic) in _topics)
        {
            await WriteAsync(session, name, topic, random, cancellationToken).ConfigureAwait(false);
        }
        if (_lastProducerId >= 0)
        {
            long end = (((_lastProducerId + ProducerIdGap) / ProducerIds.BlockSize) + 1) * ProducerIds.BlockSize;
            await session.PutAsync(
                ClusterPaths.ProducerIdBlock, ClusterJson.ProducerIdBlock(0, end - ProducerIds.BlockSize, end - 1), cancellationToken)
                .ConfigureAwait(false);
        }
        LogAdopted(_topics.Count, _topics.Values.Sum(t => t.Partitions.Count));
    }

    private async Task WriteAsync(
        ICoordinationSession session, string name, FoundTopic topic, Random random, CancellationToken cancellationToken)
    {
        if ((await session.ExistsAsync(ClusterPaths.Topic(name), cancellationToken).ConfigureAwait(false)).Error == CoordinationError.None)
        {
            return;   // an adoption that was interrupted
        }
        int count = topic.Partitions.Keys.Max() + 1;
        int holder = topic.Partitions.Values.First().BrokerId;
        if (count > topic.Partitions.Count)
        {
            LogGaps(name, count - topic.Partitions.Count, count);
        }
        var assignment = ImmutableSortedDictionary.CreateBuilder<int, ImmutableArray<int>>();
        List<CoordinationOperation> states = [];
        for (int i = 0; i < count; i++)
        {
            bool isFound = topic.Partitions.TryGetValue(i, out FoundPartition partition);
            assignment[i] = [isFound ? partition.BrokerId : holder];
            if (isFound)
            {
                // Without a leader: the controller elects one, in the epoch after the last one that wrote.
                var state = new PartitionStateNode(PartitionImage.NoLeader, partition.LeaderEpoch, [partition.BrokerId], 0, 0);
                states.Add(CoordinationOperation.Create(ClusterPaths.Partition(name, i), default));
                states.Add(CoordinationOperation.Create(ClusterPaths.PartitionState(name, i), ClusterJson.PartitionState(state)));
            }
        }
        Guid id = topic.Id == Guid.Empty ? Uuids.New(random) : topic.Id;
        await session.PutAsync(ClusterPaths.TopicConfig(name), ClusterJson.Config(ConfigOf(name)), cancellationToken).ConfigureAwait(false);
        MultiResult written = await session.MultiAsync(
            [
                CoordinationOperation.Create(ClusterPaths.Topic(name), ClusterJson.Topic(new TopicAssignment(id, assignment.ToImmutable()))),
                CoordinationOperation.Create(ClusterPaths.Partitions(name), default),
                .. states,
            ],
            cancellationToken).ConfigureAwait(false);
        written.Error.ThrowIfFailed(ClusterPaths.Topic(name));
    }

    /// <summary>The coordinators' topics cannot do without being compacted. What the others were set to is not in the files:
    /// until somebody says so again, nothing of them is deleted.</summary>
    private static Dictionary<string, string> ConfigOf(string topic) => InternalTopics.Contains(topic)
        ? new() { ["cleanup.policy"] = "compact" } : new() { ["retention.ms"] = "-1", ["retention.bytes"] = "-1" };

    private sealed class FoundTopic
    {
        public Guid Id { get; set; }

        public SortedDictionary<int, FoundPartition> Partitions { get; } = [];
    }

    private readonly record struct FoundPartition(int BrokerId, int LeaderEpoch);

    [LoggerMessage(8020, LogLevel.Warning, "the coordination store is empty: {Topics} topics with {Partitions} partitions are taken over from the log directories; their configuration is not there, so they keep their records for ever (retention.ms=-1, retention.bytes=-1) until it is set again", EventName = "TopicsAdopted")]
    private partial void LogAdopted(int topics, int partitions);

    [LoggerMessage(8021, LogLevel.Warning, "topic {Topic}: {Missing} of {Count} partitions are in no log directory; they begin empty", EventName = "AdoptionGaps")]
    private partial void LogGaps(string topic, int missing, int count);
}
