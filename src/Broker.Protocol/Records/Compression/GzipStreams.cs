namespace Broker.Protocol.Records.Compression;

/// <summary>
/// Gzip over the runtime's zlib. As Java's GZIPInputStream does, members that follow each other are one stream, and what
/// follows the last member and is no member is ignored.
/// </summary>
internal sealed unsafe class GzipDecompressor : RecordDecompressor
{
    private ZlibNative.Stream* _stream = ZlibNative.NewInflater();
    private bool _ended;

    ~GzipDecompressor() => Release();

    public override void Begin(byte magic)
    {
        _ended = false;
        _ = ZlibNative.InflateReset2(_stream, ZlibNative.GzipWindowBits);
    }

    public override DecompressionStatus Decompress(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written)
    {
        written = 0;
        if (_ended)
        {
            return DecompressionStatus.End;
        }
        int result;
        fixed (byte* input = source, output = destination)
        {
            _stream->NextIn = input + consumed;
            _stream->AvailableIn = (uint)(source.Length - consumed);
            _stream->NextOut = output;
            _stream->AvailableOut = (uint)destination.Length;
            result = ZlibNative.Inflate(_stream, ZlibNative.NoFlush);
            consumed = source.Length - (int)_stream->AvailableIn;
            written = destination.Length - (int)_stream->AvailableOut;
            _stream->NextIn = null;
            _stream->NextOut = null;
            _stream->AvailableIn = 0;
            _stream->AvailableOut = 0;
        }
        switch (result)
        {
            case ZlibNative.StreamEnd:
                if (GzipMember.StartsAt(source[consumed..]))
                {
                    _ = ZlibNative.InflateReset2(_stream, ZlibNative.GzipWindowBits);
                    return DecompressionStatus.More;
                }
                _ended = true;
                return written > 0 ? DecompressionStatus.More : DecompressionStatus.End;
            case ZlibNative.Ok when written > 0 || consumed < source.Length:
                return DecompressionStatus.More;
            default:
                // Also when zlib only asks for more input: the member is cut off.
                return DecompressionStatus.Corrupt;
        }
    }

    protected override void Release()
    {
        if (_stream is not null)
        {
            ZlibNative.FreeInflater(_stream);
            _stream = null;
        }
    }
}

/// <summary>Gzip over the runtime's zlib, at zlib's levels (-1 its own default, 1 to 9).</summary>
internal sealed unsafe class GzipCompressor : RecordCompressor
{
    private const int RoomBytes = 16 * 1024;

    public override void Compress(ReadOnlySpan<byte> source, int level, PooledBuffer output)
    {
        ZlibNative.Stream stream = default;
        ZlibNative.BeginDeflater(&stream, level);
        try
        {
            fixed (byte* input = source)
            {
                // zlib takes no null, and an empty span has no address.
                byte nothing = 0;
                stream.NextIn = input is null ? &nothing : input;
                stream.AvailableIn = (uint)source.Length;
                int result;
                do
                {
                    Span<byte> room = output.GetSpan(RoomBytes);
                    fixed (byte* to = room)
                    {
                        stream.NextOut = to;
                        stream.AvailableOut = (uint)room.Length;
                        result = ZlibNative.Deflate(&stream, ZlibNative.Finish);
                    }
                    output.Advance(room.Length - (int)stream.AvailableOut);
                }
                while (result is ZlibNative.Ok or ZlibNative.BufferError);
                if (result != ZlibNative.StreamEnd)
                {
                    throw new InvalidOperationException($"zlib answered {result} to a compression");
                }
            }
        }
        finally
        {
            ZlibNative.EndDeflater(&stream);
        }
    }
}

/// <summary>The bytes that begin a member of a gzip stream.</summary>
internal static class GzipMember
{
    private const int HeaderBytes = 10;

    public static bool StartsAt(ReadOnlySpan<byte> span) => span.Length >= HeaderBytes && span is [0x1f, 0x8b, 8, ..];
}
