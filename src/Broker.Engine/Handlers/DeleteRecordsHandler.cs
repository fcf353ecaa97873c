using Broker.Engine.Metadata;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>DeleteRecords: moves the first readable offset; -1 is the high watermark (trap 45). The answer
/// means that no crash brings the records back, and that no live replica has them (Kafka: DelayedDeleteRecords).</summary>
internal sealed class DeleteRecordsHandler(
    ReplicaManager replicas, LogManager logs, MetadataCache metadata, DelayedOperationPurgatory purgatory)
    : WorkerHandler<DeleteRecordsRequest, DeleteRecordsResponse>
{
    private const long HighWatermark = -1;
    private const long NoLowWatermark = -1;

    protected override async ValueTask<DeleteRecordsResponse> HandleAsync(RequestContext context, DeleteRecordsRequest request)
    {
        var response = new DeleteRecordsResponse();
        List<Awaited> moved = [];
        foreach (DeleteRecordsRequest.DeleteRecordsTopic topic in request.Topics)
        {
            var results = new DeleteRecordsResponse.DeleteRecordsTopicResult { Name = topic.Name };
            foreach (DeleteRecordsRequest.DeleteRecordsPartition asked in topic.Partitions)
            {
                var result = new DeleteRecordsResponse.DeleteRecordsPartitionResult { PartitionIndex = asked.PartitionIndex };
                (result.ErrorCode, result.LowWatermark) =
                    Delete(new TopicPartition(topic.Name, asked.PartitionIndex), asked.Offset, result, moved);
                results.Partitions.Add(result);
            }
            response.Topics.Add(results);
        }
        if (moved.Count > 0)
        {
            logs.RecordsDeleted([.. moved.Select(m => m.Partition.Log)], replicas.HighWatermarkOf);
            var wait = new DelayedDelete(moved);
            purgatory.TryCompleteElseWatch(wait, [.. moved.Select(m => m.Partition.DeleteWatchers)], Math.Max(0, request.TimeoutMs));
            await wait.Done.ConfigureAwait(false);
        }
        return response;
    }

    private (ErrorCode Error, long LowWatermark) Delete(
        TopicPartition id, long offset, DeleteRecordsResponse.DeleteRecordsPartitionResult result, List<Awaited> moved)
    {
        if (InternalTopics.Contains(id.Topic))
        {
            return (ErrorCode.InvalidTopicException, NoLowWatermark);
        }
        if (replicas.Partitions.Find(id) is not { } partition)
        {
            return (ReplicaManager.MissingPartitionError(metadata.Current, id.Topic, id.Partition), NoLowWatermark);
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
            moved.Add(new Awaited(partition, target, result));
            return (ErrorCode.RequestTimedOut, partition.Log.LogStartOffset);   // until it is seen that all have followed
        }
        catch (IOException)
        {
            return (ErrorCode.KafkaStorageError, NoLowWatermark);
        }
    }

    private sealed record Awaited(Partition Partition, long Offset, DeleteRecordsResponse.DeleteRecordsPartitionResult Result);

    /// <summary>The wait for every live replica's log to begin at or after what was asked.</summary>
    private sealed class DelayedDelete(List<Awaited> awaited) : DelayedOperation
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Done => _done.Task;

        protected override bool TryComplete()
        {
            bool all = true;
            foreach (Awaited one in awaited.Where(a => a.Result.ErrorCode == ErrorCode.RequestTimedOut))
            {
                one.Result.LowWatermark = one.Partition.LowWatermark;
                if (!one.Partition.Role.IsLeader)
                {
                    (one.Result.ErrorCode, one.Result.LowWatermark) = (ErrorCode.NotLeaderOrFollower, NoLowWatermark);
                }
                else if (one.Result.LowWatermark >= one.Offset)
                {
                    one.Result.ErrorCode = ErrorCode.None;
                }
                else
                {
                    all = false;
                }
            }
            return all && ForceComplete();
        }

        protected override void OnComplete() => _done.TrySetResult();

        protected internal override string Describe() => $"DeleteRecords of {awaited.Count} partitions";
    }
}
