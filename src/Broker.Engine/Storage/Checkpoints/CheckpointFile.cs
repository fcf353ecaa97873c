using System.Globalization;
using System.Text;

namespace Broker.Engine.Storage.Checkpoints;

/// <summary>Reads the fields of a checkpoint's line; false when they are no entry.</summary>
internal delegate bool CheckpointEntry<T>(string[] fields, out T entry);

/// <summary>
/// The frame of all checkpoints: a line <c>0</c> for the version, one with the number of entries, and an entry a line, its fields
/// apart by spaces. After Kafka's CheckpointFile. Stateless.
/// </summary>
internal static class CheckpointFile
{
    private const string Version = "0";

    public static byte[] Format<T>(IEnumerable<T> entries, Action<StringBuilder, T> write)
    {
        var lines = new StringBuilder();
        int count = 0;
        foreach (T entry in entries)
        {
            write(lines, entry);
            lines.Append('\n');
            count++;
        }
        return Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Version}\n{count}\n{lines}"));
    }

    /// <summary>The entries, as far as they are good.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="read">Reads one entry.</param>
    /// <param name="fault">What is wrong, and in which line; null when nothing is.</param>
    public static List<T> Parse<T>(ReadOnlySpan<byte> bytes, CheckpointEntry<T> read, out string? fault)
    {
        var entries = new List<T>();
        string[] lines = Encoding.UTF8.GetString(bytes).Split('\n');
        fault = null;
        if (lines[0] != Version)
        {
            fault = Fault(1, lines[0], $"is not a version this broker knows ({Version})");
            return entries;
        }
        if (lines.Length < 2 || !int.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            fault = Fault(2, lines.Length < 2 ? "" : lines[1], "is not a number of entries");
            return entries;
        }
        for (int i = 0; i < count; i++)
        {
            string line = i + 2 < lines.Length ? lines[i + 2] : "";
            if (!read(line.Split(' '), out T entry))
            {
                fault = Fault(i + 3, line, $"is not an entry, where {count} are announced");
                return entries;
            }
            if (i + 3 >= lines.Length)
            {
                fault = Fault(i + 3, line, "does not end: the file was cut there, and its last number perhaps too");
                return entries;
            }
            entries.Add(entry);
        }
        return entries;
    }

    private static string Fault(int line, string text, string what) => $"line {line} '{text}' {what}";

    /// <summary>A number without a sign.</summary>
    public static bool TryRead(string field, out int value) => int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    /// <summary>A number without a sign.</summary>
    public static bool TryRead(string field, out long value) => long.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    /// <summary>A partition's two fields.</summary>
    public static bool TryRead(string topic, string number, out TopicPartition partition)
    {
        bool isNumber = TryRead(number, out int index);
        partition = new TopicPartition(topic, index);
        return isNumber;
    }
}
