using System.ComponentModel;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.OpenApi;

namespace WebConsole.Api;

/// <summary>The REST API below <c>/api/v1</c>: what the console does, for scripts. <see cref="ApiRules"/> holds for every call.</summary>
internal static class ClusterApi
{
    /// <summary>Most items of a list in one answer.</summary>
    internal const int TakeMax = 1_000;

    /// <summary>Characters of a text to search for.</summary>
    internal const int SearchMax = 1_000;

    public static void UseApiRules(this WebApplication app)
    {
        ILogger logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Rest");
        app.UseWhen(
            context => context.Request.Path.StartsWithSegments(ApiRules.Prefix) || context.Request.Path.StartsWithSegments("/jmx"),
            branch => branch.Use(next => context => ApiRules.RunAsync(context, next, logger)));
    }

    public static void MapClusterApi(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder api = routes.MapGroup(ApiRules.Prefix).DisableAntiforgery();
        MapCluster(api);
        MapConfig(api);
        TopicApi.Map(api);
        MessageApi.Map(api);
        GroupApi.Map(api);
        InsideApi.Map(api);
        ReplicationApi.Map(api);
        MapMetrics(routes);
    }

    /// <summary>What the document says of the whole.</summary>
    public static Task DescribeAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info.Title = "Wheelhouse";
        document.Info.Version = "v1";
        document.Info.Description =
            "Everything the console does. A refusal is application/problem+json with Kafka's name of the error in \"error\". "
            + "Requests of other sites may not change anything.";
        foreach (OpenApiParameter parameter in document.Paths.Values.SelectMany(p => p.Operations ?? []).SelectMany(o => o.Value.Parameters ?? [])
            .OfType<OpenApiParameter>())
        {
            parameter.Name = parameter.Name is { Length: > 0 } name ? char.ToLowerInvariant(name[0]) + name[1..] : parameter.Name;
        }
        return Task.CompletedTask;
    }

    private static void MapMetrics(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/metrics", (HttpContext context, IMetricsDoor metrics) =>
        {
            context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            return metrics.WritePrometheusAsync(context.Response.Body, context.RequestAborted);
        }).WithTags("Metrics").WithSummary("Every metric in Prometheus' text form");
        routes.MapGet("/jmx", (string? qry, int? broker, HttpContext context, IMetricsDoor metrics) =>
        {
            context.Response.ContentType = "application/json; charset=utf-8";
            return metrics.WriteJmxAsync(qry, broker, context.Response.Body, context.RequestAborted);
        }).WithTags("Metrics").WithSummary("MBeans as JSON");
    }

    private static void MapCluster(RouteGroupBuilder api)
    {
        api.MapGet("/cluster", (IClusterAdmin admin) => admin.Overview()).Fresh()
            .WithTags("Cluster").WithName("GetCluster").WithSummary("The cluster: brokers, controller, partitions, rates, what is wrong");
        api.MapGet("/brokers", (IClusterAdmin admin) => admin.Brokers()).Fresh()
            .WithTags("Brokers").WithName("ListBrokers").WithSummary("Every broker");
        api.MapGet("/brokers/{id:int}", (int id, IClusterAdmin admin) => admin.Broker(id)).Fresh().Refuses(404)
            .WithTags("Brokers").WithName("GetBroker").WithSummary("A broker with log directories, connections and requests");
        api.MapPost("/brokers/{id:int}/start", StartAsync).Refuses(404, 503)
            .WithTags("Brokers").WithName("StartBroker").WithSummary("Starts a stopped broker of this host; answers when it serves");
        api.MapPost("/brokers/{id:int}/stop", StopAsync).Refuses(404)
            .WithTags("Brokers").WithName("StopBroker").WithSummary("Stops a broker of this host cleanly, or hard as kill -9 would; the others go on");
    }

    private static async Task<NoContent> StartAsync(int id, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.StartBrokerAsync(id, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> StopAsync(
        int id, [Description("As kill -9 would: nothing is flushed, nobody is told, its session has to expire.")] bool? hard,
        IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.StopBrokerAsync(id, hard ?? false, cancellationToken);
        return TypedResults.NoContent();
    }

    private static void MapConfig(RouteGroupBuilder api)
    {
        api.MapGet("/brokers/{name}/config", (string name, IClusterAdmin admin, CancellationToken cancellationToken) =>
                admin.DescribeConfigAsync(BrokerOf(name), cancellationToken)).Refuses(503)
            .WithTags("Brokers").WithName("GetBrokerConfig").WithSummary("A broker's configuration, of whichever host; \"default\" for what holds for all");
        api.MapPatch("/brokers/{name}/config", AlterBrokerAsync).Refuses(400, 503)
            .WithTags("Brokers").WithName("AlterBrokerConfig").WithSummary("Sets keys; a null value restores the default");
        api.MapGet("/brokers/{name}/loggers", (string name, IClusterAdmin admin, CancellationToken cancellationToken) =>
                admin.DescribeConfigAsync(LoggersOf(name), cancellationToken)).Refuses(503)
            .WithTags("Brokers").WithName("GetBrokerLoggers").WithSummary("A broker's loggers and their levels");
        api.MapPatch("/brokers/{name}/loggers", AlterLoggersAsync).Refuses(400, 503)
            .WithTags("Brokers").WithName("AlterBrokerLoggers").WithSummary("Sets levels until the broker's process ends; null takes a logger's own away");
        api.MapGet("/topics/{name}/config", (string name, IClusterAdmin admin, CancellationToken cancellationToken) =>
                admin.DescribeConfigAsync(TopicOf(name), cancellationToken)).Refuses(404, 503)
            .WithTags("Topics").WithName("GetTopicConfig").WithSummary("A topic's configuration");
        api.MapPatch("/topics/{name}/config", AlterTopicAsync).Refuses(400, 404, 503)
            .WithTags("Topics").WithName("AlterTopicConfig").WithSummary("Sets keys; a null value restores the default");
    }

    private static Task<NoContent> AlterBrokerAsync(
        string name, Dictionary<string, string?> changes, [Description(ValidateOnly)] bool? validateOnly, IClusterAdmin admin,
        CancellationToken cancellationToken) => AlterAsync(BrokerOf(name), changes, validateOnly, admin, cancellationToken);

    private static Task<NoContent> AlterLoggersAsync(
        string name, Dictionary<string, string?> changes, [Description(ValidateOnly)] bool? validateOnly, IClusterAdmin admin,
        CancellationToken cancellationToken) => AlterAsync(LoggersOf(name), changes, validateOnly, admin, cancellationToken);

    private static Task<NoContent> AlterTopicAsync(
        string name, Dictionary<string, string?> changes, [Description(ValidateOnly)] bool? validateOnly, IClusterAdmin admin,
        CancellationToken cancellationToken) => AlterAsync(TopicOf(name), changes, validateOnly, admin, cancellationToken);

    private const string ValidateOnly = "Only checks whether the change would be accepted.";

    private static async Task<NoContent> AlterAsync(
        ConfigResource resource, Dictionary<string, string?> changes, bool? validateOnly, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.AlterConfigAsync(resource, changes, validateOnly ?? false, cancellationToken);
        return TypedResults.NoContent();
    }

    private static ConfigResource BrokerOf(string name) => new(ConfigResourceKind.Broker, name == "default" ? "" : name);

    private static ConfigResource LoggersOf(string name) => new(ConfigResourceKind.BrokerLogger, name);

    private static ConfigResource TopicOf(string name) => new(ConfigResourceKind.Topic, name);
}
