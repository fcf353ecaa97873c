using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Index;

namespace Broker.Engine.Storage;

/// <summary>
/// One stretch of a log: the file of batches from <see cref="BaseOffset"/> on, and its two sparse indexes. Batches are stored
/// as they were received. One writer, under the log's lock; readers at any time: what lies below <see cref="SizeBytes"/>
/// never changes. After Kafka's LogSegment.
/// </summary>
internal sealed partial class LogSegment : IDisposable
{
    private readonly string _directory;
    private int _size;
    private volatile bool _isNew = true;
    private int _bytesSinceIndexEntry;
    private TailPositions? _tail;
    private long _firstTimestampMs = -1;

    /// <summary>The first timestamp is in the file and was not asked for yet.</summary>
    private const long Unread = long.MinValue;

    /// <summary>Takes the segment's files; with a suffix more, those that are to replace others.</summary>
    public LogSegment(
        Disk disk, string directory, long baseOffset, int size, int indexCount, int timeIndexCount, long createdMs, string suffix = "")
    {
        _directory = directory;
        BaseOffset = baseOffset;
        CreatedMs = createdMs;
        File = disk.Open(LogFileNames.Segment(directory, baseOffset, LogFileNames.LogSuffix) + suffix);
        OffsetIndex = new OffsetIndex(
            disk.Open(LogFileNames.Segment(directory, baseOffset, LogFileNames.OffsetIndexSuffix) + suffix), baseOffset, indexCount);
        TimeIndex = new TimeIndex(
            disk.Open(LogFileNames.Segment(directory, baseOffset, LogFileNames.TimeIndexSuffix) + suffix), baseOffset, timeIndexCount);
        Transactions = new TransactionIndex(disk, directory, baseOffset, suffix);
        _size = size;
    }

    public long BaseOffset { get; }

    /// <summary>Whether a power failure may take the files with their names.</summary>
    public bool IsNew { get => _isNew; set => _isNew = value; }

    public DiskFile File { get; }

    public OffsetIndex OffsetIndex { get; }

    public TimeIndex TimeIndex { get; }

    /// <summary>Transactions aborted by a marker that lies here.</summary>
    public TransactionIndex Transactions { get; }

    /// <summary>Bytes of whole batches in the file.</summary>
    public int SizeBytes => Volatile.Read(ref _size);

    /// <summary>When the segment was made or found, in Unix milliseconds: its age until it has a timestamp of its own.</summary>
    public long CreatedMs { get; }

    /// <summary>Greatest timestamp in the segment, -1 when it is empty or has none.</summary>
    public long MaxTimestampMs { get; set; } = -1;

    /// <summary>Last offset of the batch that brought the greatest timestamp.</summary>
    public long OffsetOfMaxTimestamp { get; set; } = -1;

    /// <summary>Timestamp of the first batch: from it the segment's age is counted (segment.ms). -1 when unknown.</summary>
    public long FirstTimestampMs
    {
        get => _firstTimestampMs == Unread ? _firstTimestampMs = ReadFirstTimestamp() : _firstTimestampMs;
        set => _firstTimestampMs = value;
    }

    /// <summary>Leaves the first timestamp in the file until somebody asks for it.</summary>
    public void LeaveFirstTimestamp() => _firstTimestampMs = Unread;

    /// <summary>When the file was last written to, in Unix milliseconds.</summary>
    public long ModifiedMs { get; set; }

    /// <summary>Appends one batch whose offsets are assigned.</summary>
    /// <exception cref="IOException">Nothing of the batch is visible; its bytes may lie beyond the end.</exception>
    public void Append(ReadOnlySpan<byte> batch, long baseOffset, long lastOffset, long maxTimestampMs, int indexIntervalBytes)
    {
        int position = _size;
        File.Write(batch, position);
        Track(position, batch.Length, baseOffset, lastOffset, maxTimestampMs, indexIntervalBytes);
    }

    /// <summary>Enters a batch that is in the file into indexes, times and size: the second half of an append, and what
    /// recovery does.</summary>
    public void Track(int position, int length, long baseOffset, long lastOffset, long maxTimestampMs, int indexIntervalBytes)
    {
        if (maxTimestampMs > MaxTimestampMs)
        {
            MaxTimestampMs = maxTimestampMs;
            OffsetOfMaxTimestamp = lastOffset;
        }
        if (position == 0)
        {
            FirstTimestampMs = maxTimestampMs;
        }
        if (_bytesSinceIndexEntry > indexIntervalBytes)
        {
            OffsetIndex.Append(lastOffset, position);
            TimeIndex.MaybeAppend(MaxTimestampMs, OffsetOfMaxTimestamp);
            _bytesSinceIndexEntry = 0;
        }
        _bytesSinceIndexEntry += length;
        (_tail ??= new TailPositions()).Add(baseOffset, position);
        Volatile.Write(ref _size, position + length);
    }

    /// <summary>The segment stops being the active one: a last time entry, and the indexes go to their files.</summary>
    public void Seal()
    {
        FinishTimeIndex();
        OffsetIndex.Seal();
        TimeIndex.Seal();
        _tail = null;
    }

    /// <summary>Ends the time index with the greatest timestamp, as Kafka does on roll and on close.</summary>
    public void FinishTimeIndex()
    {
        if (MaxTimestampMs >= 0)
        {
            TimeIndex.MaybeAppend(MaxTimestampMs, OffsetOfMaxTimestamp);
        }
    }

    /// <summary>Cuts the segment at a batch's start, and what its indexes say of the rest.</summary>
    public void Truncate(long offset, int position)
    {
        _tail = null;
        Volatile.Write(ref _size, position);
        File.SetLength(position);
        OffsetIndex.TruncateTo(offset);
        TimeIndex.TruncateTo(offset);
        Transactions.TruncateTo(offset);
        _bytesSinceIndexEntry = 0;
    }

    /// <summary>Makes batches and indexes survive a power failure: nothing reads the segment again before it is trusted.</summary>
    public void Sync()
    {
        File.Flush();
        OffsetIndex.Sync();
        TimeIndex.Sync();
        Transactions.Sync();
    }

    /// <summary>Gives the descriptors back until they are needed. Nobody may be using the segment.</summary>
    public void Rest()
    {
        File.Rest();
        OffsetIndex.File.Rest();
        TimeIndex.File.Rest();
    }

    /// <summary>Gives all files a suffix more, before they are deleted.</summary>
    public void RenameTo(string suffix)
    {
        Rename(File, LogFileNames.LogSuffix, suffix);
        Rename(OffsetIndex.File, LogFileNames.OffsetIndexSuffix, suffix);
        Rename(TimeIndex.File, LogFileNames.TimeIndexSuffix, suffix);
        Transactions.Rename(suffix);
    }

    private void Rename(DiskFile file, string kind, string suffix) =>
        file.Rename(LogFileNames.Segment(_directory, BaseOffset, kind) + suffix);

    public void Dispose()
    {
        File.Dispose();
        OffsetIndex.Dispose();
        TimeIndex.Dispose();
        Transactions.Dispose();
    }
}
