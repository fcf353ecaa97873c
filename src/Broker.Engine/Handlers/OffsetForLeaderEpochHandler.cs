using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>OffsetForLeaderEpoch: where an epoch ends in the leader's log (KIP-320, trap 42).</summary>
internal sealed class OffsetForLeaderEpochHandler(ReplicaManager replicas, MetadataCache metadata)
    : DirectHandler<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>
{
    protected override OffsetForLeaderEpochResponse Handle(RequestContext context, OffsetForLeaderEpochRequest request)
    {
        var response = new OffsetForLeaderEpochResponse();
        foreach (OffsetForLeaderEpochRequest.OffsetForLeaderTopic topic in request.Topics)
        {
            var results = new OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult { Topic = topic.Topic };
            foreach (OffsetForLeaderEpochRequest.OffsetForLeaderPartition asked in topic.Partitions)
            {
                results.Partitions.Add(Answer(topic.Topic, asked));
            }
            response.Topics.Add(results);
        }
        return response;
    }

    private OffsetForLeaderEpochResponse.EpochEndOffset Answer(
        string topic, OffsetForLeaderEpochRequest.OffsetForLeaderPartition asked)
    {
        var answer = new OffsetForLeaderEpochResponse.EpochEndOffset { Partition = asked.Partition };
        if (replicas.Partitions.Find(new TopicPartition(topic, asked.Partition)) is not { } partition)
        {
            answer.ErrorCode = replicas.MissingPartitionError(metadata.Current, topic, asked.Partition);
            return answer;
        }
        answer.ErrorCode = partition.Log.IsFailed ? ErrorCode.KafkaStorageError : partition.CheckLeaderEpoch(asked.CurrentLeaderEpoch);
        if (answer.ErrorCode == ErrorCode.None && !partition.Role.IsLeader)
        {
            answer.ErrorCode = ErrorCode.NotLeaderOrFollower;
        }
        if (answer.ErrorCode == ErrorCode.None)
        {
            (answer.LeaderEpoch, answer.EndOffset) =
                partition.Log.Epochs.EndOffsetFor(asked.LeaderEpoch, partition.Log.LogEndOffset);
        }
        return answer;
    }
}
