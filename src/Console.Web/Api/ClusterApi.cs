using System.Text;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace WebConsole.Api;

/// <summary>The REST API below <c>/api/v1</c>: what the console does, for scripts. Refusals are problem+json with Kafka's name of
/// the error in <c>error</c>. Requests of other sites are refused: the console has no login that they could lack.</summary>
internal static class ClusterApi
{
    public static void MapClusterApi(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder api = routes.MapGroup("/api/v1").AddEndpointFilter(GuardAsync).DisableAntiforgery();
        MapCluster(api);
        MapTopics(api);
        MapMessages(api);
        MapGroups(api);
        MapInside(api);
        MapMetrics(routes);
    }

    private static void MapMetrics(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/metrics", (HttpContext context, IMetricsDoor metrics) =>
        {
            context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            return metrics.WritePrometheusAsync(context.Response.Body, context.RequestAborted);
        });
        routes.MapGet("/jmx", (string? qry, int? broker, HttpContext context, IMetricsDoor metrics) =>
        {
            context.Response.ContentType = "application/json; charset=utf-8";
            return metrics.WriteJmxAsync(qry, broker, context.Response.Body, context.RequestAborted);
        }).AddEndpointFilter(GuardAsync);
    }

    private static async ValueTask<object?> GuardAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpRequest request = context.HttpContext.Request;
        string? site = request.Headers["Sec-Fetch-Site"];
        string? origin = request.Headers.Origin;
        bool isForeign = site is "cross-site" or "same-site" || (origin is not null && origin != $"{request.Scheme}://{request.Host}");
        if (isForeign && !HttpMethods.IsGet(request.Method))
        {
            return Problem(StatusCodes.Status403Forbidden, "CLUSTER_AUTHORIZATION_FAILED", "Requests of other sites may not change anything.");
        }
        try
        {
            return await next(context);
        }
        catch (AdminException refusal)
        {
            return Problem(StatusOf(refusal.Error), refusal.Error, refusal.Message);
        }
    }

    private static int StatusOf(string error) => error switch
    {
        "UNKNOWN_TOPIC_OR_PARTITION" or "UNKNOWN_TOPIC_ID" or "GROUP_ID_NOT_FOUND" or "RESOURCE_NOT_FOUND" => StatusCodes.Status404NotFound,
        "TOPIC_ALREADY_EXISTS" or "NON_EMPTY_GROUP" => StatusCodes.Status409Conflict,
        "BROKER_NOT_AVAILABLE" or "LEADER_NOT_AVAILABLE" or "COORDINATOR_NOT_AVAILABLE" => StatusCodes.Status503ServiceUnavailable,
        "REQUEST_TIMED_OUT" => StatusCodes.Status504GatewayTimeout,
        "UNKNOWN_SERVER_ERROR" or "KAFKA_STORAGE_ERROR" => StatusCodes.Status500InternalServerError,
        _ => StatusCodes.Status400BadRequest,
    };

    private static IResult Problem(int status, string error, string detail) => Results.Problem(
        detail, statusCode: status, title: error, extensions: new Dictionary<string, object?> { ["error"] = error });

    private static void MapCluster(RouteGroupBuilder api)
    {
        api.MapGet("/cluster", (IClusterAdmin admin) => admin.Overview());
        api.MapGet("/brokers", (IClusterAdmin admin) => admin.Brokers());
        api.MapGet("/brokers/{id:int}", (int id, IClusterAdmin admin) => admin.Broker(id));
        api.MapPost("/brokers/{id:int}/start", async (int id, IClusterAdmin admin, CancellationToken token) =>
        {
            await admin.StartBrokerAsync(id, token);
            return Results.NoContent();
        });
        api.MapPost("/brokers/{id:int}/stop", async (int id, IClusterAdmin admin, CancellationToken token) =>
        {
            await admin.StopBrokerAsync(id, token);
            return Results.NoContent();
        });
        MapConfig(api, "/brokers/{name}/config", ConfigResourceKind.Broker);
        MapConfig(api, "/topics/{name}/config", ConfigResourceKind.Topic);
    }

    private static void MapConfig(RouteGroupBuilder api, string path, ConfigResourceKind kind)
    {
        ConfigResource Resource(string name) => new(kind, kind == ConfigResourceKind.Broker && name == "default" ? "" : name);
        api.MapGet(path, (string name, IClusterAdmin admin) => admin.DescribeConfig(Resource(name)));
        api.MapPatch(path, async (string name, Dictionary<string, string?> changes, bool? validateOnly, IClusterAdmin admin, CancellationToken token) =>
        {
            await admin.AlterConfigAsync(Resource(name), changes, validateOnly ?? false, token);
            return Results.NoContent();
        });
    }

    private static void MapTopics(RouteGroupBuilder api)
    {
        api.MapGet("/topics", (string? search, bool? @internal, TopicColumn? sort, bool? desc, int? skip, int? take, IClusterAdmin admin) =>
            admin.Topics(new TopicQuery(search, @internal ?? false, sort ?? TopicColumn.Name, desc ?? false, skip ?? 0, take ?? 100)));
        api.MapPost("/topics", async (NewTopic topic, IClusterAdmin admin, CancellationToken token) =>
        {
            await admin.CreateTopicAsync(topic, token);
            return Results.Created($"/api/v1/topics/{Uri.EscapeDataString(topic.Name)}", admin.Topic(topic.Name).Summary);
        });
        api.MapGet("/topics/{name}", (string name, IClusterAdmin admin) => admin.Topic(name));
        api.MapDelete("/topics/{name}", async (string name, IClusterAdmin admin, CancellationToken token) =>
        {
            await admin.DeleteTopicAsync(name, token);
            return Results.NoContent();
        });
        api.MapPost("/topics/{name}/partitions", async (string name, PartitionsRequest request, IClusterAdmin admin, CancellationToken token) =>
        {
            await admin.AddPartitionsAsync(name, request.TotalCount, token);
            return Results.NoContent();
        });
        api.MapPost("/topics/{name}/partitions/{partition:int}/delete-records",
            async (string name, int partition, DeleteRecordsRequest request, IClusterAdmin admin, CancellationToken token) =>
                new DeletedRecords(await admin.DeleteRecordsAsync(name, partition, request.BeforeOffset, token)));
    }

    private static void MapMessages(RouteGroupBuilder api)
    {
        api.MapGet("/topics/{name}/messages", async (
            string name, int? partition, BrowseFrom? from, long? offset, DateTimeOffset? timestamp, int? limit, string? contains,
            IClusterAdmin admin, CancellationToken token) =>
        {
            MessagePage page = await admin.BrowseAsync(
                new MessageQuery
                {
                    Topic = name,
                    Partition = partition,
                    From = from ?? BrowseFrom.Newest,
                    Offset = offset ?? 0,
                    Timestamp = timestamp ?? default,
                    Limit = limit ?? 50,
                    Contains = contains,
                },
                token);
            return new MessagesAnswer([.. page.Messages.Select(MessageAnswer.Of)], page.Scanned, page.IsPartial);
        });
        api.MapPost("/topics/{name}/messages", (string name, MessageRequest request, IClusterAdmin admin, CancellationToken token) =>
            admin.ProduceAsync(
                new NewMessage
                {
                    Topic = name,
                    Partition = request.Partition,
                    Key = request.Key is null ? (ReadOnlyMemory<byte>?)null : Encoding.UTF8.GetBytes(request.Key),
                    Value = request.Value is null ? (ReadOnlyMemory<byte>?)null : Encoding.UTF8.GetBytes(request.Value),
                    Headers =
                    [
                        .. (request.Headers ?? []).Select(h => KeyValuePair.Create(h.Key, (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(h.Value))),
                    ],
                    Compression = request.Compression ?? "none",
                },
                token));
    }

    private static void MapGroups(RouteGroupBuilder api)
    {
        api.MapGet("/groups", (string? search, string? state, GroupColumn? sort, bool? desc, int? skip, int? take, IClusterAdmin admin) =>
            admin.Groups(new GroupQuery(search, state, sort ?? GroupColumn.GroupId, desc ?? false, skip ?? 0, take ?? 100)));
        api.MapGet("/groups/{id}", (string id, IClusterAdmin admin) => admin.Group(id));
        api.MapDelete("/groups/{id}", async (string id, IClusterAdmin admin, CancellationToken token) =>
        {
            await admin.DeleteGroupAsync(id, token);
            return Results.NoContent();
        });
    }

    private static void MapInside(RouteGroupBuilder api)
    {
        api.MapGet("/topics/{name}/partitions/{partition:int}/segments", (string name, int partition, IClusterAdmin admin) =>
            admin.Segments(name, partition));
        api.MapGet("/topics/{name}/partitions/{partition:int}/segments/{baseOffset:long}/batches",
            (string name, int partition, long baseOffset, long? position, int? count, IClusterAdmin admin, CancellationToken token) =>
                admin.BatchesAsync(name, partition, baseOffset, position ?? 0, count ?? 100, token));
        api.MapGet("/brokers/{id:int}/timers", (int id, IClusterAdmin admin) => admin.Timers(id));
    }
}

