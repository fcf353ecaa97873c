using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>DescribeTopicPartitions: topics in the order of their names, a page of partitions at a time (KIP-966).</summary>
internal sealed class DescribeTopicPartitionsHandler(MetadataCache metadata, int partitionsMax)
    : DirectHandler<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>
{
    protected override DescribeTopicPartitionsResponse Handle(RequestContext context, DescribeTopicPartitionsRequest request)
    {
        MetadataImage image = metadata.Current;
        bool all = request.Topics.Count == 0;
        IEnumerable<string> names = all ? image.Topics.Keys : request.Topics.Select(t => t.Name).Distinct();
        string firstTopic = request.Cursor?.TopicName ?? "";
        int left = Math.Min(Math.Max(1, request.ResponsePartitionLimit), partitionsMax);
        var response = new DescribeTopicPartitionsResponse();
        foreach (string name in names.Where(n => string.CompareOrdinal(n, firstTopic) >= 0).Order(StringComparer.Ordinal))
        {
            if (left <= 0)
            {
                response.NextCursor = new() { TopicName = name, PartitionIndex = 0 };
                break;
            }
            int from = name == firstTopic ? Math.Max(0, request.Cursor!.PartitionIndex) : 0;
            if (image.Topic(name) is not { } topic)
            {
                AddUnknown(response, name);
                continue;
            }
            int shown = Describe(response, topic, image, context, from, left);
            left -= shown;
            if (from + shown < topic.Partitions.Length)
            {
                response.NextCursor = new() { TopicName = name, PartitionIndex = from + shown };
                break;
            }
        }
        return response;
    }

    private static void AddUnknown(DescribeTopicPartitionsResponse response, string name) => response.Topics.Add(new()
    {
        Name = name,
        ErrorCode = TopicNameRules.Check(name) is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.InvalidTopicException,
        IsInternal = InternalTopics.Contains(name),
    });

    private static int Describe(
        DescribeTopicPartitionsResponse response, TopicImage topic, MetadataImage image, RequestContext context, int from, int count)
    {
        var described = new DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic
        {
            Name = topic.Name,
            TopicId = topic.Id,
            IsInternal = InternalTopics.Contains(topic.Name),
            TopicAuthorizedOperations = AuthorizedOperations.Topic,
        };
        int end = Math.Min(topic.Partitions.Length, from + count);
        for (int i = from; i < end; i++)
        {
            if (topic.Partitions[i] is not { } partition)
            {
                continue;
            }
            (ErrorCode error, int leader) = MetadataHandler.LeaderFor(partition, image, context);
            var one = new DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition
            {
                PartitionIndex = i,
                ErrorCode = error,
                LeaderId = leader,
                LeaderEpoch = partition.LeaderEpoch,
                EligibleLeaderReplicas = [],
                LastKnownElr = [],
            };
            one.ReplicaNodes.AddRange(partition.Replicas);
            one.IsrNodes.AddRange(partition.InSyncReplicas);
            one.OfflineReplicas.AddRange(MetadataHandler.OfflineReplicas(partition, image, context.Listener));
            described.Partitions.Add(one);
        }
        response.Topics.Add(described);
        return Math.Max(0, end - from);
    }
}
