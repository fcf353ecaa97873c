using System.Collections.Concurrent;
using Broker.Engine.Metadata;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication;

/// <summary>Partitions and the log directories that they lie in: moving between them, and going offline with one.</summary>
internal sealed partial class ReplicaManager
{
    /// <summary>Partitions given to this broker whose logs could not be had: they lie in directories out of service.</summary>
    private readonly ConcurrentDictionary<TopicPartition, bool> _offline = new();

    /// <summary>Begins the move of a partition to another log directory (AlterReplicaLogDirs).</summary>
    public ErrorCode Move(MetadataImage metadata, TopicPartition id, string directory)
    {
        lock (_changes)
        {
            ErrorCode error = _offline.ContainsKey(id) ? ErrorCode.KafkaStorageError : _logs.Move(id, directory);
            return error == ErrorCode.None && Partitions.Find(id) is null ? MissingPartitionError(metadata, id.Topic, id.Partition) : error;
        }
    }

    /// <summary>A log directory has failed: whoever waits for its partitions hears of it, and nothing is fetched for them.</summary>
    public void OnDirectoryFailed(LogDirectory directory)
    {
        Partition[] failed = [.. Partitions.Partitions.Where(p => p.Log.ParentDirectory == directory.Path)];
        lock (_changes)
        {
            Fetchers?.Remove(failed);
        }
        foreach (Partition partition in failed)
        {
            if (partition.Role.IsLeader)
            {
                ResignedLeader?.Invoke(partition.Id);
            }
            partition.Wake();
        }
        LogPartitionsOffline(directory.Path, failed.Length);
    }

    /// <summary>Why a partition cannot be served here: held by nobody this broker knows, or led elsewhere.</summary>
    public ErrorCode MissingPartitionError(MetadataImage metadata, string topic, int partition) =>
        !_offline.IsEmpty && _offline.ContainsKey(new TopicPartition(topic, partition)) ? ErrorCode.KafkaStorageError
            : metadata.Partition(topic, partition) is null && !metadata.IsEmpty ? ErrorCode.UnknownTopicOrPartition : ErrorCode.NotLeaderOrFollower;

    [LoggerMessage(4018, LogLevel.Warning, "{Count} partitions are offline with log directory {Path}", EventName = "PartitionsOffline")]
    private partial void LogPartitionsOffline(string path, int count);
}