/// <summary>How many partitions a topic shall have in all.</summary>
internal sealed record PartitionsRequest(int TotalCount);

/// <summary>The first offset to keep; -1 is the high watermark.</summary>
internal sealed record DeleteRecordsRequest(long BeforeOffset);

internal sealed record DeletedRecords(long LogStartOffset);

/// <summary>A record to produce; texts are UTF-8.</summary>
internal sealed record MessageRequest(string? Key, string? Value, int? Partition, Dictionary<string, string>? Headers, string? Compression);

internal sealed record MessagesAnswer(IReadOnlyList<MessageAnswer> Messages, long Scanned, bool IsPartial);

/// <summary>A record; bytes that are not UTF-8 text are given in base64 alone.</summary>
internal sealed record MessageAnswer(
    int Partition, long Offset, DateTimeOffset Timestamp, string? Key, string? Value, string? KeyBase64, string? ValueBase64,
    IReadOnlyDictionary<string, string?> Headers, string Compression)
{
    private static readonly UTF8Encoding s_strict = new(false, true);

    public static MessageAnswer Of(MessageView m) => new(
        m.Partition, m.Offset, m.Timestamp, Text(m.Key), Text(m.Value), Base64(m.Key), Base64(m.Value),
        m.Headers.GroupBy(h => h.Key).ToDictionary(h => h.Key, h => Text(h.First().Value)), m.Compression);

    private static string? Base64(ReadOnlyMemory<byte>? bytes) => bytes is { } given ? Convert.ToBase64String(given.Span) : null;

    private static string? Text(ReadOnlyMemory<byte>? bytes)
    {
        try
        {
            return bytes is { } given ? s_strict.GetString(given.Span) : null;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
