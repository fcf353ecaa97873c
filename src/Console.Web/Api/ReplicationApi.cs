using System.ComponentModel;
using Broker.Engine;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace WebConsole.Api;

/// <summary>Replicas, leaders, and their moves.</summary>
internal static class ReplicationApi
{
    private const string Tag = "Replication";

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/replication", (IClusterAdmin admin) => admin.ReplicationTotals())
            .WithTags(Tag).WithName("GetReplication").WithSummary("Totals, controller, skew, and each broker's share");
        api.MapGet("/replication/partitions", List).Refuses(400)
            .WithTags(Tag).WithName("ListPartitionStates").WithSummary("Partitions by what is wrong with them, paged");
        api.MapGet("/replication/history", History).Refuses(400)
            .WithTags(Tag).WithName("GetIsrHistory").WithSummary("Who left the in-sync replicas and came back, who led, and why; latest first");
        api.MapGet("/topics/{name}/replicas", ReplicasAsync).Refuses(400, 404)
            .WithTags(Tag).WithName("GetReplicas").WithSummary("Log end and high watermark of every replica side by side");
        api.MapGet("/topics/{name}/skew", (string name, IClusterAdmin admin) => admin.Skew(name)).Refuses(404)
            .WithTags(Tag).WithName("GetTopicSkew").WithSummary("How evenly a topic lies on the brokers, by CMAK's formulae");
        api.MapPost("/replication/preferred-election", ElectAsync).Refuses(400, 503)
            .WithTags(Tag).WithName("ElectPreferredLeaders").WithSummary("Has preferred replicas lead: of the partitions named, or of all");
        api.MapPost("/replication/rebalance/preview", Preview).Fresh().Refuses(400, 404)
            .WithTags(Tag).WithName("PreviewRebalance").WithSummary("What would spread replicas and leaders evenly; changes nothing");
        MapReassignments(api);
        api.MapGet("/brokers/{id:int}/shutdown-preview", (int id, IClusterAdmin admin) => admin.PreviewShutdown(id)).Refuses(404)
            .WithTags("Brokers").WithName("PreviewShutdown").WithSummary("What would move, go offline or fall below its minimum if the broker stopped");
    }

    private static void MapReassignments(RouteGroupBuilder api)
    {
        api.MapGet("/reassignments", ReassignmentsAsync).Refuses(400, 503)
            .WithTags(Tag).WithName("ListReassignments").WithSummary("Reassignments under way with progress, pace and expected end");
        api.MapPost("/reassignments", ReassignAsync).Refuses(400, 404, 503)
            .WithTags(Tag).WithName("Reassign").WithSummary("Gives partitions other replicas, with a limit if one is named");
        api.MapPost("/reassignments/cancel", CancelAsync).Refuses(400, 503)
            .WithTags(Tag).WithName("CancelReassignments").WithSummary("Takes reassignments back: of the partitions named, or all");
        api.MapPut("/reassignments/throttle", ThrottleAsync).Refuses(400, 503)
            .WithTags(Tag).WithName("SetReplicationThrottle").WithSummary("Limits what each broker sends and takes for moves; null takes the limit away");
    }

    private static Page<PartitionStatus> List([AsParameters] PartitionListQuery query, IClusterAdmin admin) => admin.PartitionStates(new PartitionQuery(
        query.Filter ?? PartitionFilter.Wrong, ApiRules.Bounded(query.Search, ClusterApi.SearchMax, "search"), query.Broker,
        ApiRules.Bounded(query.Skip, 0, 0, int.MaxValue, "skip"), ApiRules.Bounded(query.Take, 100, 1, ClusterApi.TakeMax, "take")));

    private static Page<IsrEvent> History([AsParameters] IsrListQuery query, IClusterAdmin admin) => admin.IsrHistory(new IsrQuery(
        ApiRules.Bounded(query.Topic, ClusterApi.SearchMax, "topic"), query.Partition, query.Broker, query.Kind,
        ApiRules.Bounded(query.Skip, 0, 0, int.MaxValue, "skip"), ApiRules.Bounded(query.Take, 100, 1, ClusterApi.TakeMax, "take")));

    private static async Task<Page<PartitionReplicas>> ReplicasAsync(
        string name, [Description("Partitions to leave out at the start.")] int? skip,
        [Description("Partitions wanted, 1 to 1000; 100 unless given.")] int? take, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        (int from, int count) = (ApiRules.Bounded(skip, 0, 0, int.MaxValue, "skip"), ApiRules.Bounded(take, 100, 1, ClusterApi.TakeMax, "take"));
        _ = admin.Replicas(name, from, count);   // says which are wanted
        await admin.FreshAsync(cancellationToken);
        return admin.Replicas(name, from, count);
    }

    private static Task<ElectionOutcome> ElectAsync(PartitionsNamed request, IClusterAdmin admin, CancellationToken cancellationToken) =>
        admin.ElectPreferredAsync(request.Named(), cancellationToken);

    private static RebalanceProposal Preview(RebalanceOptions options, IClusterAdmin admin) => admin.ProposeRebalance(options);

    private static Task<ReassignmentsView> ReassignmentsAsync(
        [Description("Items to leave out at the start.")] int? skip, [Description("Items wanted, 1 to 1000; 100 unless given.")] int? take,
        IClusterAdmin admin, CancellationToken cancellationToken) => admin.ReadReassignmentsAsync(
        ApiRules.Bounded(skip, 0, 0, int.MaxValue, "skip"), ApiRules.Bounded(take, 100, 1, ClusterApi.TakeMax, "take"), cancellationToken);

    private static async Task<NoContent> ReassignAsync(ReassignRequest request, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.ReassignAsync(
            request.Assignments ?? throw new AdminException("INVALID_REQUEST", "assignments are missing."), request.ThrottleBytesPerSec, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<Cancelled> CancelAsync(PartitionsNamed request, IClusterAdmin admin, CancellationToken cancellationToken) =>
        new(await admin.CancelReassignmentsAsync(request.Named(), cancellationToken));

    private static async Task<NoContent> ThrottleAsync(ThrottleRequest request, IClusterAdmin admin, CancellationToken cancellationToken)
    {
        await admin.SetThrottleAsync(request.BytesPerSec, cancellationToken);
        return TypedResults.NoContent();
    }
}

/// <summary>Which partitions.</summary>
internal sealed class PartitionListQuery
{
    [Description("What is wrong with them; Wrong, which is anything, unless given.")]
    public PartitionFilter? Filter { get; init; }

    [Description("A part of the topic's name.")]
    public string? Search { get; init; }

    [Description("Only those with a replica on this broker.")]
    public int? Broker { get; init; }

    [Description("Partitions to leave out at the start.")]
    public int? Skip { get; init; }

    [Description("Partitions wanted, 1 to 1000; 100 unless given.")]
    public int? Take { get; init; }
}

/// <summary>Which events.</summary>
internal sealed class IsrListQuery
{
    [Description("The whole name of a topic: each partition by itself. Without it, what happened to many at once is one event.")]
    public string? Topic { get; init; }

    [Description("One partition of the topic.")]
    public int? Partition { get; init; }

    [Description("Only what concerns this broker.")]
    public int? Broker { get; init; }

    [Description("Only events of this kind.")]
    public IsrEventKind? Kind { get; init; }

    [Description("Events to leave out at the start.")]
    public int? Skip { get; init; }

    [Description("Events wanted, 1 to 1000; 100 unless given.")]
    public int? Take { get; init; }
}

/// <summary>Partitions by name; null for all.</summary>
internal sealed record PartitionsNamed(IReadOnlyList<NamedPartition>? Partitions)
{
    public IReadOnlyList<TopicPartition>? Named() => Partitions is null ? null : [.. Partitions.Select(p => new TopicPartition(p.Topic, p.Partition))];
}

internal sealed record NamedPartition(string Topic, int Partition);

/// <summary>The replicas that partitions shall have, the preferred leader first; and bytes a second, or null for no limit.</summary>
internal sealed record ReassignRequest(IReadOnlyList<NewAssignment>? Assignments, long? ThrottleBytesPerSec);

/// <summary>How many reassignments were cancelled.</summary>
internal sealed record Cancelled(int Count);

/// <summary>Bytes a second; null for no limit.</summary>
internal sealed record ThrottleRequest(long? BytesPerSec);
