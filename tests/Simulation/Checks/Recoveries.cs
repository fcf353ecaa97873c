using System.Globalization;
using Broker.Engine;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Producers;
using Broker.Engine.Tests.Storage;
using Broker.Protocol.Records;
using Simulation.World;

namespace Simulation.Checks;

/// <summary>
/// What a broker makes of its disk as it starts: of each log all whole batches up to the first that is not, whatever the last life
/// left, and at least what was checkpointed as synced; index entries that lie at batches; and the producers as those batches have
/// them. Not thread-safe.
/// </summary>
internal sealed class Recoveries(History history)
{
    private readonly Dictionary<int, Found> _found = [];

    /// <summary>Where the logs of a broker ended in its last life that had opened them: one that died in a cut may not have told the
    /// checkpoint yet, nor have come to the end of the cut. A start that fails before it has opened them all tells it neither.</summary>
    private readonly Dictionary<int, Dictionary<TopicPartition, Ended>> _ends = [];

    private readonly record struct Batch(long First, long Last, uint Crc, int Epoch);

    /// <summary>Where a log ended, and what of it lay on the disk, synced or not.</summary>
    private sealed record Ended(long End, List<Batch> Batches);

    /// <summary>What lay on a disk before it was opened.</summary>
    private sealed record Found(Dictionary<string, List<Batch>> Logs, Dictionary<TopicPartition, long> RecoveryPoints);

    public void Opening(SimBroker broker)
    {
        broker.IsLookedAt = true;
        var logs = new Dictionary<string, List<Batch>>(StringComparer.Ordinal);
        foreach (string directory in broker.Disk.AllDirectories())
        {
            logs[directory] = Read(broker.Disk, directory);
        }
        string path = $"/data/broker-{broker.Id}/{LogFileNames.RecoveryPoints}";
        _found[broker.Id] = new Found(logs, new OffsetCheckpoint(broker.Disk, path).ReadOrEmpty(_ => { }));
        broker.IsLookedAt = false;
    }

    public void Died(SimBroker broker)
    {
        if (broker.Server is { Logs: { } logs })
        {
            broker.IsLookedAt = true;
            Dictionary<TopicPartition, Ended> ends = logs.Logs.ToDictionary(l => l.Partition, l => EndOf(broker, l));
            foreach ((TopicPartition partition, Ended before) in _ends.GetValueOrDefault(broker.Id) ?? [])
            {
                if (!ends.TryGetValue(partition, out Ended? now) || before.End < now.End)
                {
                    ends[partition] = before;
                }
            }
            _ends[broker.Id] = ends;
            broker.IsLookedAt = false;
        }
    }

    private Ended EndOf(SimBroker broker, PartitionLog log)
    {
        List<Batch> batches = Read(broker.Disk, DirectoryOf(log));
        long onDisk = batches is [.., var last] ? last.Last + 1 : log.LogStartOffset;
        if (onDisk < log.LogEndOffset && !EndsInWhatIsCleaned(broker, log) && !broker.IsTorn && broker.Disk.DirectoryExists(DirectoryOf(log)))
        {
            history.Fail($"18: {broker.Process!.Name} {log.Partition}, as it died: its end is {log.LogEndOffset}, that on the disk {onDisk}");
        }
        return new Ended(Math.Min(log.LogEndOffset, onDisk), batches);
    }

    private static string DirectoryOf(PartitionLog log) => Path.Combine(log.ParentDirectory, $"{log.Partition.Topic}-{log.Partition.Partition}");

    public void Opened(SimBroker broker)
    {
        broker.IsLookedAt = true;
        foreach (PartitionLog log in broker.Server!.Logs.Logs.Where(l => !l.IsFailed))
        {
            if (Check(broker, log) is { } violation)
            {
                history.Fail($"18: {broker.Process!.Name} {log.Partition}, as it was opened: {violation}");
            }
        }
        _ends.Remove(broker.Id);   // the checkpoint is right now
        broker.IsLookedAt = false;
    }

    /// <summary>A cut within what was cleaned may leave an end that no batch tells of.</summary>
    private static bool EndsInWhatIsCleaned(SimBroker broker, PartitionLog log) =>
        log.LogEndOffset <= new OffsetCheckpoint(broker.Disk, $"/data/broker-{broker.Id}/{LogFileNames.CleanerOffsets}")
            .ReadOrEmpty(_ => { }).GetValueOrDefault(log.Partition);

    private string? Check(SimBroker broker, PartitionLog log)
    {
        Found found = _found[broker.Id];
        string directory = DirectoryOf(log);
        List<Batch> whole = found.Logs.GetValueOrDefault(directory) ?? [];
        List<Batch> now = Read(broker.Disk, directory);
        if (!now.SequenceEqual(whole))
        {
            return $"it has {now.Count} batches up to {now.LastOrDefault().Last}, where {whole.Count} whole ones lay up to {whole.LastOrDefault().Last}";
        }
        long end = now.Count > 0 ? now[^1].Last + 1 : log.LogStartOffset;
        if (log.LogEndOffset != end && !(log.LogEndOffset > end && EndsInWhatIsCleaned(broker, log)))
        {
            return $"its end is {log.LogEndOffset}, its last batch ends before {end}";
        }
        long point = found.RecoveryPoints.GetValueOrDefault(log.Partition);
        if (point > end && IsMissing(_ends.GetValueOrDefault(broker.Id)?.GetValueOrDefault(log.Partition), end, point))
        {
            return $"its end is {end}, where all below {point} was synced";
        }
        return CheckIndexes(broker.Disk, log) ?? CheckProducers(broker.Disk, directory, log);
    }

