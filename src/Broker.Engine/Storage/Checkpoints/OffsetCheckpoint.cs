using System.Globalization;
using System.Text;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Checkpoints;

/// <summary>
/// A text file of offsets by partition: <c>0</c>, the number of entries, then <c>topic partition offset</c> a line. Written
/// beside, synced and renamed, so that it is always whole. After Kafka's OffsetCheckpointFile. One writer at a time.
/// </summary>
internal sealed class OffsetCheckpoint(Disk disk, string path)
{
    public string FilePath => path;

    public void Write(IEnumerable<KeyValuePair<TopicPartition, long>> offsets, bool sync)
    {
        var lines = new StringBuilder();
        int count = 0;
        foreach ((TopicPartition partition, long offset) in offsets)
        {
            lines.Append(CultureInfo.InvariantCulture, $"{partition.Topic} {partition.Partition} {offset}\n");
            count++;
        }
        disk.Replace(path, Encoding.UTF8.GetBytes($"0\n{count.ToString(CultureInfo.InvariantCulture)}\n{lines}"), sync);
    }

    /// <summary>Reads the file; none is empty.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message names the line.</exception>
    public Dictionary<TopicPartition, long> Read()
    {
        var offsets = new Dictionary<TopicPartition, long>();
        if (disk.ReadAll(path) is not { } bytes)
        {
            return offsets;
        }
        string[] lines = Encoding.UTF8.GetString(bytes).Split('\n');
        if (lines[0] != "0")
        {
            throw Damaged(1, lines[0], "is not a version this broker knows (0)");
        }
        if (lines.Length < 2 || !int.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            throw Damaged(2, lines.Length < 2 ? "" : lines[1], "is not a number of entries");
        }
        for (int i = 0; i < count; i++)
        {
            string line = i + 2 < lines.Length ? lines[i + 2] : "";
            string[] parts = line.Split(' ');
            if (parts.Length != 3
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int partition)
                || !long.TryParse(parts[2], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long offset))
            {
                throw Damaged(i + 3, line, $"is not an entry, where {count} are announced");
            }
            offsets[new TopicPartition(parts[0], partition)] = offset;
        }
        return offsets;
    }

    /// <summary>Reads the file; a damaged one is told of, and empty.</summary>
    public Dictionary<TopicPartition, long> ReadOrEmpty(Action<string> damaged)
    {
        try
        {
            return Read();
        }
        catch (InvalidDataException e)
        {
            damaged(e.Message);
            return [];
        }
    }

    private InvalidDataException Damaged(int line, string text, string what) =>
        new($"checkpoint {path} is damaged: line {line} '{text}' {what}");
}
