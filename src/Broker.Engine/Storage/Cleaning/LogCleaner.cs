using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Broker.Engine.Configuration;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>
/// Cleans the compacted logs of a broker: threads take the dirtiest one each, and what they have cleaned is kept in
/// <c>cleaner-offset-checkpoint</c> of each directory. Who deletes, moves or cuts a log aborts its cleaning first. After
/// Kafka's LogCleaner and LogCleanerManager. This part chooses and cleans; the others keep the threads, the states and the
/// checkpoints. Thread-safe.
/// </summary>
internal sealed partial class LogCleaner : IDisposable
{
    private readonly ConcurrentDictionary<TopicPartition, CleanerRun> _runs = new();
    private readonly ConditionalWeakTable<PartitionLog, Measured> _measured = [];
    private readonly LogManager _logs;
    private readonly Func<BrokerConfig> _config;
    private readonly Func<TopicPartition, long?> _highWatermarkOf;
    private readonly Func<Random> _newRandom;
    private readonly ILogger _logger;

    /// <param name="logs">The broker's logs, opened.</param>
    /// <param name="config">The broker's configuration as it is now.</param>
    /// <param name="highWatermarkOf">Null for a partition without a role here: it is not cleaned.</param>
    /// <param name="newRandom">For the secrets of maps.</param>
    /// <param name="time">For meters, and for the timer in place of threads.</param>
    /// <param name="logger">The broker's log.</param>
    /// <param name="loop">Cleans in place of threads, where it is given.</param>
    public LogCleaner(
        LogManager logs, Func<BrokerConfig> config, Func<TopicPartition, long?> highWatermarkOf, Func<Random> newRandom,
        TimeProvider time, ILogger logger, IEventLoop? loop = null)
    {
        _time = time;
        _loop = loop;
        _logs = logs;
        _config = config;
        _highWatermarkOf = highWatermarkOf;
        _newRandom = newRandom;
        _logger = logger;
        Throttle = new IoThrottle(time);
        LoadCheckpoints();
    }

    public IoThrottle Throttle { get; }

    /// <summary>The last cleaning of each log since the start.</summary>
    public IReadOnlyDictionary<TopicPartition, CleanerRun> Runs => _runs;

    /// <summary>When a log was last looked for, Unix milliseconds; -1 never.</summary>
    public long LastLookMs { get; private set; } = -1;

    /// <summary>Greatest share of dirty bytes at the last look, percent.</summary>
    public int MaxDirtyPercent { get; private set; }

    /// <summary>Longest time by which a log was overdue at the last look, seconds.</summary>
    public long MaxCompactionDelaySeconds { get; private set; }

    /// <summary>How dirty a log is now, for people: a log that has not changed is not measured again for a while.</summary>
    public CleanableLog Measure(PartitionLog log)
    {
        long now = _logs.Clock.UnixMs;
        var state = new MeasuredState(
            log.Segments, log.LogStartOffset, log.LogEndOffset, CheckpointOf(log), _highWatermarkOf(log.Partition));
        if (_measured.TryGetValue(log, out Measured? last) && last.State == state && now - last.AtMs < MeasuredMsMax)
        {
            return last.Result;
        }
        CleanableLog result = CleanableLog.Of(log, state.Checkpoint, state.HighWatermark, now);
        _measured.AddOrUpdate(log, new Measured(state, now, result));
        return result;
    }

    /// <summary>How long a measurement counts: what may not be cleaned yet becomes cleanable with time.</summary>
    private const long MeasuredMsMax = 10_000;

    private sealed record Measured(MeasuredState State, long AtMs, CleanableLog Result);

    private readonly record struct MeasuredState(
        IReadOnlyList<LogSegment> Segments, long LogStartOffset, long LogEndOffset, long? Checkpoint, long? HighWatermark);

    /// <summary>Cleans the log that needs it most; false when none does.</summary>
    public bool CleanFilthiest()
    {
        if (Take() is not { } chosen)
        {
            return false;
        }
        TopicPartition partition = chosen.Log.Partition;
        long began = _logs.Clock.UnixMs;
        try
        {
            var compaction = new LogCompaction(
                Options(), _newRandom(), bytes => Throttle.Take(bytes, () => CheckDone(partition), _stopping), began);
            Settle(chosen);
            long end = compaction.Clean(chosen);
            _runs[partition] = new CleanerRun(_logs.Clock.UnixMs, compaction.Stats, end);
            UpdateCheckpoint(chosen.Log, end);
            LogCleaned(
                partition, end, compaction.Stats.MessagesRead, compaction.Stats.MessagesWritten, compaction.Stats.BytesRead,
                compaction.Stats.BytesWritten, compaction.Stats.ElapsedSeconds);
        }
        catch (CleaningAbortedException)
        {
            LogAborted(partition);
            return false;
        }
        catch (Exception e) when (e is ObjectDisposedException || (e is IOException && chosen.Log.IsClosed))
        {
            LogAborted(partition);   // deleted or cut under the cleaning
        }
        catch (IOException e)
        {
            chosen.Log.CleaningFailed(e);
        }
#pragma warning disable CA1031 // One bad log does not stop the cleaning of the others.
        catch (Exception e)
        {
            MarkUncleanable(chosen.Log, e);
        }
#pragma warning restore CA1031
        finally
        {
            Done(partition);
        }
        return true;
    }

