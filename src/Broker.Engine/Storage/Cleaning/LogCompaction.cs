using System.Diagnostics;
using Broker.Engine.Storage.Index;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>What a cleaning may use.</summary>
internal sealed record CompactionOptions
{
    /// <summary>Bytes of the offset map at most: log.cleaner.dedupe.buffer.size, shared by the threads.</summary>
    public required long MapBytes { get; init; }

    /// <summary>log.cleaner.io.buffer.load.factor.</summary>
    public required double LoadFactor { get; init; }

    /// <summary>log.cleaner.io.buffer.size, shared by the threads.</summary>
    public required int BufferBytes { get; init; }
}

/// <summary>
/// One cleaning of one log: the keys of its dirty part go into a map, as many as there is room for, and everything up to
/// the last of them is written again without what a later record of its key replaces. After Kafka's Cleaner. Not
/// thread-safe.
/// </summary>
/// <param name="options">Memory.</param>
/// <param name="random">For the map.</param>
/// <param name="took">Called with bytes read and written; waits for the throttle, and throws to end the cleaning.</param>
/// <param name="nowMs">The clock, Unix milliseconds.</param>
internal sealed class LogCompaction(CompactionOptions options, Random random, Action<long> took, long nowMs)
{
    private readonly BatchWalk _walk = new(options.BufferBytes, took);
    private readonly BatchTools _tools = BatchTools.Current;

    public CleanerStats Stats { get; } = new() { StartedMs = nowMs };

    /// <summary>Cleans; gives the offset from which the log is dirty then.</summary>
    /// <exception cref="CleaningAbortedException">The log changed under the cleaning, or it was told to stop. What was put in
    /// place stays.</exception>
    public long Clean(CleanableLog cleanable)
    {
        long began = Stopwatch.GetTimestamp();
        PartitionLog log = cleanable.Log;
        if (log.RecoveryPoint < cleanable.FirstUncleanableOffset)
        {
            log.Flush();   // what is replaced must not be what recovery would still read
        }
        LogSegment[] segments =
        [
            .. log.Segments.TakeWhile(s => s.BaseOffset < cleanable.FirstUncleanableOffset),
        ];
        OffsetMap map = BuildMap(cleanable, segments);
        long end = Math.Max(map.LatestOffset + 1, cleanable.FirstDirtyOffset);
        LogSegment[] toClean = [.. segments.TakeWhile(s => s.BaseOffset < end)];
        var rules = new CleaningRules(map, new CleanedTransactions(), log.LastRecordsOfProducers(), Stats)
        {
            NowMs = nowMs,
            DeleteRetentionMs = log.Config.DeleteRetentionMs,
            UpperBoundOffset = cleanable.FirstUncleanableOffset,
        };
        rules.Transactions.Add(AbortedFrom(log, segments.Length == 0 ? 0 : segments[0].BaseOffset));
        long lastClean = segments.LastOrDefault(s => s.BaseOffset < cleanable.FirstDirtyOffset) is { } s ? TimeOf(s) : 0;
        long legacyHorizonMs = lastClean == 0 ? 0 : lastClean - log.Config.DeleteRetentionMs;
        foreach (List<LogSegment> group in Group(log, toClean, cleanable.FirstUncleanableOffset))
        {
            CleanGroup(log, group, rules, legacyHorizonMs);
        }
        Stats.ElapsedSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return end;
    }

    private static long TimeOf(LogSegment segment) => segment.ModifiedMs > 0 ? segment.ModifiedMs : segment.MaxTimestampMs;

