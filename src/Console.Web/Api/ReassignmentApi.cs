using System.ComponentModel;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace WebConsole.Api;

/// <summary>Leaders and replicas that move.</summary>
internal static class ReassignmentApi
{
    public static void Map(RouteGroupBuilder api)
    {
        api.MapPost("/elections", ElectAsync).Refuses(400, 404, 503, 504)
            .WithTags("Replicas").WithName("ElectPreferred").WithSummary("Makes the first replica of each partition its leader again");
        api.MapGet("/reassignments", (IClusterAdmin admin, CancellationToken cancellationToken) => admin.ReassignmentsAsync(cancellationToken))
            .Refuses(503).WithTags("Replicas").WithName("ListReassignments").WithSummary("The reassignments under way, and how far they are");
        api.MapPost("/reassignments", ReassignAsync).Refuses(400, 404, 503)
            .WithTags("Replicas").WithName("Reassign").WithSummary("Begins to move replicas");
        api.MapPost("/reassignments/proposal", (ProposalRequest request, IClusterAdmin admin) => admin.ProposeReassignment(request.Topics, request.Brokers))
            .Refuses(400, 404).WithTags("Replicas").WithName("ProposeReassignment").WithSummary("How replicas and leaders would lie evenly; does nothing");
        api.MapDelete("/reassignments/{topic}/{partition:int}", CancelAsync).Refuses(400, 404, 503)
            .WithTags("Replicas").WithName("CancelReassignment").WithSummary("Lets a partition's replicas be what they were");
    }

    private static Task<IReadOnlyList<ElectionResult>> ElectAsync(
        ElectionRequest request, IClusterAdmin admin, CancellationToken cancellationToken) =>
        admin.ElectPreferredAsync(request.Topic, cancellationToken);

    private static async Task<Accepted> ReassignAsync(ReassignmentRequest request, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.ReassignAsync(request.Moves, cancellationToken);
        return TypedResults.Accepted($"{ApiRules.Prefix}/reassignments");
    }

    private static async Task<NoContent> CancelAsync(string topic, int partition, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.CancelReassignmentAsync(topic, partition, cancellationToken);
        return TypedResults.NoContent();
    }
}

internal sealed record ElectionRequest([property: Description("A topic; null for all.")] string? Topic = null);

internal sealed record ReassignmentRequest(IReadOnlyList<PartitionMove> Moves);

internal sealed record ProposalRequest(
    [property: Description("Topics that may move; null for all.")] IReadOnlyList<string>? Topics = null,
    [property: Description("Brokers that are to have replicas; null for all that live.")] IReadOnlyList<int>? Brokers = null);
