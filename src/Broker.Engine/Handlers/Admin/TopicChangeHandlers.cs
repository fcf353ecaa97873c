using System.Collections.Immutable;
using Broker.Engine.Administration;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Admin;

/// <summary>DeleteTopics: marks topics for deletion and waits until this broker sees them no more.</summary>
internal sealed class DeleteTopicsHandler(TopicAdministration topics, MetadataWaits waits, MetadataCache metadata)
    : WorkerHandler<DeleteTopicsRequest, DeleteTopicsResponse>
{
    protected override async ValueTask<DeleteTopicsResponse> HandleAsync(RequestContext context, DeleteTopicsRequest request)
    {
        var response = new DeleteTopicsResponse();
        (string? Name, Guid Id)[] asked = context.Version >= 6
            ? [.. request.Topics.Select(t => (t.Name, t.TopicId))] : [.. request.TopicNames.Select(n => ((string?)n, Guid.Empty))];
        HashSet<(string?, Guid)> twice = asked.Repeated();
        var marked = new List<string>();
        foreach ((string? name, Guid id) in asked.Distinct())
        {
            DeleteTopicsResponse.DeletableTopicResult result = twice.Contains((name, id))
                ? Duplicate(name, id) : await DeleteAsync(name, id, context.Closing).ConfigureAwait(false);
            response.Responses.Add(result);
            if (result.ErrorCode == ErrorCode.None)
            {
                marked.Add(result.Name!);
            }
        }
        if (marked.Count > 0 && !await waits.WaitAsync(
            image => marked.TrueForAll(t => image.Topic(t) is null), request.TimeoutMs, $"DeleteTopics {string.Join(", ", marked)}").ConfigureAwait(false))
        {
            foreach (DeleteTopicsResponse.DeletableTopicResult result in response.Responses.Where(t => t.ErrorCode == ErrorCode.None))
            {
                result.ErrorCode = ErrorCode.RequestTimedOut;
            }
        }
        return response;
    }

    private static DeleteTopicsResponse.DeletableTopicResult Duplicate(string? name, Guid id) => new()
    {
        Name = name,
        TopicId = id,
        ErrorCode = ErrorCode.InvalidRequest,
        ErrorMessage = name is null ? "Duplicate topic id." : "Duplicate topic name.",
    };

    private async Task<DeleteTopicsResponse.DeletableTopicResult> DeleteAsync(string? name, Guid id, CancellationToken cancellationToken)
    {
        TopicImage? topic = name is not null ? metadata.Current.Topic(name) : metadata.Current.Topic(id);
        var result = new DeleteTopicsResponse.DeletableTopicResult { Name = name ?? topic?.Name, TopicId = topic?.Id ?? id };
        if (name is not null && id != Guid.Empty)
        {
            (result.ErrorCode, result.ErrorMessage) = (ErrorCode.InvalidRequest, "You may not specify both topic name and topic id.");
            return result;
        }
        if (name is null && id == Guid.Empty)
        {
            (result.ErrorCode, result.ErrorMessage) = (ErrorCode.InvalidRequest, "Neither topic name nor id were specified.");
            return result;
        }
        if (name is null && topic is null)
        {
            (result.ErrorCode, result.ErrorMessage) = (ErrorCode.UnknownTopicId, "This server does not host this topic ID.");
            return result;
        }
        Outcome outcome = await topics.DeleteAsync(result.Name!, cancellationToken).ConfigureAwait(false);
        (result.ErrorCode, result.ErrorMessage) = (outcome.Error, outcome.Message);
        return result;
    }
}

/// <summary>CreatePartitions: adds partitions and waits until this broker sees their leaders.</summary>
internal sealed class CreatePartitionsHandler(TopicAdministration topics, MetadataWaits waits)
    : WorkerHandler<CreatePartitionsRequest, CreatePartitionsResponse>
{
    protected override async ValueTask<CreatePartitionsResponse> HandleAsync(RequestContext context, CreatePartitionsRequest request)
    {
        var response = new CreatePartitionsResponse();
        HashSet<string> twice = request.Topics.Select(t => t.Name).Repeated();
        foreach (CreatePartitionsRequest.CreatePartitionsTopic topic in request.Topics.DistinctBy(t => t.Name))
        {
            IReadOnlyList<ImmutableArray<int>>? assignment =
                topic.Assignments is { } chosen ? [.. chosen.Select(a => a.BrokerIds.ToImmutableArray())] : null;
            Outcome outcome = twice.Contains(topic.Name)
                ? Outcome.Refused(ErrorCode.InvalidRequest, "Duplicate topic name.")
                : await topics.AddPartitionsAsync(
                    topic.Name, topic.Count, assignment, request.ValidateOnly, context.Closing).ConfigureAwait(false);
            if (outcome.IsDone && !request.ValidateOnly && !await waits.WaitAsync(
                image => image.Topic(topic.Name) is { } t && t.Partitions.Length >= topic.Count && CreateTopicsHandler.HasLeaders(image, topic.Name),
                request.TimeoutMs, $"CreatePartitions {topic.Name}").ConfigureAwait(false))
            {
                outcome = new Outcome(ErrorCode.RequestTimedOut, null);
            }
            response.Results.Add(new() { Name = topic.Name, ErrorCode = outcome.Error, ErrorMessage = outcome.Message });
        }
        return response;
    }
}
