using System.Globalization;
using System.Text;
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
    public void Write(IEnumerable<KeyValuePair<TopicPartition, LogEnd>> ends)
    {
        var lines = new StringBuilder();
        int count = 0;
        foreach ((TopicPartition partition, LogEnd end) in ends)
        {
            lines.Append(
                CultureInfo.InvariantCulture,
                $"{partition.Topic} {partition.Partition} {end.ActiveBaseOffset} {end.ActiveBytes} {end.EndOffset}\n");
            count++;
        }
        disk.Replace(path, Encoding.UTF8.GetBytes($"0\n{count.ToString(CultureInfo.InvariantCulture)}\n{lines}"), sync: true);
    }

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
        var ends = new Dictionary<TopicPartition, LogEnd>();
        string[] lines = Encoding.UTF8.GetString(bytes).Split('\n');
        if (lines.Length < 2 || lines[0] != "0" || !int.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            || count > lines.Length - 2)
        {
            return null;
        }
        for (int i = 0; i < count; i++)
        {
            string[] parts = lines[i + 2].Split(' ');
            if (parts.Length != 5
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int partition)
                || !long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out long baseOffset)
                || !int.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out int size)
                || !long.TryParse(parts[4], NumberStyles.None, CultureInfo.InvariantCulture, out long end)
                || end < baseOffset)
            {
                return null;
            }
            ends[new TopicPartition(parts[0], partition)] = new LogEnd(baseOffset, size, end);
        }
        return ends;
    }
}
