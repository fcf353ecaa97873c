using Broker.Engine.Administration;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>Makes topics that a client asks about for the first time (auto.create.topics.enable).</summary>
internal interface IAutoTopicCreation
{
    /// <summary>Begins to make the topic, if that is allowed.</summary>
    /// <returns>What the client is told until it is there: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION ...</returns>
    ErrorCode Begin(string topic);
}

/// <summary>
/// Metadata: brokers, controller and topics as the broker sees them now. In v0 an empty list means all topics, from v1 on null
/// does and an empty list means none (trap 12); unknown topics are made on the way (trap 13).
/// </summary>
internal sealed class MetadataHandler(MetadataCache metadata, string clusterId, IAutoTopicCreation creation, MetadataWaits waits)
    : WorkerHandler<MetadataRequest, MetadataResponse>
{
    /// <summary>How long a client of a broker that has just started waits for the controller's first word, milliseconds: without it
    /// every topic would seem to be gone.</summary>
    private const long FirstImageWaitMs = 5_000;

    /// <summary>The first version that may ask for topics by id; 10 and 11 have the field and refuse it (trap 14).</summary>
    private const short TopicIdVersion = 12;

    protected override ValueTask<MetadataResponse> HandleAsync(RequestContext context, MetadataRequest request) =>
        metadata.Current.IsEmpty ? WaitAsync(context, request) : new(Answer(context, request));

    private async ValueTask<MetadataResponse> WaitAsync(RequestContext context, MetadataRequest request)
    {
        await waits.WaitAsync(image => !image.IsEmpty, FirstImageWaitMs, "the controller's first word").ConfigureAwait(false);
        return Answer(context, request);
    }

    private MetadataResponse Answer(RequestContext context, MetadataRequest request)
    {
        MetadataImage image = metadata.Current;
        var response = new MetadataResponse
        {
            ClusterId = clusterId,
            ControllerId = image.ControllerId,
            ClusterAuthorizedOperations = request.IncludeClusterAuthorizedOperations
                ? AuthorizedOperations.Cluster : AuthorizedOperations.NotAsked,
        };
        AddBrokers(response, image, context);
        bool all = request.Topics is null || (context.Version == 0 && request.Topics.Count == 0);
        if (all)
        {
            foreach (TopicImage topic in image.Topics.Values)
            {
                response.Topics.Add(Describe(topic, image, context, request));
            }
            return response;
        }
        foreach ((string? name, Guid id) in request.Topics!.Select(t => (t.Name, t.TopicId)).Distinct())
        {
            response.Topics.Add(
                context.Version < TopicIdVersion && (name is null || id != Guid.Empty)
                    ? new() { Name = name ?? "", TopicId = id, ErrorCode = ErrorCode.InvalidRequest }
                : id != Guid.Empty ? ById(id, image, context, request) : ByName(name ?? "", image, context, request));
        }
        return response;
    }

    private static void AddBrokers(MetadataResponse response, MetadataImage image, RequestContext context)
    {
        foreach (BrokerImage broker in image.Brokers.Values.OrderBy(b => b.Id))
        {
            if (broker.On(context.Listener) is { } endpoint)
            {
                response.Brokers.Add(new() { NodeId = broker.Id, Host = endpoint.Host, Port = endpoint.Port, Rack = broker.Rack });
            }
        }
    }

    private static MetadataResponse.MetadataResponseTopic ById(
        Guid id, MetadataImage image, RequestContext context, MetadataRequest request) =>
        image.Topic(id) is { } topic ? Describe(topic, image, context, request) : new()
        {
            TopicId = id,
            Name = context.Version >= TopicIdVersion ? null : "",
            ErrorCode = ErrorCode.UnknownTopicId,
        };

    private MetadataResponse.MetadataResponseTopic ByName(
        string name, MetadataImage image, RequestContext context, MetadataRequest request)
    {
        if (image.Topic(name) is { } topic)
        {
            return Describe(topic, image, context, request);
        }
        return new()
        {
            Name = name,
            IsInternal = InternalTopics.Contains(name),
            ErrorCode = TopicNameRules.Check(name) is not null ? ErrorCode.InvalidTopicException
                : request.AllowAutoTopicCreation ? creation.Begin(name) : ErrorCode.UnknownTopicOrPartition,
        };
    }

    private static MetadataResponse.MetadataResponseTopic Describe(
        TopicImage topic, MetadataImage image, RequestContext context, MetadataRequest request)
    {
        var described = new MetadataResponse.MetadataResponseTopic
        {
            Name = topic.Name,
            TopicId = topic.Id,
            IsInternal = InternalTopics.Contains(topic.Name),
            TopicAuthorizedOperations = request.IncludeTopicAuthorizedOperations
                ? AuthorizedOperations.Topic : AuthorizedOperations.NotAsked,
        };
        for (int i = 0; i < topic.Partitions.Length; i++)
        {
            if (topic.Partitions[i] is not { } partition)
            {
                continue;
            }
            (ErrorCode error, int leader) = LeaderFor(partition, image, context);
            var one = new MetadataResponse.MetadataResponsePartition
            {
                PartitionIndex = i,
                ErrorCode = error,
                LeaderId = leader,
                LeaderEpoch = partition.LeaderEpoch,
            };
            one.ReplicaNodes.AddRange(partition.Replicas);
            one.IsrNodes.AddRange(partition.InSyncReplicas);
            one.OfflineReplicas.AddRange(OfflineReplicas(partition, image, context.Listener));
            described.Partitions.Add(one);
        }
        return described;
    }

    /// <summary>The leader that the client can reach, and what it is told when there is none.</summary>
    internal static (ErrorCode Error, int Leader) LeaderFor(PartitionImage partition, MetadataImage image, RequestContext context)
    {
        if (partition.Leader < 0 || image.Brokers.GetValueOrDefault(partition.Leader) is not { } broker)
        {
            return (ErrorCode.LeaderNotAvailable, PartitionImage.NoLeader);
        }
        return broker.On(context.Listener) is not null ? (ErrorCode.None, partition.Leader)
            : (context.Version >= 6 ? ErrorCode.ListenerNotFound : ErrorCode.LeaderNotAvailable, PartitionImage.NoLeader);
    }

    internal static IEnumerable<int> OfflineReplicas(PartitionImage partition, MetadataImage image, string listener) =>
        partition.Replicas.Where(r => partition.OfflineReplicas.Contains(r) || image.Brokers.GetValueOrDefault(r)?.On(listener) is null);
}
