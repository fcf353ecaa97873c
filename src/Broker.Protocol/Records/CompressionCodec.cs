using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol.Records;

/// <summary>How a batch's records are compressed: bits 0-2 of the attributes (Kafka CompressionType). 5 to 7 are not
/// assigned.</summary>
[SuppressMessage("Design", "CA1028", Justification = "Three bits on the wire.")]
public enum CompressionCodec : byte
{
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

/// <summary>Names and levels of the codecs, as the keys <c>compression.type</c> and
/// <c>compression.{gzip,lz4,zstd}.level</c> take them (KIP-390). Stateless; thread-safe.</summary>
public static class CompressionCodecs
{
    public const int GzipLevelDefault = -1;
    public const int Lz4LevelDefault = 9;
    public const int ZstdLevelDefault = 3;
    private const int ZstdLevelMin = -131072;
    private const int ZstdLevelMax = 22;

    public static bool IsKnown(CompressionCodec codec) => codec <= CompressionCodec.Zstd;

    public static string Name(CompressionCodec codec) => codec switch
    {
        CompressionCodec.None => "none",
        CompressionCodec.Gzip => "gzip",
        CompressionCodec.Snappy => "snappy",
        CompressionCodec.Lz4 => "lz4",
        CompressionCodec.Zstd => "zstd",
        _ => "unknown",
    };

    /// <summary>Reads a codec's name. "producer" and "uncompressed" are values of the topic's key, not codecs.</summary>
    public static bool TryParse(ReadOnlySpan<char> name, out CompressionCodec codec)
    {
        for (codec = CompressionCodec.None; codec <= CompressionCodec.Zstd; codec++)
        {
            if (name.SequenceEqual(Name(codec)))
            {
                return true;
            }
        }
        codec = CompressionCodec.None;
        return false;
    }

    public static int LevelDefault(CompressionCodec codec) => codec switch
    {
        CompressionCodec.Gzip => GzipLevelDefault,
        CompressionCodec.Lz4 => Lz4LevelDefault,
        CompressionCodec.Zstd => ZstdLevelDefault,
        _ => 0,
    };

    public static bool IsLevel(CompressionCodec codec, int level) => codec switch
    {
        CompressionCodec.Gzip => level is -1 or (>= 1 and <= 9),
        CompressionCodec.Lz4 => level is >= 1 and <= 17,
        CompressionCodec.Zstd => level is >= ZstdLevelMin and <= ZstdLevelMax,
        _ => true,
    };
}
