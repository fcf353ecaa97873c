using System.Diagnostics;
using Broker.Engine.Configuration;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Producers;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>
/// The log of one partition: an ordered run of segments, the last of which is appended to. Offsets are given out under the
/// log's lock, which the partition's owner thread takes without contention; readers take no lock: they see an immutable list
/// of segments and an end offset that is published after the bytes. After Kafka's UnifiedLog. Thread-safe.
/// </summary>
/// <remarks>
/// Errors: an <see cref="IOException"/> from an append leaves the log as it was; the caller reports KAFKA_STORAGE_ERROR and
/// the log directory's failure is handled by <see cref="LogManager"/>.
/// This part holds the state; the others append, read, roll and cut.
/// </remarks>
internal sealed partial class PartitionLog : IDisposable
{
    private readonly Lock _lock = new();

    /// <summary>Held by whoever gives files of the log other names, or takes them away, so that appends need not wait for the disk;
    /// taken before the log's lock.</summary>
    private readonly Lock _names = new();

    private readonly Disk _disk;
    private readonly MonotonicClock _clock;
    private readonly LogBackground _background;
    private readonly ILogger _logger;
    private LogSegment[] _segments;
    private LogSegment _active;
    private long _logEndOffset;
    private long _logStartOffset;
    private long _recoveryPoint;
    private volatile LogConfig _config;
    private volatile BatchValidation _validation;
    private readonly Action _beginFiles;
    private readonly Action _flush;
    private string _directory;
    private bool _closed;
    private bool _isBeginning;
    private volatile bool _isIdentityUnsynced;

    /// <summary>Whether a killed process left the directory, synced or not.</summary>
    private volatile bool _isFound;
    private int _cuts;
    private volatile bool _isFailed;

    internal PartitionLog(
        TopicPartition partition, string directory, Disk disk, LogConfig config, MonotonicClock clock,
        LogBackground background, ILogger logger, LoadedLog loaded)
    {
        Partition = partition;
        _directory = directory;
        _disk = disk;
        _config = config;
        _validation = new BatchValidation(partition, config);
        _clock = clock;
        _background = background;
        _logger = logger;
        _segments = loaded.Segments;
        _active = loaded.Segments[^1];
        _logEndOffset = loaded.LogEndOffset;
        _logStartOffset = loaded.LogStartOffset;
        _highWatermark = loaded.LogStartOffset;
        _recoveryPoint = loaded.RecoveryPoint;
        Epochs = loaded.Epochs;
        Producers = loaded.Producers;
        TopicId = loaded.TopicId;
        _isFound = loaded.MayBeUnsynced;
        _beginFiles = BeginFiles;
        _flush = FlushInBackground;
    }

    public TopicPartition Partition { get; }

    /// <summary>The topic that the files belong to; empty where they do not say.</summary>
    public Guid TopicId { get; private set; }

    /// <summary>The recovery point that the directory's checkpoint has; 0 for none.</summary>
    internal long CheckpointedRecoveryPoint { get; set; }

    /// <summary>The log start that the directory's checkpoint has; 0 for none.</summary>
    internal long CheckpointedLogStart { get; set; }

    /// <summary>Whether the disk failed under the log: it takes and gives nothing any more.</summary>
    public bool IsFailed => _isFailed;

    /// <summary>The partition's directory; it is renamed when the partition is deleted.</summary>
    public string Directory => _directory;

    /// <summary>The log directory that holds it.</summary>
    public string ParentDirectory => Path.GetDirectoryName(_directory)!;

    public LogConfig Config
    {
        get => _config;
        set
        {
            _config = value;
            _validation = new BatchValidation(Partition, value);
        }
    }

    public LeaderEpochCache Epochs { get; }

    internal ProducerStateManager Producers { get; }

    /// <summary>The offset that the next record gets.</summary>
    public long LogEndOffset => Volatile.Read(ref _logEndOffset);

    /// <summary>The first offset that may be read.</summary>
    public long LogStartOffset => Volatile.Read(ref _logStartOffset);

    /// <summary>The first offset that is not known to be on the disk for good.</summary>
    public long RecoveryPoint => Volatile.Read(ref _recoveryPoint);

    /// <summary>The segments, by base offset. Immutable.</summary>
    public IReadOnlyList<LogSegment> Segments => Volatile.Read(ref _segments);

    public LogSegment ActiveSegment => Volatile.Read(ref _active);

    /// <summary>Bytes of all segments.</summary>
    public long SizeBytes
    {
        get
        {
            long size = 0;
            foreach (LogSegment segment in Volatile.Read(ref _segments))
            {
                size += segment.SizeBytes;
            }
            return size;
        }
    }

    /// <summary>When the log was last synced, in Unix milliseconds.</summary>
    public long LastFlushMs { get; private set; }

    /// <summary>Distinct producers that the log remembers.</summary>
    public int ProducerCount
    {
        get
        {
            lock (_lock)
            {
                return Producers.Count;
            }
        }
    }

    /// <summary>The same without the lock, for metrics: it may be a moment old.</summary>
    public int ProducerCountNow => Producers.Count;

    /// <summary>Copies what is known of the producers.</summary>
    public List<ProducerSnapshot> DescribeProducers()
    {
        lock (_lock)
        {
            return
            [
                .. Producers.Producers.Select(p => new ProducerSnapshot(
                    p.ProducerId, p.Epoch, p.CoordinatorEpoch, p.LastSequenceNumber, p.LastTimestampMs, p.CurrentTransactionFirstOffset)),
            ];
        }
    }

