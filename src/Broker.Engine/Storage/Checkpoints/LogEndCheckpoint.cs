using System.Globalization;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Checkpoints;

/// <summary>Where a log ended as it was closed cleanly: its last segment, that file's length, and the offset after it.</summary>
internal readonly record struct LogEnd(long ActiveBaseOffset, int ActiveBytes, long EndOffset);

/// <summary>
/// <c>log-end-checkpoint</c>: how a clean stop left the logs of a directory, so that the next start need not read their
/// segments. <c>0</c>, the number of entries, then <c>topic partition baseOffset bytes endOffset</c> a line. Believed only for
/// a log whose last segment has that very length; written at a clean stop and deleted at the start. Kafka has no such file and
/// does not mind it. One writer at a time.
/// </summary>
internal sealed class LogEndCheckpoint(Disk disk, string path)
{
    public void Write(IEnumerable<KeyValuePair<TopicPartition, LogEnd>> ends) => disk.Replace(
        path,
        CheckpointFile.Format(ends, static (line, entry) => line.Append(
            CultureInfo.InvariantCulture,
            $"{entry.Key.Topic} {entry.Key.Partition} {entry.Value.ActiveBaseOffset} {entry.Value.ActiveBytes} {entry.Value.EndOffset}")),
        sync: true);

    /// <summary>Reads the file and deletes it; none, and a damaged one, says nothing.</summary>
    public Dictionary<TopicPartition, LogEnd> Take()
    {
        if (disk.ReadAll(path) is not { } bytes)
        {
            return [];
        }
        disk.Delete(path);
        return Parse(bytes) ?? [];
    }

    /// <summary>The entries, or null when one of them is none.</summary>
    internal static Dictionary<TopicPartition, LogEnd>? Parse(ReadOnlySpan<byte> bytes)
    {
        List<KeyValuePair<TopicPartition, LogEnd>> entries =
            CheckpointFile.Parse<KeyValuePair<TopicPartition, LogEnd>>(bytes, TryReadEntry, out string? fault);
        if (fault is not null)
        {
            return null;
        }
        var ends = new Dictionary<TopicPartition, LogEnd>();
        entries.ForEach(e => ends[e.Key] = e.Value);
        return ends;
    }

    private static bool TryReadEntry(string[] fields, out KeyValuePair<TopicPartition, LogEnd> entry)
    {
        entry = default;
        if (fields.Length != 5 || !CheckpointFile.TryRead(fields[0], fields[1], out TopicPartition partition)
            || !CheckpointFile.TryRead(fields[2], out long baseOffset) || !CheckpointFile.TryRead(fields[3], out int size)
            || !CheckpointFile.TryRead(fields[4], out long end) || end < baseOffset)
        {
            return false;
        }
        entry = KeyValuePair.Create(partition, new LogEnd(baseOffset, size, end));
        return true;
    }
}
