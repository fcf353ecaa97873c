using Broker.Engine.Configuration;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>What a partition asks of batches, made from the topic's configuration when that changes. Immutable.</summary>
internal sealed class BatchValidation
{
    private readonly TopicPartition _partition;
    private readonly LogConfig _config;
    private BatchValidation? _forCoordinator;

    public BatchValidation(TopicPartition partition, LogConfig config, AppendOrigin origin = AppendOrigin.Client)
    {
        _partition = partition;
        _config = config;
        Options = new BatchValidatorOptions
        {
            TopicPartition = partition.ToString(),
            MaxMessageBytes = config.MaxMessageBytes,
            SegmentBytes = config.SegmentBytes,
            IsCompacted = config.CleanupPolicyCompact,
            TimestampType = config.IsLogAppendTime ? TimestampType.LogAppendTime : TimestampType.CreateTime,
            TimestampBeforeMaxMs = config.TimestampBeforeMaxMs,
            TimestampAfterMaxMs = config.TimestampAfterMaxMs,
            TargetCodec = TargetCodecOf(config.CompressionType),
            Origin = origin,
        };
    }

    public BatchValidatorOptions Options { get; }

    /// <summary>The same for batches that the broker's own coordinators build.</summary>
    public BatchValidation ForCoordinator => _forCoordinator ??=
        new BatchValidation(_partition, _config, AppendOrigin.Coordinator);

    /// <summary>The level to recompress with, or null for the codec's own.</summary>
    public int? LevelOf(CompressionCodec codec) => codec switch
    {
        CompressionCodec.Gzip => _config.GzipLevel,
        CompressionCodec.Lz4 => _config.Lz4Level,
        CompressionCodec.Zstd => _config.ZstdLevel,
        _ => null,
    };

    private static CompressionCodec? TargetCodecOf(string type) => type switch
    {
        "producer" => null,
        "uncompressed" => CompressionCodec.None,
        _ => CompressionCodecs.TryParse(type, out CompressionCodec codec) ? codec : null,
    };
}
