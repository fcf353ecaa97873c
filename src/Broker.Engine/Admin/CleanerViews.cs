namespace Broker.Engine.Admin;

/// <summary>A broker's log cleaner.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="IsEnabled">log.cleaner.enable.</param>
/// <param name="Threads">Threads there should be.</param>
/// <param name="DeadThreads">Threads of them that are not there.</param>
/// <param name="BytesPerSec">Read and written over the last minute.</param>
/// <param name="LastLook">When it last looked for a log to clean.</param>
/// <param name="Logs">The compacted logs, the dirtiest first.</param>
public sealed record CleanerView(
    int BrokerId, bool IsEnabled, int Threads, int DeadThreads, double BytesPerSec, DateTimeOffset? LastLook,
    IReadOnlyList<CleanedLogView> Logs);

/// <summary>A compacted log and its last cleaning since the broker's start; what that did is null before it.</summary>
public sealed record CleanedLogView
{
    public required string Topic { get; init; }
    public required int Partition { get; init; }
    public required long CleanBytes { get; init; }

    /// <summary>Bytes of whole segments that were never cleaned and may be.</summary>
    public required long DirtyBytes { get; init; }

    /// <summary>Dirty bytes of clean and dirty ones, 0 to 1.</summary>
    public required double DirtyRatio { get; init; }
    public required long FirstDirtyOffset { get; init; }
    public required bool IsInProgress { get; init; }

    /// <summary>Why the log is not cleaned any more, or null.</summary>
    public required string? Uncleanable { get; init; }
    public DateTimeOffset? LastRun { get; init; }
    public double? LastSeconds { get; init; }
    public long? RecordsKept { get; init; }
    public long? RecordsDropped { get; init; }
    public long? BytesRead { get; init; }
    public long? BytesKept { get; init; }
}
