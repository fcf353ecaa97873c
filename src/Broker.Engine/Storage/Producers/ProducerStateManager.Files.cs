using Broker.Engine.Storage.Files;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage.Producers;

/// <summary>
/// The snapshots of the producers' state. There is one at the beginning of each segment, taken as the log rolls to it, and one
/// at the log's end after a clean stop, so that loading reads the newest and only the batches after it.
/// </summary>
internal sealed partial class ProducerStateManager
{
    private readonly Disk? _disk;
    private readonly ILogger? _logger;
    private readonly Lock _files = new();
    private readonly List<PendingSnapshot> _snapshots = [];
    private string _directory = "";

    /// <param name="partition">For messages.</param>
    /// <param name="disk">Where snapshots lie.</param>
    /// <param name="directory">The partition's directory.</param>
    /// <param name="files">The names in it.</param>
    /// <param name="logger">For damaged snapshots.</param>
    public ProducerStateManager(
        TopicPartition partition, Disk disk, string directory, IReadOnlyList<string> files, ILogger? logger)
        : this(partition)
    {
        _disk = disk;
        _directory = directory;
        _logger = logger;
        _snapshots = [.. ProducerSnapshotFile.List(files).Select(o => new PendingSnapshot(o))];
    }

    /// <summary>The offset that the state is of: while loading it grows with what is read; in a running log it is the log's
    /// end, and this says where loading ended.</summary>
    public long LoadedOffset { get; private set; }

    /// <summary>Offsets of the snapshots on the disk, rising.</summary>
    public IReadOnlyList<long> Snapshots => [.. _snapshots.Select(s => s.Offset)];

    /// <summary>How long an idle producer is remembered when its snapshot is loaded (producer.id.expiration.ms).</summary>
    public long ExpirationMs { get; init; } = long.MaxValue;

    /// <summary>The directory was renamed.</summary>
    public void MoveTo(string directory) => _directory = directory;

    /// <summary>Makes a snapshot of the state at <paramref name="offset"/>; null where there is one. It is written by
    /// <see cref="Write"/>, without the log's lock.</summary>
    public PendingSnapshot? Snapshot(long offset)
    {
        if (_disk is null || (_snapshots.Count > 0 ? _snapshots[^1].Offset : 0) >= offset)
        {
            return null;
        }
        var made = new PendingSnapshot(offset) { Bytes = ProducerSnapshotFile.Format(_producers is { } all ? all.Values : []) };
        _snapshots.Add(made);
        return made;
    }

    /// <summary>Writes a snapshot, unless what it speaks of was cut off meanwhile.</summary>
    public void Write(PendingSnapshot? snapshot, bool sync)
    {
        if (snapshot is null)
        {
            return;
        }
        lock (_files)
        {
            if (!snapshot.IsDropped && snapshot.Bytes is { } bytes)
            {
                _disk!.Replace(ProducerSnapshotFile.PathOf(_directory, snapshot.Offset), bytes, sync);
                snapshot.Bytes = null;
            }
        }
    }

    /// <summary>Takes and writes a snapshot of the state at <paramref name="offset"/>, where there is none.</summary>
    public void TakeSnapshot(long offset, bool sync) => Write(Snapshot(offset), sync);

    /// <summary>Makes the state that of <paramref name="offset"/>, or of the newest good snapshot before it: the caller reads
    /// the rest from <see cref="LoadedOffset"/> on. Snapshots that no longer belong to the log are deleted.</summary>
    /// <param name="logStartOffset">Snapshots at or below it say nothing any more.</param>
    /// <param name="offset">Snapshots beyond it speak of what was cut off.</param>
    /// <param name="nowMs">For expiry.</param>
    public void LoadNewest(long logStartOffset, long offset, long nowMs)
    {
        RemoveSnapshots(s => s > offset || s <= logStartOffset);
        Clear();
        LoadedOffset = logStartOffset;
        while (_snapshots.Count > 0)
        {
            long newest = _snapshots[^1].Offset;
            byte[]? found = _snapshots[^1].Bytes ?? _disk!.ReadAll(ProducerSnapshotFile.PathOf(_directory, newest));
            if (found is { } bytes && ProducerSnapshotFile.TryParse(bytes, out ProducerEntry[] entries))
            {
                LoadedOffset = newest;
                foreach (ProducerEntry entry in entries)
                {
                    Enter(entry, nowMs);
                }
                return;
            }
            if (_logger is not null)
            {
                LogSnapshotDamaged(_logger, partition, newest);
            }
            RemoveSnapshots(s => s == newest);
        }
    }

    private void Enter(ProducerEntry entry, long nowMs)
    {
        bool isOpen = entry.CurrentTransactionFirstOffset >= 0;
        if (!isOpen && nowMs - entry.LastTimestampMs >= ExpirationMs)
        {
            return;
        }
        (_producers ??= [])[entry.ProducerId] = entry;
        if (isOpen)
        {
            (Transactions ??= new ProducerTransactions()).Begin(entry.CurrentTransactionFirstOffset, entry.ProducerId);
        }
    }

    /// <summary>The state is that of <paramref name="offset"/> now.</summary>
    public void Advance(long offset) => LoadedOffset = offset;

    /// <summary>Forgets everything: the log begins anew at <paramref name="offset"/>.</summary>
    public void StartAt(long offset)
    {
        RemoveSnapshots(_ => true);
        Clear();
        LoadedOffset = offset;
    }

    /// <summary>Deletes snapshots that belong to no segment, but for the newest, which a clean stop leaves at the log's
    /// end.</summary>
    public void RemoveStraySnapshots(List<long> baseOffsets)
    {
        long newest = _snapshots.Count > 0 ? _snapshots[^1].Offset : -1;
        RemoveSnapshots(s => s != newest && baseOffsets.BinarySearch(s) < 0);
    }

    /// <summary>Deletes snapshots.</summary>
    public void RemoveSnapshots(Predicate<long> which) => DeleteFiles(ForgetSnapshots(which));

    /// <summary>Forgets snapshots; their files are left to <see cref="DeleteFiles"/>.</summary>
    public List<PendingSnapshot> ForgetSnapshots(Predicate<long> which)
    {
        List<PendingSnapshot> forgotten = _snapshots.FindAll(s => which(s.Offset));
        foreach (PendingSnapshot snapshot in forgotten)
        {
            snapshot.IsDropped = true;
            _snapshots.Remove(snapshot);
        }
        return forgotten;
    }

    /// <summary>Deletes the files of forgotten snapshots; needs no lock of the log.</summary>
    public void DeleteFiles(List<PendingSnapshot> forgotten)
    {
        foreach (PendingSnapshot snapshot in forgotten)
        {
            lock (_files)
            {
                _disk!.Delete(ProducerSnapshotFile.PathOf(_directory, snapshot.Offset));
            }
        }
    }

    [LoggerMessage(3040, LogLevel.Warning, "{Partition}: the producer snapshot at offset {Offset} is damaged; it is deleted and made anew from the log", EventName = "SnapshotDamaged")]
    private static partial void LogSnapshotDamaged(ILogger logger, TopicPartition partition, long offset);
}

/// <summary>A snapshot in a running log: its bytes until they are in the file.</summary>
internal sealed class PendingSnapshot(long offset)
{
    public long Offset { get; } = offset;

    public byte[]? Bytes { get; set; }

    /// <summary>Not to be written any more.</summary>
    public volatile bool IsDropped;
}