    private OffsetMap BuildMap(CleanableLog cleanable, LogSegment[] segments)
    {
        long dirty = Math.Max(1, cleanable.FirstUncleanableOffset - cleanable.FirstDirtyOffset);
        int most = OffsetMap.SlotsOf(options.MapBytes);
        // No more memory than the dirty offsets could need.
        int slots = (int)Math.Min(most, (long)(dirty / options.LoadFactor) + 2);
        var map = new OffsetMap(slots, random);
        int keysMax = Math.Max(1, Math.Min((int)(slots * options.LoadFactor), slots - 1));
        var transactions = new CleanedTransactions();
        transactions.Add(AbortedFrom(cleanable.Log, cleanable.FirstDirtyOffset));
        var builder = new OffsetMapBuilder(map, keysMax, cleanable.FirstDirtyOffset, transactions, _tools.Codecs, Stats);
        for (int i = 0; i < segments.Length && !builder.IsFull; i++)
        {
            if (i + 1 < segments.Length && segments[i + 1].BaseOffset <= cleanable.FirstDirtyOffset)
            {
                continue;
            }
            int from = Math.Max(0, segments[i].FindPosition(cleanable.FirstDirtyOffset, out _));
            _walk.Go(segments[i], from, builder);
        }
        if (!builder.IsFull)
        {
            map.UpdateLatest(cleanable.FirstUncleanableOffset - 1);   // gaps at the end are clean too
        }
        Stats.BufferUtilization = map.Count / (double)most;
        return map;
    }

    /// <summary>Aborted transactions that end at or after an offset. A transaction's entry lies in the segment of its marker, which
    /// may be any number of segments after its records.</summary>
    private static List<AbortedTransaction> AbortedFrom(PartitionLog log, long offset)
    {
        var found = new List<AbortedTransaction>();
        foreach (LogSegment segment in log.Segments)
        {
            found.AddRange(segment.Transactions.Entries);
        }
        found.RemoveAll(e => e.LastOffset < offset);
        return found;
    }

    /// <summary>Segments that become one: together no larger than segment.bytes, with indexes no larger than
    /// segment.index.bytes, and offsets no further apart than an index can say.</summary>
    private static IEnumerable<List<LogSegment>> Group(PartitionLog log, LogSegment[] segments, long firstUncleanable)
    {
        var group = new List<LogSegment>();
        (long bytes, long offsets, long times) = (0, 0, 0);
        for (int i = 0; i < segments.Length; i++)
        {
            LogSegment next = segments[i];
            long last = (i + 1 < segments.Length ? segments[i + 1].BaseOffset : firstUncleanable) - 1;
            if (group.Count > 0 && (bytes + next.SizeBytes > log.Config.SegmentBytes
                || offsets + next.OffsetIndex.SizeBytes > log.Config.SegmentIndexBytes
                || times + next.TimeIndex.SizeBytes > log.Config.SegmentIndexBytes
                || (next.SizeBytes > 0 && last - group[0].BaseOffset > int.MaxValue)))
            {
                yield return group;
                group = [];
                (bytes, offsets, times) = (0, 0, 0);
            }
            group.Add(next);
            bytes += next.SizeBytes;
            offsets += next.OffsetIndex.SizeBytes;
            times += next.TimeIndex.SizeBytes;
        }
        if (group.Count > 0)
        {
            yield return group;
        }
    }

    private void CleanGroup(PartitionLog log, List<LogSegment> group, CleaningRules rules, long legacyHorizonMs)
    {
        took(0);
        LogSegment cleaned = log.NewCleanedSegment(group[0].BaseOffset);
        bool done = false;
        try
        {
            var filter = new RecordFilter(
                rules, cleaned, log.Config.IndexIntervalBytes, options.BufferBytes, _tools.Codecs, _tools.Builder);
            List<AbortedTransaction> index = rules.Transactions.CleanedIndex = [];
            foreach (LogSegment segment in group)
            {
                rules.RetainsLegacyDeletes = TimeOf(segment) > legacyHorizonMs;
                _walk.Go(segment, 0, filter);
                took(filter.TakeWritten());
            }
            filter.Flush();
            cleaned.ModifiedMs = group[^1].ModifiedMs;
            index.ForEach(aborted => cleaned.Transactions.Append(aborted));
            cleaned.Seal();
            cleaned.Sync();
            took(0);
            done = log.ReplaceSegments(cleaned, group);
            if (!done)
            {
                throw new CleaningAbortedException();
            }
        }
        finally
        {
            if (!done && !log.IsFailed)
            {
                log.Discard(cleaned);
            }
        }
    }
}
