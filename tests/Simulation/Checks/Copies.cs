using System.Globalization;
using System.Text;
using Broker.Engine.Replication;
using Broker.Protocol.Records;

namespace Simulation.Checks;

/// <summary>What a group copied, against what it committed: all that lies below a committed offset was read before the commit, and so
/// was copied. Not thread-safe.</summary>
internal sealed class Copies(History history, TopicPart target)
{
    private readonly RecordCodecs _codecs = new();

    public TopicPart Target => target;

    /// <summary>The commits of those that copy.</summary>
    public GroupHistory Group { get; } = new(history);

    /// <summary>What is missing, or null.</summary>
    public string? Missing(Partition copy, IEnumerable<TopicPart> sources)
    {
        var copied = new HashSet<long>();
        long from = copy.Log.LogStartOffset;
        while (from < copy.Log.LogEndOffset && copy.Log.Copy(from, 1 << 16, copy.Log.LogEndOffset) is { } bytes)
        {
            var batches = new BatchCursor(bytes);
            while (batches.MoveNext())
            {
                using var records = new RecordCursor(batches.Batch, _codecs);
                while (records.MoveNext())
                {
                    copied.Add(long.Parse(Encoding.ASCII.GetString(records.Current.Value.Span), CultureInfo.InvariantCulture));
                }
                from = batches.Batch.NextOffset;
            }
        }
        foreach (TopicPart source in sources.Where(s => !history.IsTainted(s)))
        {
            long committed = Group.AcknowledgedOf(source).Offset;
            foreach ((long offset, long value) in history.ValuesOf(source))
            {
                if (offset < committed && !copied.Contains(value))
                {
                    return $"{value} of {source} at {offset} is not in the copy, where {committed} was committed";
                }
            }
        }
        return null;
    }
}
