using System.Collections.Immutable;
using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Admin;

/// <summary>CreateTopics: makes topics and waits until this broker sees their leaders.</summary>
internal sealed class CreateTopicsHandler(TopicAdministration topics, MetadataWaits waits, ClusterConfig config)
    : WorkerHandler<CreateTopicsRequest, CreateTopicsResponse>
{
    protected override async ValueTask<CreateTopicsResponse> HandleAsync(RequestContext context, CreateTopicsRequest request)
    {
        var response = new CreateTopicsResponse();
        HashSet<string> twice = request.Topics.Select(t => t.Name).Repeated();
        var made = new List<string>();
        foreach (CreateTopicsRequest.CreatableTopic topic in request.Topics.DistinctBy(t => t.Name))
        {
            MadeTopic result = twice.Contains(topic.Name)
                ? MadeTopic.Refused(ErrorCode.InvalidRequest, "Duplicate topic name.")
                : await topics.CreateAsync(Plan(topic), request.ValidateOnly, context.Closing).ConfigureAwait(false);
            response.Topics.Add(Answer(topic.Name, result));
            if (result.Outcome.IsDone && !request.ValidateOnly)
            {
                made.Add(topic.Name);
            }
        }
        if (made.Count > 0 && !await waits.WaitAsync(
            image => made.TrueForAll(t => HasLeaders(image, t)), request.TimeoutMs, $"CreateTopics {string.Join(", ", made)}").ConfigureAwait(false))
        {
            foreach (CreateTopicsResponse.CreatableTopicResult result in response.Topics.Where(t => t.ErrorCode == ErrorCode.None))
            {
                (result.ErrorCode, result.ErrorMessage) = (ErrorCode.RequestTimedOut, null);
            }
        }
        return response;
    }

    internal static bool HasLeaders(MetadataImage image, string topic) =>
        image.Topic(topic) is { } found && found.Partitions.All(p => p is { Leader: >= 0 });

    private static TopicPlan Plan(CreateTopicsRequest.CreatableTopic topic) => new()
    {
        Name = topic.Name,
        Partitions = topic.NumPartitions,
        ReplicationFactor = topic.ReplicationFactor,
        Assignment = [.. topic.Assignments.Select(a => KeyValuePair.Create(a.PartitionIndex, a.BrokerIds.ToImmutableArray()))],
        Config = [.. topic.Configs.Select(c => KeyValuePair.Create(c.Name, c.Value))],
    };

    private CreateTopicsResponse.CreatableTopicResult Answer(string name, MadeTopic made)
    {
        var answer = new CreateTopicsResponse.CreatableTopicResult
        {
            Name = name,
            TopicId = made.Id,
            ErrorCode = made.Outcome.Error,
            ErrorMessage = made.Outcome.Message,
            NumPartitions = made.Partitions,
            ReplicationFactor = (short)made.ReplicationFactor,
        };
        if (!made.Outcome.IsDone)
        {
            return answer;
        }
        foreach (ConfigDescription one in ConfigDescriptions.OfTopic(config, made.Config))
        {
            answer.Configs!.Add(new()
            {
                Name = one.Key.Name,
                Value = one.Key.IsSensitive ? null : one.Value,
                ConfigSource = (sbyte)ConfigDescriptions.SourceOf(config, made.Config, one.Key),
                IsSensitive = one.Key.IsSensitive,
            });
        }
        return answer;
    }
}
