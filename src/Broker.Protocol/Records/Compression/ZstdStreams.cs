using ZstdSharp.Unsafe;

namespace Broker.Protocol.Records.Compression;

/// <summary>What both forms of Zstandard share.</summary>
internal static class ZstdStream
{
    /// <summary>A context that a stream with a large window (up to 128 MiB, the codec's own default limit and that of
    /// Kafka's clients) has blown up above this is given back when the stream ends.</summary>
    public const int KeepBytesMax = 8 * 1024 * 1024;

    /// <summary>ZSTD_reset_session_only.</summary>
    public const int ResetSession = 1;
}

/// <summary>Zstandard by the system's library. Frames that follow each other are one stream.</summary>
internal sealed unsafe class ZstdNativeDecompressor : RecordDecompressor
{
    private nint _context;
    private bool _inFrame;

    ~ZstdNativeDecompressor() => Release();

    public override void Begin(byte magic)
    {
        _inFrame = false;
        if (_context == 0)
        {
            _context = ZstdNative.CreateDecompression();
            if (_context == 0)
            {
                throw new InsufficientMemoryException("no memory for zstd's context");
            }
        }
        ZstdNative.ResetDecompression(_context, ZstdStream.ResetSession);
    }

    public override DecompressionStatus Decompress(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written)
    {
        written = 0;
        if (consumed == source.Length && !_inFrame)
        {
            return DecompressionStatus.End;
        }
        fixed (byte* from = source, to = destination)
        {
            var input = new ZstdNative.Buffer { Start = from, Size = (nuint)source.Length, Position = (nuint)consumed };
            var output = new ZstdNative.Buffer { Start = to, Size = (nuint)destination.Length };
            nuint result = ZstdNative.DecompressStream(_context, &output, &input);
            if (ZstdNative.IsError(result) != 0)
            {
                return DecompressionStatus.Corrupt;
            }
            _inFrame = result != 0;
            bool moved = output.Position > 0 || (int)input.Position > consumed;
            written = (int)output.Position;
            consumed = (int)input.Position;
            return moved ? DecompressionStatus.More : DecompressionStatus.Corrupt;
        }
    }

    public override void End()
    {
        if (_context != 0 && ZstdNative.SizeOfDecompression(_context) > ZstdStream.KeepBytesMax)
        {
            Release();
        }
    }

    protected override void Release()
    {
        if (_context != 0)
        {
            ZstdNative.FreeDecompression(_context);
            _context = 0;
        }
    }
}

/// <summary>Zstandard by the managed port.</summary>
internal sealed unsafe class ZstdManagedDecompressor : RecordDecompressor
{
    private ZSTD_DCtx_s* _context;
    private bool _inFrame;

    ~ZstdManagedDecompressor() => Release();

    public override void Begin(byte magic)
    {
        _inFrame = false;
        if (_context is null)
        {
            _context = Methods.ZSTD_createDCtx();
        }
        Methods.ZSTD_DCtx_reset(_context, ZSTD_ResetDirective.ZSTD_reset_session_only);
    }

    public override DecompressionStatus Decompress(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written)
    {
        written = 0;
        if (consumed == source.Length && !_inFrame)
        {
            return DecompressionStatus.End;
        }
        fixed (byte* from = source, to = destination)
        {
            var input = new ZSTD_inBuffer_s { src = from, size = (nuint)source.Length, pos = (nuint)consumed };
            var output = new ZSTD_outBuffer_s { dst = to, size = (nuint)destination.Length };
            nuint result = Methods.ZSTD_decompressStream(_context, &output, &input);
            if (Methods.ZSTD_isError(result))
            {
                return DecompressionStatus.Corrupt;
            }
            _inFrame = result != 0;
            bool moved = output.pos > 0 || (int)input.pos > consumed;
            written = (int)output.pos;
            consumed = (int)input.pos;
            return moved ? DecompressionStatus.More : DecompressionStatus.Corrupt;
        }
    }

    public override void End()
    {
        if (_context is not null && Methods.ZSTD_sizeof_DCtx(_context) > ZstdStream.KeepBytesMax)
        {
            Release();
        }
    }

    protected override void Release()
    {
        if (_context is not null)
        {
            Methods.ZSTD_freeDCtx(_context);
            _context = null;
        }
    }
}

/// <summary>Zstandard by the system's library.</summary>
internal sealed unsafe class ZstdNativeCompressor : RecordCompressor
{
    private nint _context;

    ~ZstdNativeCompressor() => Release();

    public override void Compress(ReadOnlySpan<byte> source, int level, PooledBuffer output)
    {
        if (_context == 0)
        {
            _context = ZstdNative.CreateCompression();
        }
        Span<byte> room = output.GetSpan((int)ZstdNative.CompressBound((nuint)source.Length));
        fixed (byte* from = source, to = room)
        {
            nuint size = ZstdNative.Compress(
                _context, to, (nuint)room.Length, from, (nuint)source.Length, level);
            if (ZstdNative.IsError(size) != 0)
            {
                throw new InvalidOperationException("zstd refused a compression");
            }
            output.Advance((int)size);
        }
        Trim();
    }

    private void Trim()
    {
        if (ZstdNative.SizeOfCompression(_context) > ZstdStream.KeepBytesMax)
        {
            Release();
        }
    }

    protected override void Release()
    {
        if (_context != 0)
        {
            ZstdNative.FreeCompression(_context);
            _context = 0;
        }
    }
}

/// <summary>Zstandard by the managed port.</summary>
internal sealed unsafe class ZstdManagedCompressor : RecordCompressor
{
    private ZSTD_CCtx_s* _context;

    ~ZstdManagedCompressor() => Release();

    public override void Compress(ReadOnlySpan<byte> source, int level, PooledBuffer output)
    {
        if (_context is null)
        {
            _context = Methods.ZSTD_createCCtx();
        }
        Span<byte> room = output.GetSpan((int)Methods.ZSTD_compressBound((nuint)source.Length));
        fixed (byte* from = source, to = room)
        {
            nuint size = Methods.ZSTD_compressCCtx(
                _context, to, (nuint)room.Length, from, (nuint)source.Length, level);
            if (Methods.ZSTD_isError(size))
            {
                throw new InvalidOperationException("zstd refused a compression");
            }
            output.Advance((int)size);
        }
        Trim();
    }

    private void Trim()
    {
        if (Methods.ZSTD_sizeof_CCtx(_context) > ZstdStream.KeepBytesMax)
        {
            Release();
        }
    }

    protected override void Release()
    {
        if (_context is not null)
        {
            Methods.ZSTD_freeCCtx(_context);
            _context = null;
        }
    }
}
