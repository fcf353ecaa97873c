using System.IO.Compression;

namespace Broker.Protocol.Records.Compression;

/// <summary>Gzip through GZipStream, for a runtime without <see cref="ZlibNative"/>. Makes a stream for every
/// batch.</summary>
internal sealed class GzipManagedDecompressor : RecordDecompressor
{
    private readonly SpanStream _input = new();
    private GZipStream? _stream;
    private bool _ended;

    public override void Begin(byte magic)
    {
        End();
        _ended = false;
        _stream = new GZipStream(_input, CompressionMode.Decompress, leaveOpen: true);
    }

    public override unsafe DecompressionStatus Decompress(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written)
    {
        written = 0;
        if (_ended)
        {
            return DecompressionStatus.End;
        }
        if (consumed == 0 && !GzipMember.StartsAt(source))
        {
            return DecompressionStatus.Corrupt;
        }
        try
        {
            fixed (byte* input = source)
            {
                _input.Show(input + consumed, source.Length - consumed);
                written = _stream!.Read(destination);
                consumed = source.Length - _input.Left;
                _input.Show(null, 0);
            }
        }
        catch (InvalidDataException)
        {
            return DecompressionStatus.Corrupt;
        }
        _ended = written == 0;
        return _ended ? DecompressionStatus.End : DecompressionStatus.More;
    }

    public override void End()
    {
        _stream?.Dispose();
        _stream = null;
    }

    protected override void Release()
    {
        _stream?.Dispose();
        _stream = null;
        _input.Dispose();
    }

    /// <summary>Shows a span that is pinned for the length of one call as a stream.</summary>
    private sealed unsafe class SpanStream : Stream
    {
        private byte* _at;

        public int Left { get; private set; }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public void Show(byte* at, int count)
        {
            _at = at;
            Left = count;
        }

        public override int Read(Span<byte> buffer)
        {
            int count = Math.Min(buffer.Length, Left);
            new ReadOnlySpan<byte>(_at, count).CopyTo(buffer);
            _at += count;
            Left -= count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
        public override void Flush() => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

/// <summary>Gzip through GZipStream, for a runtime without <see cref="ZlibNative"/>.</summary>
internal sealed class GzipManagedCompressor : RecordCompressor
{
    public override void Compress(ReadOnlySpan<byte> source, int level, PooledBuffer output)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, new ZLibCompressionOptions { CompressionLevel = level }, leaveOpen: true))
        {
            gzip.Write(source);
        }
        output.Write(memory.GetBuffer().AsSpan(0, (int)memory.Length));
    }
}
