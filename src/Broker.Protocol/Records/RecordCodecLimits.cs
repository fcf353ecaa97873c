namespace Broker.Protocol.Records;

/// <summary>What decompression may take: a few bytes can promise gigabytes. A plain value.</summary>
public sealed record RecordCodecLimits
{
    public static RecordCodecLimits Default { get; } = new();

    /// <summary>Bytes of memory that one record, or one block of a codec that decompresses whole blocks, may take. The
    /// default is that of <c>socket.request.max.bytes</c>.</summary>
    public int RecordBytesMax { get; init; } = 100 * 1024 * 1024;

    /// <summary>Bytes that may come out of one batch, in all: a limit on time, not on memory.</summary>
    public long BatchBytesMax { get; init; } = 512L * 1024 * 1024;
}
