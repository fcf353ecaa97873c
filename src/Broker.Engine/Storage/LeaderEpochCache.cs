using System.Globalization;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage;

/// <summary>A leader's reign: from its first offset on, batches carry its epoch.</summary>
internal readonly record struct EpochEntry(int Epoch, long StartOffset);

/// <summary>
/// Which leader epoch began at which offset: what a client or follower asks to find where its log parts from this one
/// (KIP-101, KIP-320). Kept in <c>leader-epoch-checkpoint</c>, a text of lines <c>epoch startOffset</c>. After Kafka's
/// LeaderEpochFileCache. Thread-safe.
/// </summary>
internal sealed class LeaderEpochCache
{
    public const int UndefinedEpoch = -1;
    public const long UndefinedOffset = -1;

    private readonly Lock _lock = new();
    private readonly Disk _disk;
    private readonly string _path;
    private EpochEntry[] _entries;
    private EpochEntry[] _written;
    private volatile bool _isChanged;
    private bool _isUnsynced;

    private LeaderEpochCache(Disk disk, string path, EpochEntry[] entries)
    {
        _disk = disk;
        _path = path;
        _entries = entries;
        _written = entries;
    }

    /// <summary>Rising in epoch and offset.</summary>
    public IReadOnlyList<EpochEntry> Entries => Volatile.Read(ref _entries);

    public int LatestEpoch => Volatile.Read(ref _entries) is { Length: > 0 } entries ? entries[^1].Epoch : UndefinedEpoch;

    /// <summary>Loads the checkpoint of a partition; a missing or unreadable one is empty, and is rebuilt from the log.</summary>
    public static LeaderEpochCache Load(Disk disk, string directory, out bool damaged)
    {
        string path = Path.Combine(directory, LogFileNames.LeaderEpochs);
        EpochEntry[] entries = [];
        damaged = disk.ReadAll(path) is { } bytes && !TryParse(bytes, out entries);
        return new LeaderEpochCache(disk, path, entries);
    }

    /// <summary>Enters the start of an epoch. An epoch that is known keeps its start; entries that the new one contradicts
    /// are dropped. The checkpoint is written by <see cref="WriteIfChanged"/>: an epoch that has no batch yet needs none.</summary>
    /// <param name="epoch">The epoch.</param>
    /// <param name="startOffset">Where its first batch is, or will be.</param>
    public void Assign(int epoch, long startOffset)
    {
        lock (_lock)
        {
            EpochEntry[] entries = _entries;
            if (epoch < 0 || startOffset < 0 || (entries.Length > 0 && entries[^1].Epoch == epoch))
            {
                return;
            }
            int keep = entries.Length;
            while (keep > 0 && (entries[keep - 1].Epoch >= epoch || entries[keep - 1].StartOffset >= startOffset))
            {
                keep--;
            }
            Volatile.Write(ref _entries, [.. entries.AsSpan(0, keep), new EpochEntry(epoch, startOffset)]);
            _isChanged = true;
        }
    }

    /// <summary>The epoch that holds <paramref name="offset"/>, or -1.</summary>
    public int EpochFor(long offset)
    {
        EpochEntry[] entries = Volatile.Read(ref _entries);
        for (int i = entries.Length - 1; i >= 0; i--)
        {
            if (entries[i].StartOffset <= offset)
            {
                return entries[i].Epoch;
            }
        }
        return UndefinedEpoch;
    }

    /// <summary>Where an epoch ends (trap 42): the latest one at the log's end; one unknown and greater nowhere (-1, -1); one
    /// below the first at the start of the first; else the greatest not above it, at the start of the next.</summary>
    public (int Epoch, long EndOffset) EndOffsetFor(int requested, long logEndOffset)
    {
        EpochEntry[] entries = Volatile.Read(ref _entries);
        if (requested == UndefinedEpoch || entries.Length == 0)
        {
            return (UndefinedEpoch, UndefinedOffset);
        }
        if (requested == entries[^1].Epoch)
        {
            return (requested, logEndOffset);
        }
        int higher = Array.FindIndex(entries, e => e.Epoch > requested);
        if (higher < 0)
        {
            return (UndefinedEpoch, UndefinedOffset);
        }
        return higher == 0 ? (requested, entries[0].StartOffset) : (entries[higher - 1].Epoch, entries[higher].StartOffset);
    }

    /// <summary>Drops epochs that begin at or after <paramref name="endOffset"/>.</summary>
    public void TruncateFromEnd(long endOffset)
    {
        lock (_lock)
        {
            EpochEntry[] kept = Array.FindAll(_entries, e => e.StartOffset < endOffset);
            Store(kept);
        }
    }

