namespace Broker.Engine.Storage.Cleaning;

/// <summary>How much of a log there is to clean. After Kafka's LogToClean and LogCleanerManager.cleanableOffsets.</summary>
internal sealed record CleanableLog(PartitionLog Log, long FirstDirtyOffset, long FirstUncleanableOffset)
{
    public required long CleanBytes { get; init; }

    public required long CleanableBytes { get; init; }

    /// <summary>Milliseconds by which the oldest dirty record is older than max.compaction.lag.ms.</summary>
    public required long OverdueMs { get; init; }

    /// <summary>Whether what was known of the log's cleaning does not fit the log any more.</summary>
    public required bool WasReset { get; init; }

    public double Ratio => CleanBytes + CleanableBytes == 0 ? 0 : CleanableBytes / (double)(CleanBytes + CleanableBytes);

    public static CleanableLog Of(PartitionLog log, long? lastClean, long? highWatermark, long nowMs)
    {
        IReadOnlyList<LogSegment> segments = log.Segments;
        long start = log.LogStartOffset;
        long checkpoint = lastClean ?? start;
        bool reset = checkpoint < start || checkpoint > log.LogEndOffset;
        long firstDirty = reset ? start : checkpoint;
        LogSegment active = segments[^1];
        log.OnHighWatermark(highWatermark ?? 0);
        long firstUncleanable = Math.Min(
            active.BaseOffset, Math.Min(highWatermark ?? 0, log.FirstUnstableOffset ?? log.LogEndOffset));
        long lag = log.Config.MinCompactionLagMs;
        long earliest = long.MaxValue;
        for (int i = 0; i < segments.Count - 1; i++)
        {
            if (segments[i + 1].BaseOffset <= firstDirty)
            {
                continue;
            }
            if (lag > 0 && segments[i].MaxTimestampMs > nowMs - lag)
            {
                firstUncleanable = Math.Min(firstUncleanable, segments[i].BaseOffset);
            }
            if (segments[i].FirstTimestampMs > 0)
            {
                earliest = Math.Min(earliest, segments[i].FirstTimestampMs);
            }
        }
        firstUncleanable = SegmentStart(segments, firstUncleanable);
        (long clean, long cleanable) = (0, 0);
        for (int i = 0; i < segments.Count; i++)
        {
            if (i + 1 < segments.Count && segments[i + 1].BaseOffset <= firstDirty)
            {
                clean += segments[i].SizeBytes;
            }
            else if (segments[i].BaseOffset < firstUncleanable)
            {
                cleanable += segments[i].SizeBytes;
            }
        }
        long maxLag = Math.Max(log.Config.MaxCompactionLagMs, lag);
        long age = earliest == long.MaxValue ? 0 : nowMs - earliest;
        return new CleanableLog(log, firstDirty, firstUncleanable)
        {
            CleanBytes = clean,
            CleanableBytes = cleanable,
            OverdueMs = age > maxLag ? age - maxLag : 0,   // in this order: the greatest lag is the greatest number
            WasReset = reset,
        };
    }

    /// <summary>Only whole segments are cleaned.</summary>
    private static long SegmentStart(IReadOnlyList<LogSegment> segments, long offset)
    {
        for (int i = segments.Count - 1; i > 0; i--)
        {
            if (segments[i].BaseOffset <= offset)
            {
                return segments[i].BaseOffset;
            }
        }
        return segments[0].BaseOffset;
    }
}
