using System.Globalization;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Checkpoints;

/// <summary>
/// A text file of offsets by partition: <c>0</c>, the number of entries, then <c>topic partition offset</c> a line. Written
/// beside, synced and renamed, so that it is always whole. After Kafka's OffsetCheckpointFile. One writer at a time.
/// </summary>
internal sealed class OffsetCheckpoint(Disk disk, string path)
{
    public string FilePath => path;

    public void Write(IEnumerable<KeyValuePair<TopicPartition, long>> offsets, bool sync) => disk.Replace(
        path,
        CheckpointFile.Format(offsets, static (line, entry) => line.Append(
            CultureInfo.InvariantCulture, $"{entry.Key.Topic} {entry.Key.Partition} {entry.Value}")),
        sync);

    /// <summary>Reads the file; none is empty.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message names the line.</exception>
    public Dictionary<TopicPartition, long> Read()
    {
        var offsets = new Dictionary<TopicPartition, long>();
        if (disk.ReadAll(path) is not { } bytes)
        {
            return offsets;
        }
        List<KeyValuePair<TopicPartition, long>> entries =
            CheckpointFile.Parse<KeyValuePair<TopicPartition, long>>(bytes, TryReadEntry, out string? fault);
        if (fault is not null)
        {
            throw new InvalidDataException($"checkpoint {path} is damaged: {fault}");
        }
        entries.ForEach(e => offsets[e.Key] = e.Value);
        return offsets;
    }

    private static bool TryReadEntry(string[] fields, out KeyValuePair<TopicPartition, long> entry)
    {
        entry = default;
        if (fields.Length != 3 || !CheckpointFile.TryRead(fields[0], fields[1], out TopicPartition partition)
            || !long.TryParse(fields[2], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long offset))
        {
            return false;
        }
        entry = KeyValuePair.Create(partition, offset);
        return true;
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
}
