using Broker.Engine.Storage;
using Broker.Engine.Storage.Cleaning;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>The log cleaner.</summary>
internal static partial class BeanCatalog
{
    private static IEnumerable<BeanFamily> CleanerFamilies() =>
    [
        Gauge(LogDomain, "LogCleaner", "DeadThreadCount", b => b.Cleaner?.DeadThreads ?? 0),
        Gauge(LogDomain, "LogCleaner", "cleaner-recopy-percent", b => Greatest(b, r => r.RecopyPercent)),
        Gauge(LogDomain, "LogCleaner", "max-buffer-utilization-percent", b => Greatest(b, r => r.BufferUtilization * 100)),
        Gauge(LogDomain, "LogCleaner", "max-clean-time-secs", b => Greatest(b, r => r.ElapsedSeconds)),
        Gauge(LogDomain, "LogCleaner", "max-compaction-delay-secs", b => b.Cleaner?.MaxCompactionDelaySeconds ?? 0),
        Gauge(LogDomain, "LogCleanerManager", "max-dirty-percent", b => b.Cleaner?.MaxDirtyPercent ?? 0),
        Gauge(
            LogDomain, "LogCleanerManager", "time-since-last-run-ms",
            b => b.Cleaner is { LastLookMs: >= 0 } cleaner ? b.Clock.UnixMs - cleaner.LastLookMs : 0),
        OfUncleanable("uncleanable-partitions-count", (_, _) => 1),
        OfUncleanable("uncleanable-bytes", (cleaner, log) => log.SizeBytes - cleaner.Measure(log).CleanBytes),
        new("kafka.utils", "Throttler", "cleaner-io", BeanKind.Meter, (b, sink) =>
        {
            if (b.Cleaner is { } cleaner)
            {
                sink.Meter(default, cleaner.Throttle.Meter);
            }
        }),
    ];

    private static long Greatest(BrokerServer broker, Func<CleanerStats, double> value) =>
        broker.Cleaner is { Runs.Count: > 0 } cleaner ? (long)cleaner.Runs.Values.Max(r => value(r.Stats)) : 0;

    private static BeanFamily OfUncleanable(string name, Func<LogCleaner, PartitionLog, long> value) =>
        new(LogDomain, "LogCleanerManager", name, BeanKind.Gauge, (broker, sink) =>
        {
            foreach (LogDirectory directory in broker.Logs.Directories)
            {
                long sum = 0;
                foreach (TopicPartition partition in broker.Cleaner?.Uncleanable.Keys ?? [])
                {
                    if (broker.Logs.Find(partition) is { } log && log.ParentDirectory == directory.Path)
                    {
                        sum += value(broker.Cleaner!, log);
                    }
                }
                sink.Gauge(default(Tags).And("logDirectory", directory.Path), sum);
            }
        });
}
