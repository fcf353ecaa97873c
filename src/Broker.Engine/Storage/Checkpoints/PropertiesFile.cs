using System.Text;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Checkpoints;

/// <summary><c>meta.properties</c>: which cluster, broker and directory a log directory belongs to (Kafka:
/// MetaProperties, version 0 with broker.id, version 1 with node.id).</summary>
internal sealed record MetaProperties(int Version, string? ClusterId, int BrokerId, Guid? DirectoryId)
{
    public static MetaProperties? Read(Disk disk, string directory)
    {
        string path = Path.Combine(directory, LogFileNames.MetaProperties);
        if (disk.ReadAll(path) is not { } bytes)
        {
            return null;
        }
        Dictionary<string, string> values = Parse(Encoding.UTF8.GetString(bytes));
        if (!values.TryGetValue("version", out string? version) || version is not ("0" or "1"))
        {
            throw new InvalidDataException($"{path} has no version that this broker knows (0 or 1)");
        }
        string idKey = version == "0" ? "broker.id" : "node.id";
        if (!values.TryGetValue(idKey, out string? id) && !values.TryGetValue("broker.id", out id))
        {
            id = "-1";
        }
        if (!int.TryParse(id, out int brokerId))
        {
            throw new InvalidDataException($"{path}: {idKey} '{id}' is not a number");
        }
        Guid? directoryId = values.TryGetValue("directory.id", out string? text) && Uuids.TryParse(text, out Guid parsed) ? parsed : null;
        return new MetaProperties(version == "0" ? 0 : 1, values.GetValueOrDefault("cluster.id"), brokerId, directoryId);
    }

    /// <summary>Writes the file as Kafka in ZooKeeper mode does: version 0.</summary>
    public void Write(Disk disk, string directory)
    {
        var text = new StringBuilder("#\n");
        if (DirectoryId is { } directoryId)
        {
            text.Append("directory.id=").Append(Uuids.Format(directoryId)).Append('\n');
        }
        text.Append("cluster.id=").Append(ClusterId).Append('\n');
        text.Append(Version == 0 ? "broker.id=" : "node.id=").Append(BrokerId).Append('\n');
        text.Append("version=").Append(Version).Append('\n');
        disk.Replace(Path.Combine(directory, LogFileNames.MetaProperties), Encoding.UTF8.GetBytes(text.ToString()), sync: true);
    }

    private static Dictionary<string, string> Parse(string text)
    {
        var values = new Dictionary<string, string>();
        foreach (string line in text.Split('\n'))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && !line.StartsWith('#'))
            {
                values[line[..equals].Trim()] = line[(equals + 1)..].Trim();
            }
        }
        return values;
    }
}

/// <summary><c>partition.metadata</c>: the topic id of a partition's directory (Kafka: PartitionMetadataFile).</summary>
internal static class PartitionMetadataFile
{
    public static void Write(Disk disk, string directory, Guid topicId, bool sync) => disk.Replace(
        Path.Combine(directory, LogFileNames.PartitionMetadata),
        Encoding.UTF8.GetBytes($"version: 0\ntopic_id: {Uuids.Format(topicId)}"),
        sync);

    /// <summary>The topic id, or null when there is no file.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static Guid? Read(Disk disk, string directory)
    {
        string path = Path.Combine(directory, LogFileNames.PartitionMetadata);
        if (disk.ReadAll(path) is not { } bytes)
        {
            return null;
        }
        string[] lines = Encoding.UTF8.GetString(bytes).Split('\n');
        const string Prefix = "topic_id: ";
        if (lines.Length < 2 || lines[0].Trim() != "version: 0" || !lines[1].StartsWith(Prefix, StringComparison.Ordinal)
            || !Uuids.TryParse(lines[1][Prefix.Length..].Trim(), out Guid id))
        {
            throw new InvalidDataException($"{path} is damaged: it must say 'version: 0' and 'topic_id: ...'");
        }
        return id;
    }
}
