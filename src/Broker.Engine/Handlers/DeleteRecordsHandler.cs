using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>DeleteRecords: moves the first readable offset; -1 is the high watermark (trap 45). The answer
/// means that no crash brings the records back.</summary>
internal sealed class DeleteRecordsHandler(ReplicaManager replicas, LogManager logs, MetadataCache metadata)
    : DirectHandler<DeleteRecordsRequest, DeleteRecordsResponse>
{
    private const long HighWatermark = -1;
    private const long NoLowWatermark = -1;

    protected override DeleteRecordsResponse Handle(RequestContext context, DeleteRecordsRequest request)
    {
        var response = new DeleteRecordsResponse();
        List<PartitionLog> moved = [];
        foreach (DeleteRecordsRequest.DeleteRecordsTopic topic in request.Topics)
        {
            var results = new DeleteRecordsResponse.DeleteRecordsTopicResult { Name = topic.Name };
            foreach (DeleteRecordsRequest.DeleteRecordsPartition asked in topic.Partitions)
            {
                (ErrorCode error, long low) = Delete(new TopicPartition(topic.Name, asked.PartitionIndex), asked.Offset, moved);
                results.Partitions.Add(new() { PartitionIndex = asked.PartitionIndex, ErrorCode = error, LowWatermark = low });
            }
            response.Topics.Add(results);
        }
        if (moved.Count > 0)
        {
            logs.RecordsDeleted(moved, replicas.HighWatermarkOf);
            Refuse(response, moved);
        }
        return response;
    }

    /// <summary>What could not be made to last is not answered as deleted.</summary>
    private static void Refuse(DeleteRecordsResponse response, List<PartitionLog> moved)
    {
        HashSet<TopicPartition> failed = [.. moved.Where(l => l.IsFailed).Select(l => l.Partition)];
        foreach (DeleteRecordsResponse.DeleteRecordsTopicResult topic in response.Topics)
        {
            foreach (DeleteRecordsResponse.DeleteRecordsPartitionResult result in topic.Partitions)
            {
                if (failed.Contains(new TopicPartition(topic.Name, result.PartitionIndex)))
                {
                    (result.ErrorCode, result.LowWatermark) = (ErrorCode.KafkaStorageError, NoLowWatermark);
                }
            }
        }
    }

    private (ErrorCode Error, long LowWatermark) Delete(TopicPartition id, long offset, List<PartitionLog> moved)
    {
        if (InternalTopics.Contains(id.Topic))
        {
            return (ErrorCode.InvalidTopicException, NoLowWatermark);
        }
        if (replicas.Partitions.Find(id) is not { } partition)
        {
            return (replicas.MissingPartitionError(metadata.Current, id.Topic, id.Partition), NoLowWatermark);
        }
        if (partition.Log.IsFailed)
        {
            return (ErrorCode.KafkaStorageError, NoLowWatermark);
        }
        if (!partition.Role.IsLeader)
        {
            return (ErrorCode.NotLeaderOrFollower, NoLowWatermark);
        }
        if (!partition.Log.Config.CleanupPolicyDelete)
        {
            return (ErrorCode.PolicyViolation, NoLowWatermark);
        }
        long target = offset == HighWatermark ? partition.HighWatermark : offset;
        try
        {
            if (target < 0 || !partition.Log.IncrementLogStartOffset(target, partition.HighWatermark))
            {
                return (ErrorCode.OffsetOutOfRange, NoLowWatermark);
            }
            moved.Add(partition.Log);
            return (ErrorCode.None, partition.Log.LogStartOffset);
        }
        catch (IOException)
        {
            return (ErrorCode.KafkaStorageError, NoLowWatermark);
        }
    }
}
