namespace Broker.Engine.Storage.Cleaning;

/// <summary>What one cleaning of a log did. Filled by its thread, read by others when it is over.</summary>
internal sealed class CleanerStats
{
    public long MapBytesRead { get; set; }
    public long MapMessagesRead { get; set; }
    public long BytesRead { get; set; }
    public long BytesWritten { get; set; }
    public long MessagesRead { get; set; }
    public long MessagesWritten { get; set; }

    /// <summary>Records without a key: they go.</summary>
    public long InvalidMessages { get; set; }
    public long StartedMs { get; set; }
    public double ElapsedSeconds { get; set; }

    /// <summary>How full the offset map was, of 1.</summary>
    public double BufferUtilization { get; set; }

    /// <summary>Share of what was read that was written again, percent.</summary>
    public int RecopyPercent => (int)(100 * BytesWritten / Math.Max(1, BytesRead));
}

/// <summary>A log's last cleaning, for people.</summary>
internal sealed record CleanerRun(long EndedMs, CleanerStats Stats, long FirstDirtyOffset);