    /// <summary>What is cleaned lies below the recovery point on the disk: where recovery reads, a segment that ends before the next
    /// one begins is taken for one whose end was lost.</summary>
    private void Settle(CleanableLog chosen)
    {
        if (chosen.Log.RecoveryPoint < chosen.FirstUncleanableOffset)
        {
            chosen.Log.Flush();
        }
        if (chosen.Log.CheckpointedRecoveryPoint < chosen.FirstUncleanableOffset)
        {
            _logs.CheckpointRecoveryPoints();
        }
    }

    private CompactionOptions Options()
    {
        BrokerConfig config = _config();
        int threads = Math.Max(1, config.Int("log.cleaner.threads"));
        return new CompactionOptions
        {
            MapBytes = config.Long("log.cleaner.dedupe.buffer.size") / threads,
            LoadFactor = Math.Clamp(config.Double("log.cleaner.io.buffer.load.factor"), 0.01, 1),
            BufferBytes = Math.Max(4096, config.Int("log.cleaner.io.buffer.size") / threads / 2),
        };
    }

    /// <summary>How dirty a log is; null when it cannot be read, which must not keep the cleaner from the others.</summary>
    private CleanableLog? TryMeasure(PartitionLog log, long highWatermark, long now)
    {
        try
        {
            CleanableLog found = CleanableLog.Of(log, CheckpointOf(log), highWatermark, now);
            if (found.WasReset)
            {
                UpdateCheckpoint(log, found.FirstDirtyOffset);
            }
            return found;
        }
        catch (IOException e)
        {
            log.CleaningFailed(e);
        }
        catch (ObjectDisposedException)
        {
            // deleted meanwhile
        }
        return null;
    }

    /// <summary>Chooses the dirtiest log that may be cleaned and marks it.</summary>
    private CleanableLog? Take()
    {
        long now = _logs.Clock.UnixMs;
        lock (_states)
        {
            LastLookMs = now;
            CleanableLog? best = null;
            double dirtiest = 0;
            long overdueMs = 0;
            foreach (PartitionLog log in _logs.Logs)
            {
                if (!log.Config.CleanupPolicyCompact || log.IsFailed || log.IsClosed || !MayClean(log.Partition)
                    || _highWatermarkOf(log.Partition) is not { } highWatermark)
                {
                    continue;
                }
                if (TryMeasure(log, highWatermark, now) is not { } found)
                {
                    continue;
                }
                dirtiest = Math.Max(dirtiest, found.Ratio);
                overdueMs = Math.Max(overdueMs, found.CleanableBytes > 0 ? found.OverdueMs : 0);
                bool due = found.CleanableBytes > 0 && found.FirstUncleanableOffset > found.FirstDirtyOffset
                    && (found.OverdueMs > 0 || found.Ratio > log.Config.MinCleanableDirtyRatio);
                if (due && (best is null || found.Ratio > best.Ratio))
                {
                    best = found;
                }
            }
            MaxDirtyPercent = (int)(100 * dirtiest);
            MaxCompactionDelaySeconds = overdueMs / 1000;
            if (best is not null)
            {
                _inProgress.Add(best.Log.Partition);
            }
            return best;
        }
    }

    private void MarkUncleanable(PartitionLog log, Exception error)
    {
        _uncleanable[log.Partition] = error.Message;
        LogUncleanable(log.Partition, error.Message);
    }

    [LoggerMessage(3040, LogLevel.Information, "{Partition}: cleaned up to offset {End}: {Read} records read, {Kept} kept; {BytesRead} bytes read, {BytesKept} kept, in {Seconds} s", EventName = "LogCleaned")]
    private partial void LogCleaned(TopicPartition partition, long end, long read, long kept, long bytesRead, long bytesKept, double seconds);

    [LoggerMessage(3041, LogLevel.Information, "{Partition}: its cleaning was aborted", EventName = "CleaningAborted")]
    private partial void LogAborted(TopicPartition partition);

    [LoggerMessage(3042, LogLevel.Warning, "{Partition}: it cannot be cleaned and is left alone until the next start: {Reason}", EventName = "LogUncleanable")]
    private partial void LogUncleanable(TopicPartition partition, string reason);
}
