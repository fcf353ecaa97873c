using System.ComponentModel;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace WebConsole.Api;

/// <summary>What lies inside: segments, batches, timing wheels.</summary>
internal static class InsideApi
{
    private const int BatchesMax = 500;

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/topics/{name}/partitions/{partition:int}/segments", Segments).Refuses(404, 503)
            .WithTags("Inside").WithName("GetSegments").WithSummary("A partition's segments with sizes, index entries and times");
        api.MapGet("/topics/{name}/partitions/{partition:int}/segments/{baseOffset:long}/batches", BatchesAsync).Refuses(400, 404, 503)
            .WithTags("Inside").WithName("GetBatches").WithSummary("The batches of a segment: offsets, producer, codec, checksum");
        api.MapGet("/brokers/{id:int}/timers", (int id, IClusterAdmin admin) => admin.Timers(id)).Refuses(503)
            .WithTags("Inside").WithName("GetTimers").WithSummary("A broker's purgatories and the timing wheels under them");
        api.MapGet("/brokers/{id:int}/cleaner", (int id, IClusterAdmin admin) => admin.Cleaner(id)).Refuses(503)
            .WithTags("Inside").WithName("GetCleaner").WithSummary("A broker's log cleaner, and how dirty each compacted log is");
    }

    private static SegmentsView Segments(string name, int partition, IClusterAdmin admin) => admin.Segments(name, partition);

    private static Task<BatchPage> BatchesAsync(
        string name, int partition, long baseOffset,
        [Description("Where to begin in the file; 0 unless given, then nextPosition of the last answer.")] long? position,
        [Description("Batches wanted, 1 to 500; 100 unless given.")] int? count,
        IClusterAdmin admin, CancellationToken cancellationToken) =>
        admin.BatchesAsync(name, partition, baseOffset, position ?? 0, ApiRules.Bounded(count, 100, 1, BatchesMax, "count"), cancellationToken);
}
