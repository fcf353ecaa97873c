using Broker.Engine.Configuration;

namespace Broker.Engine;

/// <summary>What a broker does from time to time.</summary>
internal sealed partial class BrokerServer
{
    private const string MoverThreads = "num.replica.alter.log.dirs.threads";

    private readonly List<ITimer> _schedule = [];

    private void StartSchedule()
    {
        BrokerConfig config = Config.Static;
        long initialMs = config.Long("log.initial.task.delay.ms");
        Every(Diagnostics.Meter.TickSeconds * 1000L, () =>
        {
            Metrics.Tick();
            Cleaner?.Throttle.Meter.Tick();
        });
        Every(
            config.Long("log.retention.check.interval.ms"), () => Logs.DeleteOldSegments(Replicas.HighWatermarkOf), initialMs);
        Every(
            config.Long("log.flush.offset.checkpoint.interval.ms"),
            () =>
            {
                Logs.CheckpointRecoveryPoints();
                Logs.SyncIdentities();
            },
            initialMs);
        Every(config.Long("log.flush.start.offset.checkpoint.interval.ms"), Logs.CheckpointLogStartOffsets, initialMs);
        Every(
            config.Long("replica.high.watermark.checkpoint.interval.ms"),
            () => Logs.CheckpointHighWatermarks(p => Replicas.HighWatermarkToKeep(p)));
        Every(config.Long("replica.lag.time.max.ms") / 2, Replicas.ShrinkIsrs);
        Every(config.Long("log.flush.scheduler.interval.ms"), Logs.FlushDirty, initialMs);
        Every(config.Long("offsets.retention.check.interval.ms"), Groups.ExpireOffsets);
        Every(config.Long("producer.id.expiration.check.interval.ms"), () =>
        {
            long expiration = Config.Current.Long("producer.id.expiration.ms");
            foreach (Storage.PartitionLog log in Logs.Logs)
            {
                log.RemoveExpiredProducers(expiration);
            }
        });
    }

    /// <summary>Lets the cleaner and the mover of logs go by the configuration as it is now (threads, throttles).</summary>
    private void ConfigureDiskWork()
    {
        if (Mover is { } mover)
        {
            mover.Throttle.BytesPerSecond = Config.Current.Long("replica.alter.log.dirs.io.max.bytes.per.second");
            mover.Threads = Config.Static.Text(MoverThreads) is null ? Logs.Directories.Count : Config.Static.Int(MoverThreads);
        }
        if (Config.Static.Bool("log.cleaner.enable"))
        {
            Cleaner?.Configure($"broker-{Id}-log-cleaner");
        }
    }

    /// <summary>Runs work on the worker threads, never twice at once: first after <paramref name="initialMs"/>, or after one
    /// period where that is not given. Periods beyond 49 days are never.</summary>
    private void Every(long periodMs, Action work, long? initialMs = null)
    {
        if (periodMs is <= 0 or > uint.MaxValue - 2)
        {
            return;
        }
        int running = 0;
        TimeSpan period = TimeSpan.FromMilliseconds(periodMs);
        void Run()
        {
            try
            {
                work();
            }
            finally
            {
                Volatile.Write(ref running, 0);
            }
        }
        _schedule.Add(_environment.Time.CreateTimer(
            _ =>
            {
                if (Interlocked.Exchange(ref running, 1) == 0 && !Workers.Run(Run))
                {
                    Volatile.Write(ref running, 0);
                }
            },
            null, initialMs is { } delay ? TimeSpan.FromMilliseconds(Math.Min(delay, uint.MaxValue - 2)) : period, period));
    }

    private async Task StopScheduleAsync()
    {
        foreach (ITimer timer in _schedule)
        {
            await timer.DisposeAsync().ConfigureAwait(false);
        }
        _schedule.Clear();
    }
}