    /// <summary>Whether something is not there that was below what was synced: neither after a cut that the checkpoint does not tell of
    /// yet, nor where no batch lay any more, for all between had been cleaned away before a cut within it.</summary>
    private static bool IsMissing(Ended? before, long end, long synced) =>
        before is null || (before.End >= synced && before.Batches.Exists(b => b.First >= end && b.First < synced));

    /// <summary>The whole batches of a log, in order, up to the first that is torn.</summary>
    private static List<Batch> Read(FaultingDisk disk, string directory)
    {
        var found = new List<Batch>();
        Walk(disk, directory, (batch, _, _) => found.Add(new Batch(batch.BaseOffset, batch.LastOffset, batch.Crc, batch.PartitionLeaderEpoch)));
        return found;
    }

    private delegate void BatchVisitor(RecordBatchView batch, long segment, int position);

    private static void Walk(FaultingDisk disk, string directory, BatchVisitor visit)
    {
        long next = 0;
        foreach ((long segment, string file) in Segments(disk, directory))
        {
            byte[] bytes = disk[Path.Combine(directory, file)];
            var batches = new BatchCursor(bytes);
            while (batches.MoveNext())
            {
                RecordBatchView batch = batches.Batch;
                if (batch.BaseOffset < next || !batch.IsCrcValid())
                {
                    return;
                }
                visit(batch, segment, batches.Position);
                next = batch.NextOffset;
            }
            if (batches.Outcome != BatchOutcome.End)
            {
                return;
            }
        }
    }

    /// <summary>The files of batches that count. A cleaned segment does, in place of those whose offsets it covers, once all of its files
    /// are .swap; before, those that it was to replace.</summary>
    private static IEnumerable<KeyValuePair<long, string>> Segments(FaultingDisk disk, string directory)
    {
        IReadOnlyList<string> names = disk.FilesIn(directory);
        var found = new SortedDictionary<long, string>();
        foreach (string name in names.Where(n => n.EndsWith(LogFileNames.LogSuffix, StringComparison.Ordinal)))
        {
            found[BaseOf(name)] = name;
        }
        foreach (string name in names.Where(n => n.EndsWith(LogFileNames.LogSuffix + LogFileNames.SwapSuffix, StringComparison.Ordinal)))
        {
            long first = BaseOf(name);
            if (names.Any(n => n.EndsWith(LogFileNames.CleanedSuffix, StringComparison.Ordinal) && BaseOf(n) == first))
            {
                continue;
            }
            long end = first;
            var batches = new BatchCursor(disk[Path.Combine(directory, name)]);
            while (batches.MoveNext())
            {
                end = batches.Batch.NextOffset;
            }
            foreach (long replaced in found.Keys.Where(b => b >= first && b < end).ToArray())
            {
                found.Remove(replaced);
            }
            found[first] = name;
        }
        return found;
    }

    private static long BaseOf(string name) => long.Parse(name[..name.IndexOf('.', StringComparison.Ordinal)], CultureInfo.InvariantCulture);

    private static string? CheckIndexes(FaultingDisk disk, PartitionLog log)
    {
        string directory = DirectoryOf(log);
        var lastAt = new Dictionary<(long Segment, int Position), long>();
        var times = new Dictionary<(long Segment, long Offset), long>();
        Walk(disk, directory, (batch, segment, position) =>
        {
            lastAt[(segment, position)] = batch.LastOffset;
            times[(segment, batch.LastOffset)] = batch.MaxTimestamp;
        });
        foreach (LogSegment segment in log.Segments)
        {
            for (int i = 0; i < segment.OffsetIndex.Count; i++)
            {
                (long offset, int position) = segment.OffsetIndex.Entry(i);
                if (!lastAt.TryGetValue((segment.BaseOffset, position), out long last) || last != offset)
                {
                    return $"entry {i} of the offset index of {segment.BaseOffset} says that {offset} lies at {position}";
                }
            }
            for (int i = 0; i < segment.TimeIndex.Count; i++)
            {
                (long timestamp, long offset) = segment.TimeIndex.Entry(i);
                if (!times.TryGetValue((segment.BaseOffset, offset), out long time) || time != timestamp)
                {
                    return $"entry {i} of the time index of {segment.BaseOffset} says that {offset} is of {timestamp}";
                }
            }
        }
        return null;
    }

    /// <summary>Of each producer its last batch is as the log has it.</summary>
    private static string? CheckProducers(FaultingDisk disk, string directory, PartitionLog log)
    {
        var replayed = new Dictionary<long, (short Epoch, int LastSequence, long LastOffset)>();
        Walk(disk, directory, (batch, _, _) =>
        {
            if (batch.HasProducerId && !batch.IsControl)
            {
                replayed[batch.ProducerId] = (batch.ProducerEpoch, batch.LastSequence, batch.LastOffset);
            }
        });
        var loaded = log.Producers.Producers.ToDictionary(p => p.ProducerId, p => (p.Epoch, p.LastSequenceNumber, p.LastOffset));
        foreach ((long id, (short, int, long) last) in replayed)
        {
            if (!loaded.TryGetValue(id, out (short, int, long) known) || known != last)
            {
                return $"producer {id} is {known}, in the log {last}";
            }
        }
        return loaded.Count == replayed.Count ? null : $"{loaded.Count} producers are known, {replayed.Count} are in the log";
    }
}