    /// <summary>Drops epochs that end before <paramref name="startOffset"/>; the one that holds it begins there now.</summary>
    public void TruncateFromStart(long startOffset)
    {
        lock (_lock)
        {
            int floor = Array.FindLastIndex(_entries, e => e.StartOffset <= startOffset);
            if (floor < 0)
            {
                return;
            }
            EpochEntry[] kept = _entries[floor..];
            kept[0] = kept[0] with { StartOffset = startOffset };
            Store(kept);
        }
    }

    /// <summary>Takes the epoch of a batch that is read in recovery. What the file says stays where batches bear it out: they may
    /// have been cleaned away where an epoch began. Where one does not, the file is an older one that came back with the power, and
    /// nothing that it says of later offsets counts: all batches that follow are read too.</summary>
    public void Believe(int epoch, long offset)
    {
        lock (_lock)
        {
            EpochEntry[] entries = _entries;
            bool isBefore = entries.Length > 0 && offset < entries[0].StartOffset && epoch <= entries[0].Epoch;
            if (epoch < 0 || isBefore || EpochFor(offset) == epoch)
            {
                return;
            }
            int keep = entries.Length;
            while (keep > 0 && (entries[keep - 1].Epoch > epoch || entries[keep - 1].StartOffset > offset))
            {
                keep--;
            }
            bool isKnown = keep > 0 && entries[keep - 1].Epoch == epoch;
            Volatile.Write(ref _entries, isKnown ? entries[..keep] : [.. entries.AsSpan(0, keep), new EpochEntry(epoch, offset)]);
            _isChanged = true;
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            Store([]);
        }
    }

    /// <summary>Whether there is an epoch that the checkpoint does not have.</summary>
    public bool IsChanged => _isChanged;

    /// <summary>Writes the checkpoint where it does not say what is known of the epochs that have a batch.</summary>
    public void WriteIfChanged(long logEndOffset)
    {
        lock (_lock)
        {
            if (_entries.AsSpan().SequenceEqual(_written))
            {
                _isChanged = false;
            }
            else if (IsOwed(logEndOffset))
            {
                Write(sync: false);
            }
        }
    }

    /// <summary>Whether the checkpoint lacks an epoch that has a batch. The latest may have none, and one before it still may.</summary>
    private bool IsOwed(long logEndOffset) => _isChanged && !WithBatches(_entries, logEndOffset).SequenceEqual(WithBatches(_written, logEndOffset));

    private static ReadOnlySpan<EpochEntry> WithBatches(EpochEntry[] entries, long logEndOffset) =>
        entries.AsSpan(0, Array.FindLastIndex(entries, e => e.StartOffset < logEndOffset) + 1);

    /// <summary>Makes the checkpoint survive a power failure, where it does not yet.</summary>
    public void Sync(long logEndOffset)
    {
        lock (_lock)
        {
            if (_isUnsynced || IsOwed(logEndOffset))
            {
                Write(sync: true);
            }
        }
    }

    private void Store(EpochEntry[] entries)
    {
        if (!entries.AsSpan().SequenceEqual(_entries))
        {
            Volatile.Write(ref _entries, entries);
            Write(sync: false);
        }
    }

    private void Write(bool sync)
    {
        // Not synced while the batches are not: those are read after a power failure, and carry their epochs.
        byte[] text = CheckpointFile.Format(_entries, static (line, entry) => line.Append(
            CultureInfo.InvariantCulture, $"{entry.Epoch} {entry.StartOffset}"));
        _disk.Replace(_path, text, sync);
        _written = _entries;
        _isChanged = false;
        _isUnsynced = !sync;
    }

    private static bool TryParse(byte[] bytes, out EpochEntry[] entries)
    {
        List<EpochEntry> read = CheckpointFile.Parse<EpochEntry>(bytes, TryReadEntry, out string? fault);
        for (int i = 1; i < read.Count; i++)
        {
            if (read[i].Epoch <= read[i - 1].Epoch || read[i].StartOffset < read[i - 1].StartOffset)
            {
                fault = "epochs do not rise";
            }
        }
        entries = fault is null ? [.. read] : [];
        return fault is null;
    }

    private static bool TryReadEntry(string[] fields, out EpochEntry entry)
    {
        entry = default;
        if (fields.Length != 2 || !CheckpointFile.TryRead(fields[0], out int epoch) || !CheckpointFile.TryRead(fields[1], out long start))
        {
            return false;
        }
        entry = new EpochEntry(epoch, start);
        return true;
    }
}
