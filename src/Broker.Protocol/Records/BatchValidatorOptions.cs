namespace Broker.Protocol.Records;

/// <summary>Who appends (Kafka AppendOrigin).</summary>
public enum AppendOrigin
{
    /// <summary>A producer: all checks.</summary>
    Client,

    /// <summary>A coordinator of this broker: it may write control batches.</summary>
    Coordinator,
}

/// <summary>What a partition asks of a produced batch, from its topic's configuration. Made once for each change of it.
/// Immutable; thread-safe.</summary>
public sealed record BatchValidatorOptions
{
    /// <summary>"topic-partition", for messages.</summary>
    public required string TopicPartition { get; init; }

    /// <summary><c>max.message.bytes</c>: 1 MiB and the 12 bytes before a batch's length by default.</summary>
    public int MaxMessageBytes { get; init; } = (1024 * 1024) + RecordBatchHeader.LogOverhead;

    /// <summary><c>segment.bytes</c>: no batch may be larger than a segment.</summary>
    public int SegmentBytes { get; init; } = 1024 * 1024 * 1024;

    /// <summary>Whether <c>cleanup.policy</c> has <c>compact</c>: every record must have a key.</summary>
    public bool IsCompacted { get; init; }

    /// <summary><c>message.timestamp.type</c>.</summary>
    public TimestampType TimestampType { get; init; } = TimestampType.CreateTime;

    /// <summary><c>message.timestamp.before.max.ms</c>: how far a create time may lie behind the broker's clock.</summary>
    public long TimestampBeforeMaxMs { get; init; } = long.MaxValue;

    /// <summary><c>message.timestamp.after.max.ms</c>: how far it may lie ahead.</summary>
    public long TimestampAfterMaxMs { get; init; } = 3_600_000;

    /// <summary><c>compression.type</c>; null is "producer": as the batch came.</summary>
    public CompressionCodec? TargetCodec { get; init; }

    public AppendOrigin Origin { get; init; } = AppendOrigin.Client;
}
