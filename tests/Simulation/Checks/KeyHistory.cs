using System.Globalization;
using System.Text;
using Broker.Engine.Replication;
using Broker.Protocol.Records;

namespace Simulation.Checks;

/// <summary>
/// What was written to a compacted partition, by its key, against what a replica has of it after cleanings of its own: the last
/// acknowledged value of each key, nothing of before a tombstone, and every record at the offset that it had. Not thread-safe.
/// </summary>
internal sealed class KeyHistory(TopicPart part)
{
    private readonly RecordCodecs _codecs = new();
    private readonly List<Write> _writes = [];

    /// <summary>The last acknowledged write of each key.</summary>
    private readonly Dictionary<int, Write> _last = [];

    private sealed record Write(long Number, int Key, bool IsTombstone)
    {
        public long Offset { get; set; } = -1;
    }

    /// <summary>A record in a log; a tombstone has no number.</summary>
    private readonly record struct Found(long Offset, long Number)
    {
        public bool IsTombstone => Number < 0;
    }

    public TopicPart Part => part;

    /// <returns>The number of the write, which is its value.</returns>
    public long Writing(int key, bool isTombstone)
    {
        _writes.Add(new Write(_writes.Count, key, isTombstone));
        return _writes.Count - 1;
    }

    public void Acknowledged(long number, long offset)
    {
        Write write = _writes[(int)number];
        write.Offset = offset;
        _last[write.Key] = write;
    }

    /// <summary>How a replica differs from what it must have, or null.</summary>
    public string? Difference(Partition replica)
    {
        var last = new Dictionary<int, Found>();
        if (Read(replica, last) is { } damage)
        {
            return damage;
        }
        foreach ((int key, Write wanted) in _last)
        {
            bool isThere = last.TryGetValue(key, out Found found);
            if (!isThere && wanted.IsTombstone)
            {
                continue;
            }
            if (!isThere || found.Offset < wanted.Offset)
            {
                return $"the last of key {key} is {(isThere ? found : "not there")}, after {wanted} was acknowledged";
            }
            bool isRight = found.Offset == wanted.Offset
                ? found.IsTombstone == wanted.IsTombstone
                : found.IsTombstone ? _writes.Exists(w => w.Key == key && w.IsTombstone && w.Number > wanted.Number) : found.Number > wanted.Number;
            if (!isRight)
            {
                return $"the last of key {key} is {found}, where {wanted} was acknowledged";
            }
        }
        return null;
    }

    private string? Read(Partition replica, Dictionary<int, Found> last)
    {
        long from = replica.Log.LogStartOffset;
        while (from < replica.Log.LogEndOffset && replica.Log.Copy(from, 1 << 16, replica.Log.LogEndOffset) is { } bytes)
        {
            var batches = new BatchCursor(bytes);
            while (batches.MoveNext())
            {
                using var records = new RecordCursor(batches.Batch, _codecs);
                while (records.MoveNext())
                {
                    RecordView record = records.Current;
                    int key = int.Parse(Encoding.ASCII.GetString(record.Key.Span), CultureInfo.InvariantCulture);
                    long number = record.Value.IsNull ? -1 : long.Parse(Encoding.ASCII.GetString(record.Value.Span), CultureInfo.InvariantCulture);
                    if (record.Offset < from)
                    {
                        return $"{record.Offset} comes after {from}";
                    }
                    if (number >= 0 && (_writes[(int)number] is var write) && (write.Key != key || (write.Offset >= 0 && write.Offset != record.Offset)))
                    {
                        return $"{write} lies at {record.Offset} under key {key}";
                    }
                    last[key] = new Found(record.Offset, number);
                }
                from = batches.Batch.NextOffset;
            }
        }
        return null;
    }
}
