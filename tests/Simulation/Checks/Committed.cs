using Broker.Engine.Replication;
using Broker.Protocol.Records;

namespace Simulation.Checks;

/// <summary>What all in-sync replicas of one partition of one topic had, by batch. Not thread-safe.</summary>
internal sealed class Committed(TopicPart part)
{
    /// <summary>Bytes of a log that are read at once.</summary>
    private const int ReadBytes = 1 << 16;

    private readonly Dictionary<long, Batch> _batches = [];

    /// <summary>How far the leader of each epoch committed.</summary>
    private readonly Dictionary<int, long> _endOfEpoch = [];

    /// <summary>What was last read, kept for its room.</summary>
    private readonly List<(long First, Batch Batch)> _found = [];

    private readonly record struct Batch(uint Crc, int Epoch, long Last);

    public TopicPart Part { get; } = part;

    public long End { get; private set; }

    /// <summary>What a leader of an epoch must have: all that those before it committed.</summary>
    public long EndBefore(int epoch)
    {
        long end = 0;
        foreach ((int of, long committed) in _endOfEpoch)
        {
            end = of < epoch ? Math.Max(end, committed) : end;
        }
        return end;
    }

    /// <summary>A leader's high watermark has gone on.</summary>
    public void Add(Partition leader, int epoch)
    {
        Read(leader, End, leader.HighWatermark);
        foreach ((long first, Batch batch) in _found)
        {
            _batches[first] = batch;
        }
        End = leader.HighWatermark;
        _endOfEpoch[epoch] = End;
    }

    /// <summary>How a replica differs from what was committed between two offsets; null where it does not.</summary>
    public string? Difference(Partition replica, long from, long to)
    {
        bool isCleaned = replica.Log.Config.CleanupPolicyCompact;   // each replica by itself: of a batch something may be left
        Read(replica, from, to);
        foreach ((long first, Batch batch) in _found)
        {
            if (!_batches.TryGetValue(first, out Batch other) || other with { Crc = isCleaned ? batch.Crc : other.Crc } != batch)
            {
                return $"the batch at {first} is {batch}, where {other} was committed";
            }
        }
        return null;
    }

    /// <summary>Finds the batches that a replica has between two offsets.</summary>
    private void Read(Partition partition, long from, long to)
    {
        _found.Clear();
        from = Math.Max(from, partition.Log.LogStartOffset);
        while (from < to && partition.Log.Copy(from, ReadBytes, to) is { } bytes)
        {
            long before = from;
            var batches = new BatchCursor(bytes);
            while (batches.MoveNext())
            {
                RecordBatchView batch = batches.Batch;
                _found.Add((batch.BaseOffset, new Batch(batch.Crc, batch.PartitionLeaderEpoch, batch.LastOffset)));
                from = batch.NextOffset;
            }
            if (from == before)
            {
                break;
            }
        }
    }
}
