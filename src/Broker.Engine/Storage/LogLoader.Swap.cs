using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>Ends a replacement of segments that was interrupted (Kafka: LogLoader.load, its first three passes): undone while
/// not all of the new files were .swap, put in place from there on.</summary>
internal sealed partial class LogLoader
{
    private void FinishSwaps(TopicPartition partition, string directory)
    {
        IReadOnlyList<string> names = disk.FilesIn(directory);
        if (!names.Any(n => n.EndsWith(LogFileNames.SwapSuffix, StringComparison.Ordinal)))
        {
            return;
        }
        long leastCleaned = long.MaxValue;
        foreach (string name in names)
        {
            if (name.EndsWith(LogFileNames.CleanedSuffix, StringComparison.Ordinal) && TryOffsetOf(name, out long at))
            {
                leastCleaned = Math.Min(leastCleaned, at);
            }
        }
        (long first, long end) = (long.MaxValue, long.MinValue);
        var swaps = new List<string>();
        foreach (string name in names)
        {
            if (!name.EndsWith(LogFileNames.SwapSuffix, StringComparison.Ordinal) || !TryOffsetOf(name, out long at))
            {
                continue;
            }
            if (at >= leastCleaned)
            {
                disk.Delete(Path.Combine(directory, name));   // the others of its files did not get so far
                continue;
            }
            swaps.Add(name);
            if (name.EndsWith(LogFileNames.LogSuffix + LogFileNames.SwapSuffix, StringComparison.Ordinal))
            {
                (first, end) = (Math.Min(first, at), Math.Max(end, EndOfSwap(Path.Combine(directory, name), at)));
            }
        }
        foreach (string name in names)
        {
            if (!name.EndsWith(LogFileNames.SwapSuffix, StringComparison.Ordinal) && IsSegmentFile(name)
                && TryOffsetOf(name, out long at) && at >= first && at < end)
            {
                disk.Delete(Path.Combine(directory, name));   // what the new segment stands for
            }
        }
        foreach (string name in swaps)
        {
            LogSwapFinished(partition, name);
            disk.Rename(Path.Combine(directory, name), Path.Combine(directory, name[..^LogFileNames.SwapSuffix.Length]));
        }
        disk.SyncDirectory(directory);   // before a cut changes the new segment
    }

    private static bool IsSegmentFile(string name) =>
        name.EndsWith(LogFileNames.LogSuffix, StringComparison.Ordinal)
        || name.EndsWith(LogFileNames.OffsetIndexSuffix, StringComparison.Ordinal)
        || name.EndsWith(LogFileNames.TimeIndexSuffix, StringComparison.Ordinal)
        || name.EndsWith(LogFileNames.TransactionIndexSuffix, StringComparison.Ordinal);

    private static bool TryOffsetOf(string name, out long offset) =>
        long.TryParse(
            name.AsSpan(0, Math.Max(0, name.IndexOf('.', StringComparison.Ordinal))), NumberStyles.None, CultureInfo.InvariantCulture,
            out offset);

    /// <summary>The offset after the last batch of a swap file.</summary>
    private long EndOfSwap(string path, long baseOffset)
    {
        using Files.DiskFile file = disk.Open(path);
        long end = baseOffset;
        var cursor = new HeaderCursor(file, 0, (int)file.Length);
        while (cursor.MoveNext())
        {
            end = cursor.LastOffset + 1;
        }
        return end;
    }

    [LoggerMessage(3014, LogLevel.Information, "{Partition}: {Name} is of an interrupted replacement and is put in place", EventName = "SwapFinished")]
    private partial void LogSwapFinished(TopicPartition partition, string name);
}
