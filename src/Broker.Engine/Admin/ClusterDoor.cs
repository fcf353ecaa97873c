using Broker.Engine.Admin.Hosted;

namespace Broker.Engine.Admin;

/// <summary>Opens the door over a host's brokers.</summary>
public static class ClusterDoor
{
    /// <returns>Lives as long as the host; to be disposed of before the brokers stop.</returns>
    public static IClusterAdmin Open(HostedCluster cluster) => new ClusterAdmin(cluster);

    /// <summary>Opens the door to the metrics of a host's brokers.</summary>
    /// <param name="cluster">The host's brokers.</param>
    /// <param name="admin">The door that knows what brokers of other hosts tell.</param>
    public static IMetricsDoor OpenMetrics(HostedCluster cluster, IClusterAdmin admin) =>
        new MetricsDoor(cluster, admin is ClusterAdmin known ? known.EndElsewhere : _ => -1);
}
