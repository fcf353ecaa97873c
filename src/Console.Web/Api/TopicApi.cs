using System.ComponentModel;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace WebConsole.Api;

/// <summary>Topics and their partitions.</summary>
internal static class TopicApi
{
    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/topics", List).Fresh().Refuses(400).WithTags("Topics").WithName("ListTopics").WithSummary("Topics, searched, sorted, paged");
        api.MapPost("/topics", CreateAsync).Refuses(400, 409, 503, 504)
            .WithTags("Topics").WithName("CreateTopic").WithSummary("Makes a topic; answers when every partition has a leader");
        api.MapGet("/topics/{name}", (string name, IClusterAdmin admin) => admin.Topic(name)).Fresh().Refuses(404)
            .WithTags("Topics").WithName("GetTopic").WithSummary("A topic with its partitions and the groups that read it");
        api.MapDelete("/topics/{name}", DeleteAsync).Refuses(400, 404, 503, 504)
            .WithTags("Topics").WithName("DeleteTopic").WithSummary("Deletes a topic with all its records");
        api.MapPost("/topics/{name}/partitions", AddPartitionsAsync).Refuses(400, 404, 503, 504)
            .WithTags("Topics").WithName("AddPartitions").WithSummary("Gives a topic more partitions");
        api.MapPost("/topics/{name}/partitions/{partition:int}/delete-records", DeleteRecordsAsync).Refuses(400, 404, 503)
            .WithTags("Topics").WithName("DeleteRecords").WithSummary("Moves a partition's first readable offset");
    }

    private static Page<TopicSummary> List([AsParameters] TopicListQuery query, IClusterAdmin admin) => admin.Topics(new TopicQuery(
        ApiRules.Bounded(query.Search, ClusterApi.SearchMax, "search"), query.Internal ?? false, query.Sort ?? TopicColumn.Name, query.Desc ?? false,
        ApiRules.Bounded(query.Skip, 0, 0, int.MaxValue, "skip"), ApiRules.Bounded(query.Take, 100, 1, ClusterApi.TakeMax, "take")));

    private static async Task<Created<TopicSummary>> CreateAsync(NewTopic topic, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.CreateTopicAsync(topic, cancellationToken);
        return TypedResults.Created($"{ApiRules.Prefix}/topics/{Uri.EscapeDataString(topic.Name)}", admin.Topic(topic.Name).Summary);
    }

    private static async Task<NoContent> DeleteAsync(string name, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.DeleteTopicAsync(name, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> AddPartitionsAsync(
        string name, PartitionsRequest request, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.AddPartitionsAsync(name, request.TotalCount, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<DeletedRecords> DeleteRecordsAsync(
        string name, int partition, DeleteRecordsRequest request, IClusterAdmin admin, CancellationToken cancellationToken) =>
        new(await admin.DeleteRecordsAsync(name, partition, request.BeforeOffset, cancellationToken));
}

/// <summary>Which topics.</summary>
internal sealed class TopicListQuery
{
    [Description("A part of the name.")]
    public string? Search { get; init; }

    [Description("Also Kafka's own topics."), FromQuery(Name = "internal")]
    public bool? Internal { get; init; }

    [Description("The column to sort by; Name unless given.")]
    public TopicColumn? Sort { get; init; }

    [Description("Greatest first.")]
    public bool? Desc { get; init; }

    [Description("Topics to leave out at the start.")]
    public int? Skip { get; init; }

    [Description("Topics wanted, 1 to 1000; 100 unless given.")]
    public int? Take { get; init; }
}

/// <summary>How many partitions a topic shall have in all.</summary>
internal sealed record PartitionsRequest(int TotalCount);

/// <summary>The first offset to keep; -1 is the high watermark.</summary>
internal sealed record DeleteRecordsRequest(long BeforeOffset);

/// <summary>Where the log begins now.</summary>
internal sealed record DeletedRecords(long LogStartOffset);
