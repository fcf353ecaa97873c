using System.Collections.Concurrent;
using Broker.Engine.Storage.Checkpoints;

namespace Broker.Engine.Storage;

/// <summary>Checkpoints know logs by their names: what they say of one that is gone must not be believed, after a crash, of another that
/// was made under its name.</summary>
internal sealed partial class LogManager
{
    /// <summary>Logs that are gone, by the directory whose checkpoints may name them still.</summary>
    private readonly ConcurrentDictionary<(string Directory, TopicPartition Partition), bool> _gone = new();

    private void MarkGone(string directory, TopicPartition partition) => _gone[(directory, partition)] = true;

    /// <summary>Finds what the checkpoints say of logs that are gone since an earlier life.</summary>
    private void MarkGone(LogDirectory directory, LoadCheckpoints checkpoints, List<FoundLog> found)
    {
        HashSet<TopicPartition> here = [.. found.Select(f => f.Partition)];
        IEnumerable<TopicPartition> named = checkpoints.RecoveryPoints.Keys.Concat(checkpoints.LogStartOffsets.Keys)
            .Concat(directory.HighWatermarks.ReadOrEmpty(static _ => { }).Keys);
        foreach (TopicPartition partition in named.Where(p => !here.Contains(p)))
        {
            MarkGone(directory.Path, partition);
        }
    }

    /// <summary>A log is about to be made: the checkpoints forget one that had its name, and all others that are gone.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    private void ForgetGone(string path, TopicPartition partition)
    {
        if (!_gone.ContainsKey((path, partition)) || Array.Find(_directories, d => d.Path == path) is not { } directory)
        {
            return;
        }
        lock (_checkpointing)
        {
            TopicPartition[] gone = [.. _gone.Keys.Where(g => g.Directory == path).Select(g => g.Partition)];
            foreach (OffsetCheckpoint checkpoint in (OffsetCheckpoint[])[directory.RecoveryPoints, directory.LogStartOffsets, directory.HighWatermarks])
            {
                Dictionary<TopicPartition, long> entries = checkpoint.ReadOrEmpty(static _ => { });
                int before = entries.Count;
                Array.ForEach(gone, g => entries.Remove(g));
                if (entries.Count < before)
                {
                    checkpoint.Write(entries, sync: true);
                    _written.TryRemove(checkpoint, out _);
                }
            }
            Array.ForEach(gone, g => _gone.TryRemove((path, g), out _));
        }
    }
}
