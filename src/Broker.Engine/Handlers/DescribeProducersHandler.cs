using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>DescribeProducers: who has appended to a partition of late.</summary>
internal sealed class DescribeProducersHandler(ReplicaManager replicas, MetadataCache metadata)
    : DirectHandler<DescribeProducersRequest, DescribeProducersResponse>
{
    protected override DescribeProducersResponse Handle(RequestContext context, DescribeProducersRequest request)
    {
        var response = new DescribeProducersResponse();
        foreach (DescribeProducersRequest.TopicRequest topic in request.Topics)
        {
            var described = new DescribeProducersResponse.TopicResponse { Name = topic.Name };
            foreach (int index in topic.PartitionIndexes)
            {
                described.Partitions.Add(Describe(topic.Name, index));
            }
            response.Topics.Add(described);
        }
        return response;
    }

    private DescribeProducersResponse.PartitionResponse Describe(string topic, int index)
    {
        var described = new DescribeProducersResponse.PartitionResponse { PartitionIndex = index };
        if (replicas.Partitions.Find(new TopicPartition(topic, index)) is not { } partition)
        {
            described.ErrorCode = replicas.MissingPartitionError(metadata.Current, topic, index);
            described.ErrorMessage = metadata.Current.Topic(topic) is null ? "This server does not host this topic-partition." : null;
            return described;
        }
        if (!partition.Role.IsLeader)
        {
            described.ErrorCode = ErrorCode.NotLeaderOrFollower;
            return described;
        }
        foreach (Storage.Producers.ProducerSnapshot producer in partition.Log.DescribeProducers())
        {
            described.ActiveProducers.Add(new()
            {
                ProducerId = producer.ProducerId,
                ProducerEpoch = producer.Epoch,
                CoordinatorEpoch = producer.CoordinatorEpoch,
                LastSequence = producer.LastSequence,
                LastTimestamp = producer.LastTimestampMs,
                CurrentTxnStartOffset = producer.TransactionFirstOffset,
            });
        }
        return described;
    }
}
