using Broker.Engine.Storage;
using Broker.Engine.Storage.Cleaning;

namespace Broker.Engine.Admin.Hosted;

/// <summary>The log cleaner.</summary>
internal sealed partial class ClusterAdmin
{
    private const int CleanedLogsShown = 1_000;

    public CleanerView Cleaner(int brokerId)
    {
        BrokerServer broker = Running().FirstOrDefault(b => b.Id == brokerId)
            ?? throw new AdminException("BROKER_NOT_AVAILABLE", $"Broker {brokerId} is not running in this host.");
        bool enabled = broker.Config.Static.Bool("log.cleaner.enable");
        int threads = broker.Config.Current.Int("log.cleaner.threads");
        if (broker.Cleaner is not { } cleaner)
        {
            return new CleanerView(brokerId, enabled, threads, 0, 0, null, []);
        }
        return new CleanerView(
            brokerId, enabled, enabled ? threads : 0, cleaner.DeadThreads, cleaner.Throttle.Meter.OneMinuteRate, Time(cleaner.LastLookMs),
            [
                .. broker.Logs.Logs.Where(l => l.Config.CleanupPolicyCompact).Select(l => Describe(cleaner, l))
                    .OrderByDescending(l => l.DirtyRatio).ThenByDescending(l => l.DirtyBytes).ThenBy(l => l.Topic, StringComparer.Ordinal)
                    .ThenBy(l => l.Partition).Take(CleanedLogsShown),
            ]);
    }

    private static CleanedLogView Describe(LogCleaner cleaner, PartitionLog log)
    {
        CleanableLog measured = cleaner.Measure(log);
        CleanerRun? run = cleaner.Runs.GetValueOrDefault(log.Partition);
        return new CleanedLogView
        {
            Topic = log.Partition.Topic,
            Partition = log.Partition.Partition,
            CleanBytes = measured.CleanBytes,
            DirtyBytes = measured.CleanableBytes,
            DirtyRatio = measured.Ratio,
            FirstDirtyOffset = measured.FirstDirtyOffset,
            IsInProgress = cleaner.IsInProgress(log.Partition),
            Uncleanable = cleaner.Uncleanable.GetValueOrDefault(log.Partition),
            LastRun = run is null ? null : Time(run.EndedMs),
            LastSeconds = run?.Stats.ElapsedSeconds,
            RecordsKept = run?.Stats.MessagesWritten,
            RecordsDropped = run?.Stats.MessagesRead - run?.Stats.MessagesWritten,
            BytesRead = run?.Stats.BytesRead,
            BytesKept = run?.Stats.BytesWritten,
        };
    }
}