    /// <summary>Forgets idle producers; called from the background.</summary>
    public void RemoveExpiredProducers(long expirationMs)
    {
        lock (_lock)
        {
            Producers.RemoveExpired(_clock.UnixMs, expirationMs);
        }
    }

    /// <summary>Says whose log it is; the file that says so is written, and survives a power failure once the log has records
    /// that do.</summary>
    internal void BelongTo(Guid topicId)
    {
        TopicId = topicId;
        _isIdentityUnsynced = true;
    }

    /// <summary>Makes the small files survive a power failure that records below the recovery point are not read for. Not once the
    /// log is closed: its directory may have another name then, or be gone.</summary>
    private void SyncSmallFiles(long end, List<LogSegment> synced)
    {
        lock (_names)
        {
            if (!_closed)
            {
                DistrustFound(synced);
                SyncIdentity();
                Epochs.Sync(end);
                SyncNames(synced);
            }
        }
    }

    /// <summary>What a killed process made may be in the kernel's memory alone: the directory's name, and what says whose it is.</summary>
    private void DistrustFound(List<LogSegment> synced)
    {
        if (!_isFound || synced.Count == 0)
        {
            return;
        }
        _isFound = false;
        _isIdentityUnsynced |= TopicId != Guid.Empty;
        if (!_isIdentityUnsynced)
        {
            _disk.SyncDirectory(ParentDirectory);
        }
    }

    /// <summary>Makes the names of files survive a power failure whose content does.</summary>
    private void SyncNames(List<LogSegment> synced)
    {
        if (synced.Exists(s => s.IsNew))
        {
            _disk.SyncDirectory(_directory);
            synced.ForEach(s => s.IsNew = false);
        }
    }

    private void SyncIdentity()
    {
        if (_isIdentityUnsynced)
        {
            PartitionMetadataFile.Write(_disk, _directory, TopicId, sync: true);
            _disk.SyncDirectory(ParentDirectory);
            _isIdentityUnsynced = false;
        }
    }

    /// <summary>Makes everything up to the log's end survive a power failure and moves the recovery point there.</summary>
    public void Flush()
    {
        long end;
        int cuts;
        List<LogSegment> unflushed = [];
        lock (_lock)
        {
            end = _logEndOffset;
            cuts = _cuts;
            foreach (LogSegment segment in _segments)
            {
                if (EndOf(segment) > _recoveryPoint)
                {
                    unflushed.Add(segment);
                }
            }
        }
        LastFlushMs = _clock.UnixMs;
        long began = Stopwatch.GetTimestamp();
        foreach (LogSegment segment in unflushed)
        {
            segment.Sync();   // below the recovery point nobody reads it again before its indexes are believed
        }
        SyncSmallFiles(end, unflushed);
        _background.Flushed(Stopwatch.GetTimestamp() - began);
        lock (_lock)
        {
            // What was written after a cut was perhaps not there yet.
            if (cuts == _cuts && end > _recoveryPoint)
            {
                Volatile.Write(ref _recoveryPoint, end);
            }
        }
    }

    /// <summary>Writes indexes and syncs the batches, then closes the files.</summary>
    public void Close()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }
            _closed = true;
            _active.FinishTimeIndex();
        }
        if (!_isFailed)
        {
            List<LogSegment> unsynced = [.. _segments.Where(s => EndOf(s) > _recoveryPoint)];
            DistrustFound(unsynced);
            if (_logEndOffset > _segments[0].BaseOffset)
            {
                SyncIdentity();
            }
            Flush();
            if (_active.SizeBytes > 0)
            {
                _active.OffsetIndex.Write();
                _active.TimeIndex.Write();
            }
            Epochs.Sync(_logEndOffset);
            SyncNames(unsynced);
            Producers.TakeSnapshot(_logEndOffset, sync: Producers.Count > 0);
        }
        Dispose();
    }

    /// <summary>Takes the log out of service: what is on the disk is not known any more.</summary>
    private void Fail(string what, IOException error)
    {
        if (!_isFailed)
        {
            _isFailed = true;
            _background.Failed(ParentDirectory, new IOException($"{Partition}: {what} failed: {error.Message}", error));
        }
    }

    /// <summary>Runs what reads or writes files; a failure takes the log and its directory out of service.</summary>
    /// <exception cref="IOException">It failed.</exception>
    private T OnDisk<T>(string what, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (IOException e) when (!_closed)
        {
            Fail(what, e);
            throw;
        }
    }

    /// <summary>The same for another log's sake: the log directory has failed.</summary>
    internal void FailWithDirectory() => _isFailed = true;

    /// <summary>Closes the files as they are.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (LogSegment segment in _segments)
            {
                segment.Dispose();
            }
        }
    }

    /// <summary>The offset after a segment's last.</summary>
    private long EndOf(LogSegment segment)
    {
        int next = Array.IndexOf(_segments, segment) + 1;
        return next < _segments.Length ? _segments[next].BaseOffset : _logEndOffset;
    }
}

/// <summary>What loading found on the disk.</summary>
internal sealed record LoadedLog(
    LogSegment[] Segments, long LogStartOffset, long LogEndOffset, long RecoveryPoint, LeaderEpochCache Epochs,
    ProducerStateManager Producers, Guid TopicId)
{
    /// <summary>Whether a power failure may still take what was found.</summary>
    public bool MayBeUnsynced { get; init; }
}
