using Broker.Protocol.Records.Compression;

namespace Broker.Protocol.Records;

/// <summary>
/// What one caller needs to compress and decompress records: the codecs' states, kept between batches so that a batch
/// allocates nothing, and the limits on what may come out. Make one for each thread that handles batches and hand it to
/// every cursor and builder there; two cursors may be open at once. Not thread-safe.
/// </summary>
/// <param name="limits">Limits on decompression.</param>
public sealed class RecordCodecs(RecordCodecLimits limits) : IDisposable
{
    private const int Codecs = (int)CompressionCodec.Zstd + 1;
    private readonly RecordStream?[] _streams = new RecordStream?[Codecs];
    private readonly RecordCompressor?[] _compressors = new RecordCompressor?[Codecs];
    private PooledBuffer? _buffer;

    public RecordCodecs() : this(RecordCodecLimits.Default)
    {
    }

    public RecordCodecLimits Limits { get; } = limits;

    /// <summary>Appends the compressed <paramref name="source"/> to <paramref name="output"/>.</summary>
    /// <param name="codec">A known codec; <see cref="CompressionCodec.None"/> copies.</param>
    /// <param name="level">By <see cref="CompressionCodecs.IsLevel"/>.</param>
    /// <param name="source">All that is to be compressed.</param>
    /// <param name="output">Where it goes.</param>
    public void Compress(CompressionCodec codec, int level, ReadOnlySpan<byte> source, PooledBuffer output)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)codec, (int)CompressionCodec.Zstd, nameof(codec));
        if (codec == CompressionCodec.None)
        {
            output.Write(source);
            return;
        }
        RecordCompressor compressor = _compressors[(int)codec] ??= NewCompressor(codec);
        compressor.Compress(source, level, output);
    }

    /// <summary>Appends the decompressed <paramref name="source"/> to <paramref name="output"/>.</summary>
    /// <returns>None, or why it stopped.</returns>
    public RecordFault Decompress(CompressionCodec codec, byte magic, ReadOnlySpan<byte> source, PooledBuffer output) =>
        Decompress(codec, magic, source, output, (int)Math.Min(Limits.BatchBytesMax, Array.MaxLength));

    /// <summary>Decompresses at most <paramref name="bytesMax"/> bytes.</summary>
    internal RecordFault Decompress(
        CompressionCodec codec, byte magic, ReadOnlySpan<byte> source, PooledBuffer output, int bytesMax)
    {
        if (codec == CompressionCodec.None)
        {
            output.Write(source);
            return RecordFault.None;
        }
        if (!CompressionCodecs.IsKnown(codec))
        {
            return RecordFault.UnknownCodec;
        }
        RecordStream stream = Rent(codec, magic);
        RecordFault fault = RecordFault.None;
        int begin = output.Length;
        while (stream.Ensure(source, 1))
        {
            if (output.Length - begin > bytesMax - stream.Available.Length)
            {
                fault = RecordFault.BatchTooLarge;
                break;
            }
            output.Write(stream.Available);
            stream.Advance(stream.Available.Length);
        }
        fault = fault == RecordFault.None ? stream.Fault : fault;
        Return(codec, stream);
        return fault;
    }

    /// <summary>Lends a stream that has begun; the codec must be known and not None.</summary>
    internal RecordStream Rent(CompressionCodec codec, byte magic)
    {
        RecordStream stream = _streams[(int)codec] ?? new RecordStream(NewDecompressor(codec), Limits);
        _streams[(int)codec] = null;
        stream.Begin(magic);
        return stream;
    }

    internal void Return(CompressionCodec codec, RecordStream stream)
    {
        stream.End();
        if (_streams[(int)codec] is null)
        {
            _streams[(int)codec] = stream;
        }
        else
        {
            stream.Dispose();
        }
    }

    internal PooledBuffer RentBuffer()
    {
        PooledBuffer buffer = _buffer ?? new PooledBuffer();
        _buffer = null;
        return buffer;
    }

    internal void ReturnBuffer(PooledBuffer buffer)
    {
        buffer.Clear();
        if (_buffer is null)
        {
            _buffer = buffer;
        }
        else
        {
            buffer.Dispose();
        }
    }

    public void Dispose()
    {
        _buffer?.Dispose();
        _buffer = null;
        for (int i = 0; i < Codecs; i++)
        {
            _streams[i]?.Dispose();
            _streams[i] = null;
            _compressors[i]?.Dispose();
            _compressors[i] = null;
        }
    }

    private static RecordDecompressor NewDecompressor(CompressionCodec codec) => codec switch
    {
        CompressionCodec.Gzip => ZlibNative.IsAvailable ? new GzipDecompressor() : new GzipManagedDecompressor(),
        CompressionCodec.Snappy => new SnappyDecompressor(),
        CompressionCodec.Lz4 => new Lz4Decompressor(),
        _ => ZstdNative.IsAvailable ? new ZstdNativeDecompressor() : new ZstdManagedDecompressor(),
    };

    private static RecordCompressor NewCompressor(CompressionCodec codec) => codec switch
    {
        CompressionCodec.Gzip => ZlibNative.IsAvailable ? new GzipCompressor() : new GzipManagedCompressor(),
        CompressionCodec.Snappy => new SnappyCompressor(),
        CompressionCodec.Lz4 => new Lz4Compressor(),
        _ => ZstdNative.IsAvailable ? new ZstdNativeCompressor() : new ZstdManagedCompressor(),
    };
}
