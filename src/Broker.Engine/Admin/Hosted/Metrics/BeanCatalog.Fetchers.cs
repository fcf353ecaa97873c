using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Replication.Fetching;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>What this broker fetches from others, and the quotas of it.</summary>
internal static partial class BeanCatalog
{
    private static IEnumerable<BeanFamily> FetcherFamilies() =>
    [
        OfFetchers("MaxLag", b => Threads(b).SelectMany(t => t.Lags).Select(l => Math.Max(0, l.Lag)).DefaultIfEmpty().Max()),
        OfFetchers("MinFetchRate", b => (long)Threads(b).Select(t => t.RequestMeter.OneMinuteRate).DefaultIfEmpty().Min()),
        OfFetchers("DeadThreadCount", b => Threads(b).Count(t => t.IsDead)),
        OfFetchers("FailedPartitionsCount", b => b.Replicas.Fetchers?.FailedCount ?? 0),
        .. NoFetchers("ReplicaAlterLogDirsManager", "ReplicaAlterLogDirs"),
        new(Server, "FetcherStats", "RequestsPerSec", BeanKind.Meter, (broker, sink) =>
        {
            foreach (ReplicaFetcherThread thread in Threads(broker))
            {
                sink.Meter(Of(thread, broker), thread.RequestMeter);
            }
        }),
        new(Server, "FetcherStats", "BytesPerSec", BeanKind.Meter, (broker, sink) =>
        {
            foreach (ReplicaFetcherThread thread in Threads(broker))
            {
                sink.Meter(Of(thread, broker), thread.ByteMeter);
            }
        }),
        new(Server, "FetcherLagMetrics", "ConsumerLag", BeanKind.Gauge, (broker, sink) =>
        {
            foreach (ReplicaFetcherThread thread in Threads(broker))
            {
                foreach ((Partition partition, long lag) in thread.Lags)
                {
                    sink.Gauge(
                        default(Tags).And("clientId", Name(thread)).And("topic", partition.Topic.Name).And("partition", partition.Index),
                        Math.Max(0, lag));
                }
            }
        }),
        OfQuota("LeaderReplication", c => c.LeaderQuota),
        OfQuota("FollowerReplication", c => c.FollowerQuota),
    ];

    /// <summary>Shown once there is a limit.</summary>
    private static BeanFamily OfQuota(string type, Func<ReplicationContext, ReplicationQuota?> quota) =>
        Own(Server, type, ["byte-rate"], (broker, sink) =>
        {
            if (quota(broker.Replicas.Context) is { IsLimited: true } limited)
            {
                sink.Attributes(default, [limited.Rate]);
            }
        });

    private static IReadOnlyList<ReplicaFetcherThread> Threads(BrokerServer broker) => broker.Replicas.Fetchers?.Threads ?? [];

    private static string Name(ReplicaFetcherThread thread) => $"ReplicaFetcherThread-{thread.Index}-{thread.Source}";

    private static Tags Of(ReplicaFetcherThread thread, BrokerServer broker)
    {
        BrokerEndpoint? endpoint = broker.EndpointOf(thread.Source);
        return default(Tags).And("clientId", Name(thread)).And("brokerHost", endpoint?.Host ?? "").And("brokerPort", endpoint?.Port ?? -1);
    }

    private static BeanFamily OfFetchers(string name, Func<BrokerServer, long> value) => new(
        Server, "ReplicaFetcherManager", name, BeanKind.Gauge, (b, sink) => sink.Gauge(default(Tags).And("clientId", "Replica"), value(b)));

    /// <summary>What Kafka shows of fetchers when there is none.</summary>
    private static IEnumerable<BeanFamily> NoFetchers(string type, string clientId)
    {
        foreach (string name in new[] { "MaxLag", "MinFetchRate", "DeadThreadCount", "FailedPartitionsCount" })
        {
            yield return new BeanFamily(
                Server, type, name, BeanKind.Gauge, (_, sink) => sink.Gauge(default(Tags).And("clientId", clientId), 0));
        }
    }
}
