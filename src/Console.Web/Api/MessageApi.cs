using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace WebConsole.Api;

/// <summary>Reading, following and producing records.</summary>
internal static class MessageApi
{
    private const int LimitMax = 1_000;

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/topics/{name}/messages", BrowseAsync).Refuses(400, 404, 503)
            .WithTags("Messages").WithName("BrowseMessages").WithSummary("Records from an offset, a time, or either end");
        api.MapPost("/topics/{name}/messages", ProduceAsync).Refuses(400, 404, 413, 503)
            .WithTags("Messages").WithName("ProduceMessage").WithSummary("Produces one record");
        api.MapGet("/topics/{name}/messages/tail", Tail).Refuses(400, 404, 429)
            .WithTags("Messages").WithName("TailMessages")
            .WithSummary("Follows a topic's end as server-sent events: ready, then records as they come, error at the end");
    }

    private static async Task<MessagesAnswer> BrowseAsync(
        string name, [AsParameters] BrowseQuery query, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        MessagePage page = await admin.BrowseAsync(
            new MessageQuery
            {
                Topic = name,
                Partition = query.Partition,
                From = query.From ?? BrowseFrom.Newest,
                Offset = query.Offset ?? 0,
                Timestamp = query.Timestamp ?? default,
                Limit = ApiRules.Bounded(query.Limit, 50, 1, LimitMax, "limit"),
                Contains = ApiRules.Bounded(query.Contains, ClusterApi.SearchMax, "contains"),
            },
            cancellationToken);
        return new MessagesAnswer([.. page.Messages.Select(MessageAnswer.Of)], page.Scanned, page.IsPartial);
    }

    private static async Task<ProducedMessage> ProduceAsync(
        string name, MessageRequest request, IClusterAdmin admin, CancellationToken cancellationToken) =>
        await admin.ProduceAsync(request.ToMessage(name), cancellationToken);

    private static ServerSentEventsResult<TailAnswer> Tail(
        string name, [AsParameters] FollowQuery query, IClusterAdmin admin, IHostApplicationLifetime host, CancellationToken cancellationToken) =>
        TypedResults.ServerSentEvents(Events(
            admin.TailAsync(
                new TailQuery(name, query.Partition, ApiRules.Bounded(query.Contains, ClusterApi.SearchMax, "contains")), cancellationToken),
            host.ApplicationStopping, cancellationToken));

    /// <summary>A first event at once, so that a reader knows that nothing from here on escapes it.</summary>
    private static async IAsyncEnumerable<SseItem<TailAnswer>> Events(
        IAsyncEnumerable<TailBatch> batches, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new SseItem<TailAnswer>(new TailAnswer([], 0, null), "ready");
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        await using IAsyncEnumerator<TailBatch> reader = batches.GetAsyncEnumerator(either.Token);
        while (true)
        {
            ApiProblem? problem = null;
            try
            {
                if (!await reader.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (AdminException refusal)
            {
                problem = ApiProblem.Of(refusal);
            }
            catch (OperationCanceledException)
            {
                yield break;   // the reader has gone, or the host goes
            }
            yield return problem is null
                ? new SseItem<TailAnswer>(new TailAnswer([.. reader.Current.Messages.Select(MessageAnswer.Of)], reader.Current.Skipped, null), "records")
                : new SseItem<TailAnswer>(new TailAnswer([], 0, problem), "error");
            if (problem is not null)
            {
                yield break;
            }
        }
    }
}
