using Broker.Engine.Groups;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Groups;

internal sealed class OffsetCommitHandler(GroupCoordinator groups) : WorkerHandler<OffsetCommitRequest, OffsetCommitResponse>
{
    protected override ValueTask<OffsetCommitResponse> HandleAsync(RequestContext context, OffsetCommitRequest request) =>
        groups.CommitAsync(request, context.Version);
}

internal sealed class OffsetDeleteHandler(GroupCoordinator groups) : DirectHandler<OffsetDeleteRequest, OffsetDeleteResponse>
{
    protected override OffsetDeleteResponse Handle(RequestContext context, OffsetDeleteRequest request) => groups.DeleteOffsets(request);
}

/// <summary>OffsetFetch: one group up to v7, several from v8 on; topics by id from v10 on. What was never committed is -1
/// without an error (trap 43).</summary>
internal sealed class OffsetFetchHandler(GroupCoordinator groups, MetadataCache metadata)
    : DirectHandler<OffsetFetchRequest, OffsetFetchResponse>
{
    private const short GroupsVersion = 8;
    private const short TopicIdVersion = 10;
    private const long NoOffset = -1;

    protected override OffsetFetchResponse Handle(RequestContext context, OffsetFetchRequest request)
    {
        var response = new OffsetFetchResponse();
        if (context.Version >= GroupsVersion)
        {
            foreach (OffsetFetchRequest.OffsetFetchRequestGroup group in request.Groups)
            {
                response.Groups.Add(Answer(group, context.Version >= TopicIdVersion));
            }
            return response;
        }
        ErrorCode error = groups.Offsets(request.GroupId, out IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets);
        response.ErrorCode = error;
        IEnumerable<IGrouping<string, TopicPartition>> asked = request.Topics is { } topics
            ? topics.SelectMany(t => t.PartitionIndexes.Select(p => new TopicPartition(t.Name, p))).GroupBy(p => p.Topic)
            : offsets.Keys.GroupBy(p => p.Topic);
        foreach (IGrouping<string, TopicPartition> topic in asked)
        {
            var answer = new OffsetFetchResponse.OffsetFetchResponseTopic { Name = topic.Key };
            foreach (TopicPartition partition in topic)
            {
                CommittedOffset? found = offsets.GetValueOrDefault(partition);
                answer.Partitions.Add(new()
                {
                    PartitionIndex = partition.Partition,
                    CommittedOffset = found?.Offset ?? NoOffset,
                    CommittedLeaderEpoch = found?.LeaderEpoch ?? -1,
                    Metadata = found?.Metadata ?? "",
                    ErrorCode = context.Version < 2 ? error : ErrorCode.None,
                });
            }
            response.Topics.Add(answer);
        }
        return response;
    }

    private OffsetFetchResponse.OffsetFetchResponseGroup Answer(OffsetFetchRequest.OffsetFetchRequestGroup group, bool byId)
    {
        var answer = new OffsetFetchResponse.OffsetFetchResponseGroup { GroupId = group.GroupId };
        answer.ErrorCode = groups.Offsets(group.GroupId, out IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets);
        if (answer.ErrorCode != ErrorCode.None)
        {
            return answer;
        }
        MetadataImage image = metadata.Current;
        if (group.Topics is null)
        {
            foreach (IGrouping<string, TopicPartition> topic in offsets.Keys.GroupBy(p => p.Topic))
            {
                Guid id = image.Topic(topic.Key)?.Id ?? Guid.Empty;
                if (!byId || id != Guid.Empty)
                {
                    answer.Topics.Add(Topic(topic.Key, id, topic.Select(p => p.Partition), offsets, ErrorCode.None));
                }
            }
            return answer;
        }
        foreach (OffsetFetchRequest.OffsetFetchRequestTopics topic in group.Topics)
        {
            string? name = byId ? image.Topic(topic.TopicId)?.Name : topic.Name;
            answer.Topics.Add(Topic(
                name ?? "", topic.TopicId, topic.PartitionIndexes, offsets, name is null ? ErrorCode.UnknownTopicId : ErrorCode.None));
        }
        return answer;
    }

    private static OffsetFetchResponse.OffsetFetchResponseTopics Topic(
        string name, Guid id, IEnumerable<int> partitions, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, ErrorCode error)
    {
        var answer = new OffsetFetchResponse.OffsetFetchResponseTopics { Name = name, TopicId = id };
        foreach (int partition in partitions)
        {
            CommittedOffset? found = offsets.GetValueOrDefault(new TopicPartition(name, partition));
            answer.Partitions.Add(new()
            {
                PartitionIndex = partition,
                CommittedOffset = found?.Offset ?? NoOffset,
                CommittedLeaderEpoch = found?.LeaderEpoch ?? -1,
                Metadata = found?.Metadata ?? "",
                ErrorCode = error,
            });
        }
        return answer;
    }
}
