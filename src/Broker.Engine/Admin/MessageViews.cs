namespace Broker.Engine.Admin;

public enum BrowseFrom
{
    /// <summary>The last records of each partition.</summary>
    Newest,

    /// <summary>The first records.</summary>
    Oldest,

    /// <summary>From <see cref="MessageQuery.Offset"/>.</summary>
    Offset,

    /// <summary>From the first record at or after <see cref="MessageQuery.Timestamp"/>.</summary>
    Timestamp,
}

/// <summary>Which records to read.</summary>
public sealed record MessageQuery
{
    public const int ValueBytesMaxDefault = 64 * 1024;

    public required string Topic { get; init; }

    /// <summary>One partition, or null for all.</summary>
    public int? Partition { get; init; }
    public BrowseFrom From { get; init; } = BrowseFrom.Newest;
    public long Offset { get; init; }
    public DateTimeOffset Timestamp { get; init; }

    /// <summary>Records wanted, at most 1,000.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Only records whose key, value or a header contains this text, or null for all.</summary>
    public string? Contains { get; init; }

    /// <summary>Bytes of a value that are shown; the rest is cut and said so.</summary>
    public int ValueBytesMax { get; init; } = ValueBytesMaxDefault;
}

/// <summary>One record.</summary>
public sealed record MessageView
{
    public required int Partition { get; init; }
    public required long Offset { get; init; }
    public required DateTimeOffset Timestamp { get; init; }

    /// <summary>CreateTime or LogAppendTime.</summary>
    public required string TimestampType { get; init; }

    /// <summary>Null for a record without key.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>Null for a tombstone.</summary>
    public ReadOnlyMemory<byte>? Value { get; init; }
    public required int KeyBytes { get; init; }
    public required int ValueBytes { get; init; }
    public required bool IsCut { get; init; }
    public required IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<byte>?>> Headers { get; init; }
    public required string Compression { get; init; }
    public required int LeaderEpoch { get; init; }

    /// <summary>-1 when the producer is not idempotent.</summary>
    public required long ProducerId { get; init; }
}

/// <summary>Records found, and whether the scan ended before the limits of the log.</summary>
/// <param name="Messages">In order of offset within each partition; by timestamp over several.</param>
/// <param name="Scanned">Records looked at.</param>
/// <param name="IsPartial">Whether a limit of time or bytes ended the scan.</param>
public sealed record MessagePage(IReadOnlyList<MessageView> Messages, long Scanned, bool IsPartial);

/// <param name="Topic">The topic.</param>
/// <param name="Partition">One partition, or null for all.</param>
/// <param name="Contains">Only records that contain this text.</param>
public sealed record TailQuery(string Topic, int? Partition = null, string? Contains = null);

/// <summary>Records that arrived since the last batch, and how many were left out because the reader was slow.</summary>
public sealed record TailBatch(IReadOnlyList<MessageView> Messages, long Skipped);

/// <summary>A record to produce. A null partition is chosen by the key, or round robin without one.</summary>
public sealed record NewMessage
{
    public required string Topic { get; init; }
    public int? Partition { get; init; }
    public ReadOnlyMemory<byte>? Key { get; init; }
    public ReadOnlyMemory<byte>? Value { get; init; }
    public IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<byte>?>> Headers { get; init; } = [];

    /// <summary>Null for now.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>none, gzip, snappy, lz4 or zstd.</summary>
    public string Compression { get; init; } = "none";
}

public sealed record ProducedMessage(string Topic, int Partition, long Offset, DateTimeOffset Timestamp);
