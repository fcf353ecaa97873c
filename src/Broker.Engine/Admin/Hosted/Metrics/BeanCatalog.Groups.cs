using Broker.Engine.Groups;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>The group coordinator.</summary>
internal static partial class BeanCatalog
{
    private const string GroupDomain = "kafka.coordinator.group";
    private const string GroupMetrics = "group-coordinator-metrics";

    private static IEnumerable<BeanFamily> GroupFamilies() =>
    [
        Gauge(GroupDomain, "GroupMetadataManager", "NumGroups", b => b.Groups.EachGroup.Count()),
        Gauge(GroupDomain, "GroupMetadataManager", "NumOffsets", b => b.Groups.EachGroup.Sum(g => (long)g.Offsets.Count)),
        .. Enum.GetValues<GroupState>().Select(state => Gauge(
            GroupDomain, "GroupMetadataManager", $"NumGroups{state}", b => b.Groups.EachGroup.Count(g => g.State == state))),
        Own(
            Server, GroupMetrics,
            [
                "offset-commit-count", "offset-commit-rate", "offset-deletion-count", "offset-deletion-rate", "offset-expiration-count",
                "offset-expiration-rate", "group-completed-rebalance-count", "group-completed-rebalance-rate", "partition-load-time-avg",
                "partition-load-time-max",
            ],
            Coordinator),
        Own(
            Server, GroupMetrics, ["group-count"],
            (b, sink) => sink.Attributes(default(Tags).And("protocol", "classic"), [b.Groups.EachGroup.Count()])),
        Own(Server, GroupMetrics, ["num-partitions"], (b, sink) =>
        {
            (int all, int loading) = b.Groups.Partitions;
            sink.Attributes(default(Tags).And("state", "active"), [all - loading]);
            sink.Attributes(default(Tags).And("state", "loading"), [loading]);
            sink.Attributes(default(Tags).And("state", "failed"), [0]);   // one whose load failed goes on as loading
        }),
    ];

    private static void Coordinator(BrokerServer broker, BeanSink sink)
    {
        double Count(int which) => BrokerMetrics.GroupCount(broker.Groups, which);
        (double average, double max) = broker.Groups.Loads.Read();
        sink.Attributes(default,
        [
            Count(0), broker.Metrics.GroupRate(0), Count(1), broker.Metrics.GroupRate(1), Count(2), broker.Metrics.GroupRate(2), Count(3),
            broker.Metrics.GroupRate(3), average, max,
        ]);
    }
}
