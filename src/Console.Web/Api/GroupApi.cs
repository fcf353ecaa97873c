using System.ComponentModel;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace WebConsole.Api;

/// <summary>Consumer groups and their offsets.</summary>
internal static class GroupApi
{
    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/groups", List).Fresh().Refuses(400).WithTags("Groups").WithName("ListGroups").WithSummary("Consumer groups, searched, sorted, paged");
        api.MapGet("/groups/{id}", (string id, IClusterAdmin admin) => admin.Group(id)).Fresh().Refuses(404, 503)
            .WithTags("Groups").WithName("GetGroup").WithSummary("A group: members, assignment, committed offsets and lag by partition");
        api.MapDelete("/groups/{id}", DeleteAsync).Refuses(404, 409, 503)
            .WithTags("Groups").WithName("DeleteGroup").WithSummary("Deletes a group without members, offsets and all");
        api.MapPost("/groups/{id}/offsets", ResetAsync).Refuses(400, 404, 409, 503)
            .WithTags("Groups").WithName("ResetOffsets").WithSummary("Commits offsets for a group without members");
    }

    private static GroupList List([AsParameters] GroupListQuery query, IClusterAdmin admin) => admin.Groups(new GroupQuery(
        ApiRules.Bounded(query.Search, ClusterApi.SearchMax, "search"), query.State, query.Sort ?? GroupColumn.GroupId, query.Desc ?? false,
        ApiRules.Bounded(query.Skip, 0, 0, int.MaxValue, "skip"), ApiRules.Bounded(query.Take, 100, 1, ClusterApi.TakeMax, "take")));

    private static async Task<NoContent> DeleteAsync(string id, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.DeleteGroupAsync(id, cancellationToken);
        return TypedResults.NoContent();
    }

    private static Task<IReadOnlyList<CommittedPlace>> ResetAsync(
        string id, OffsetReset reset, IClusterAdmin admin, CancellationToken cancellationToken) =>
        admin.ResetOffsetsAsync(id, reset, cancellationToken);
}

/// <summary>Which groups.</summary>
internal sealed class GroupListQuery
{
    [Description("A part of the group's id.")]
    public string? Search { get; init; }

    [Description("Kafka's name of a state: Stable, Empty ...")]
    public string? State { get; init; }

    [Description("The column to sort by; GroupId unless given.")]
    public GroupColumn? Sort { get; init; }

    [Description("Greatest first.")]
    public bool? Desc { get; init; }

    [Description("Groups to leave out at the start.")]
    public int? Skip { get; init; }

    [Description("Groups wanted, 1 to 1000; 100 unless given.")]
    public int? Take { get; init; }
}
