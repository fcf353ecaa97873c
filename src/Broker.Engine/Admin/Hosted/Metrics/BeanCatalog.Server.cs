using System.Globalization;
using System.Reflection;
using System.Text;
using Broker.Engine.Purgatory;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>The broker as a whole, and what waits in it.</summary>
internal static partial class BeanCatalog
{
    private static readonly string s_informational =
        typeof(BeanCatalog).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private static string Version => s_informational.Split('+')[0];

    private static string CommitId => s_informational.Split('+') is [_, { } commit] ? commit : "unknown";

    private static IEnumerable<BeanFamily> ServerFamilies() =>
    [
        Gauge(Server, "KafkaServer", "BrokerState", StateOf),
        Text(Server, "KafkaServer", "ClusterId", b => b.ClusterId),
        Gauge(Server, "KafkaServer", "linux-disk-read-bytes", b => DiskBytes(b, "read_bytes: ")),
        Gauge(Server, "KafkaServer", "linux-disk-write-bytes", b => DiskBytes(b, "write_bytes: ")),
        Gauge(Server, "KafkaServer", "yammer-metrics-count", b => Count(b, own: false).Beans),
        Own(Server, "kafka-metrics-count", ["count"], (b, sink) => sink.Attributes(default, [Count(b, own: true).OwnAttributes])),
        Own(
            Server, "app-info", ["commit-id", "start-time-ms", "version"],
            (b, sink) => sink.Attributes(default, [CommitId, b.Metrics.StartedAt.ToUnixTimeMilliseconds(), Version])),
        Own(
            Server, "app-info", ["CommitId", "StartTimeMs", "Version"],
            (b, sink) => sink.Attributes(
                default(Tags).And("id", b.Id), [CommitId, b.Metrics.StartedAt.ToUnixTimeMilliseconds(), Version])),
        Gauge(Server, "MetadataLoader", "CurrentControllerId", b => b.Metadata.Current.ControllerId),
        Purgatory("NumDelayedOperations", p => p.NumDelayedOperations),
        Purgatory("PurgatorySize", p => p.PurgatorySize),
        new(Server, "DelayedFetchMetrics", "ExpiresPerSec", BeanKind.Meter, (b, sink) =>
        {
            sink.Meter(default(Tags).And("fetcherType", "consumer"), b.Metrics.ExpiredConsumerFetches);
            sink.Meter(default(Tags).And("fetcherType", "follower"), b.Metrics.ExpiredFollowerFetches);
        }),
        Meter(Server, "DelayedProduceMetrics", "ExpiresPerSec", b => b.Metrics.ExpiredProduces),
        Gauge(Server, "FetchSessionCache", "NumIncrementalFetchSessions", b => b.Fetches.Sessions.Count),
        Gauge(Server, "FetchSessionCache", "NumIncrementalFetchPartitionsCached", b => b.Fetches.Sessions.PartitionCount),
        Meter(Server, "FetchSessionCache", "IncrementalFetchSessionEvictionsPerSec", b => b.Metrics.SessionEvictions),
        Meter(Server, "KafkaRequestHandlerPool", "RequestHandlerAvgIdlePercent", b => b.Metrics.RequestHandlerIdle),
        Meter(Server, "KafkaRequestHandlerPool", "BrokerRequestHandlerAvgIdlePercent", b => b.Metrics.RequestHandlerIdle),
    ];

    /// <summary>Kafka's numbers of BrokerState.</summary>
    private static long StateOf(BrokerServer broker)
    {
        const int starting = 1;
        const int recovery = 2;
        const int running = 3;
        const int shuttingDown = 7;
        return broker.Stopping.IsCancellationRequested ? shuttingDown : broker.IsServing ? running
            : broker.Logs.RemainingToRecover > 0 ? recovery : starting;
    }

    /// <summary>What the process read from or wrote to disks, as Linux tells it.</summary>
    private static long DiskBytes(BrokerServer broker, string line)
    {
        byte[]? io = OperatingSystem.IsLinux() ? broker.Logs.Directories[0].Disk.ReadAll("/proc/self/io") : null;
        string? found = io is null ? null : Encoding.ASCII.GetString(io).Split('\n').FirstOrDefault(l => l.StartsWith(line, StringComparison.Ordinal));
        return found is null ? 0 : long.Parse(found.AsSpan(line.Length), CultureInfo.InvariantCulture);
    }

    /// <summary>Counts Kafka's own beans, or Yammer's.</summary>
    private static CountingSink Count(BrokerServer broker, bool own)
    {
        var sink = new CountingSink();
        foreach (BeanFamily family in All)
        {
            if (family.Kind == BeanKind.Attributes == own && family is not ({ Name: "yammer-metrics-count" } or { Type: "kafka-metrics-count" }))
            {
                sink.Begin(broker.Id, family);
                family.Collect(broker, sink);
            }
        }
        return sink;
    }

    private static BeanFamily Purgatory(string name, Func<DelayedOperationPurgatory, int> value) =>
        new(Server, "DelayedOperationPurgatory", name, BeanKind.Gauge, (broker, sink) =>
        {
            foreach (DelayedOperationPurgatory purgatory in
                new[]
                {
                    broker.ProducePurgatory, broker.FetchPurgatory, broker.DeleteRecordsPurgatory, broker.RebalancePurgatory,
                    broker.HeartbeatPurgatory, broker.TopicPurgatory,
                })
            {
                sink.Gauge(default(Tags).And("delayedOperation", purgatory.Name), value(purgatory));
            }
        });
}
