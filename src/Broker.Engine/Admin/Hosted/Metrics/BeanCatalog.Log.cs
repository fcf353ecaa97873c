using Broker.Engine.Storage;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Logs and their directories.</summary>
internal static partial class BeanCatalog
{
    private const string LogDomain = "kafka.log";

    private static IEnumerable<BeanFamily> LogFamilies() =>
    [
        OfLog("Size", l => l.SizeBytes),
        OfLog("NumLogSegments", l => l.Segments.Count),
        OfLog("LogStartOffset", l => l.LogStartOffset),
        OfLog("LogEndOffset", l => l.LogEndOffset),
        OfLog("RetentionSizeInPercent", l => l.Config.RetentionBytes > 0 ? l.SizeBytes * 100 / l.Config.RetentionBytes : 0),
        new(LogDomain, "LogFlushStats", "LogFlushRateAndTimeMs", BeanKind.Timer, (b, sink) => sink.Timer(default, b.Metrics.LogFlush)),
        Gauge(LogDomain, "LogManager", "OfflineLogDirectoryCount", b => b.Logs.Directories.Count(d => !d.IsOnline)),
        new(LogDomain, "LogManager", "remainingLogsToRecover", BeanKind.Gauge, (b, sink) =>
        {
            if (b.Logs.Recovery is { } recovery)
            {
                sink.Gauge(default(Tags).And("dir", recovery.Directory), recovery.RemainingLogs);
            }
        }),
        new(LogDomain, "LogManager", "remainingSegmentsToRecover", BeanKind.Gauge, (b, sink) =>
        {
            if (b.Logs.Recovery is { } recovery)
            {
                sink.Gauge(default(Tags).And("dir", recovery.Directory), recovery.RemainingSegments);
            }
        }),
        new(LogDomain, "LogManager", "LogDirectoryOffline", BeanKind.Gauge, (b, sink) =>
        {
            foreach (LogDirectory directory in b.Logs.Directories)
            {
                sink.Gauge(default(Tags).And("logDirectory", directory.Path), directory.IsOnline ? 0 : 1);
            }
        }),
    ];

    private static BeanFamily OfLog(string name, Func<PartitionLog, long> value) =>
        new(LogDomain, "Log", name, BeanKind.Gauge, (broker, sink) =>
        {
            foreach (PartitionLog log in broker.Logs.Logs)
            {
                sink.Gauge(default(Tags).And("topic", log.Partition.Topic).And("partition", log.Partition.Partition), value(log));
            }
        });
}
