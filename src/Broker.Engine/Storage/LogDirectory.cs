using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage;

/// <summary>One of a broker's log directories: its lock, its identity, its checkpoints, and whether it still works.
/// Thread-safe.</summary>
internal sealed class LogDirectory : IDisposable
{
    private readonly IDisposable? _lock;
    private volatile string? _offlineReason;
    private int _logs;

    private LogDirectory(Disk disk, string path, IDisposable? @lock, Guid id)
    {
        Disk = disk;
        Path = path;
        _lock = @lock;
        Id = id;
        RecoveryPoints = new OffsetCheckpoint(disk, System.IO.Path.Combine(path, LogFileNames.RecoveryPoints));
        LogStartOffsets = new OffsetCheckpoint(disk, System.IO.Path.Combine(path, LogFileNames.LogStartOffsets));
        CleanerOffsets = new OffsetCheckpoint(disk, System.IO.Path.Combine(path, LogFileNames.CleanerOffsets));
        LogEnds = new LogEndCheckpoint(disk, System.IO.Path.Combine(path, LogFileNames.LogEnds));
        HighWatermarks = new OffsetCheckpoint(disk, System.IO.Path.Combine(path, LogFileNames.HighWatermarks));
    }

    public Disk Disk { get; }

    public string Path { get; }

    /// <summary>directory.id of meta.properties (KIP-858).</summary>
    public Guid Id { get; }

    public OffsetCheckpoint RecoveryPoints { get; }

    public OffsetCheckpoint LogStartOffsets { get; }

    /// <summary>Up to where each compacted log is cleaned: the cleaner's.</summary>
    public OffsetCheckpoint CleanerOffsets { get; }

    public OffsetCheckpoint HighWatermarks { get; }

    public LogEndCheckpoint LogEnds { get; }

    /// <summary>Partitions that lie here.</summary>
    public int LogCount => Volatile.Read(ref _logs);

    internal void CountLog(int by) => Interlocked.Add(ref _logs, by);

    public bool IsOnline => _offlineReason is null;

    public string? OfflineReason => _offlineReason;

    /// <summary>Whether the broker that used it last stopped cleanly; its marker is gone now.</summary>
    public bool WasClean { get; private init; }

    /// <summary>Locks and checks a directory, making it where there is none. One that the disk fails under is given offline.</summary>
    /// <exception cref="LogDirectoryException">It is in use, or another broker's.</exception>
    public static LogDirectory Open(Disk disk, string path, int brokerId, string clusterId, Random random)
    {
        IDisposable? held = null;
        try
        {
            disk.MakeDirectory(path);
            held = disk.TryLock(System.IO.Path.Combine(path, LogFileNames.Lock))
                ?? throw new LogDirectoryException(
                    $"log directory {path} is in use by another process (its {LogFileNames.Lock} file is locked)");
            MetaProperties? found = MetaProperties.Read(disk, path);
            Guid id = Identify(disk, path, found, brokerId, clusterId, random);
            string marker = System.IO.Path.Combine(path, LogFileNames.CleanShutdown);
            bool clean = disk.LengthOf(marker) >= 0;
            if (clean)
            {
                disk.Delete(marker);
                disk.SyncDirectory(path);   // it must not come back after an append
            }
            return new LogDirectory(disk, path, held, id) { WasClean = clean };
        }
        catch (Exception e)
        {
            held?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
            {
                var failed = new LogDirectory(disk, path, null, Guid.Empty);
                failed.TakeOffline($"it cannot be written: {e.Message}");
                return failed;
            }
            if (e is InvalidDataException)
            {
                throw new LogDirectoryException(e.Message, e);
            }
            throw;
        }
    }

    private static Guid Identify(Disk disk, string path, MetaProperties? found, int brokerId, string clusterId, Random random)
    {
        if (found is null)
        {
            Guid made = Uuids.New(random);
            new MetaProperties(0, clusterId, brokerId, made).Write(disk, path);
            return made;
        }
        if (found.ClusterId is { } cluster && cluster != clusterId)
        {
            throw new LogDirectoryException(
                $"log directory {path} belongs to cluster {cluster}, but this is cluster {clusterId}: " +
                $"it may be another cluster's data (see {LogFileNames.MetaProperties})");
        }
        if (found.BrokerId >= 0 && found.BrokerId != brokerId)
        {
            throw new LogDirectoryException(
                $"log directory {path} belongs to broker {found.BrokerId}, but this is broker {brokerId}: " +
                $"if the directory was moved here, change broker.id (see {LogFileNames.MetaProperties})");
        }
        if (found.DirectoryId is { } id)
        {
            return id;
        }
        Guid added = Uuids.New(random);
        (found with { ClusterId = clusterId, DirectoryId = added }).Write(disk, path);
        return added;
    }

    /// <summary>Takes the directory out of service after a failure; true for the call that did it.</summary>
    public bool TakeOffline(string reason) => Interlocked.CompareExchange(ref _offlineReason, reason, null) is null;

    /// <summary>Leaves the mark of a clean stop.</summary>
    public void MarkClean(long brokerEpoch) => Disk.Replace(
        System.IO.Path.Combine(Path, LogFileNames.CleanShutdown),
        System.Text.Encoding.ASCII.GetBytes($"{{\"version\":0,\"brokerEpoch\":{brokerEpoch}}}"),
        sync: true);

    public void Dispose() => _lock?.Dispose();
}

/// <summary>A log directory cannot be used; the message is one line for the operator.</summary>
internal sealed class LogDirectoryException : Exception
{
    public LogDirectoryException(string message) : base(message) { }
    public LogDirectoryException(string message, Exception inner) : base(message, inner) { }
}
