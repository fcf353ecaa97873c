using System.Buffers;

namespace Broker.Protocol.Records.Compression;

/// <summary>
/// The decompressed bytes of one batch, seen through a window that slides over them: what has been read is dropped, what
/// is not yet complete moves to the front, and more is decompressed behind it. Memory is therefore the window, or the
/// largest single record or block when that is larger, never the batch. The compressed bytes are handed in with every
/// call. Not thread-safe.
/// </summary>
internal sealed class RecordStream(RecordDecompressor decompressor, RecordCodecLimits limits) : IDisposable
{
    /// <summary>Room for two blocks of LZ4 as Kafka writes them.</summary>
    private const int WindowBytes = 128 * 1024;

    /// <summary>Least room worth a call of the codec.</summary>
    private const int StepBytes = 16 * 1024;

    private byte[] _buffer = [];
    private int _position;
    private int _limit;
    private int _consumed;
    private long _produced;
    private bool _ended;

    public RecordFault Fault { get; private set; }

    /// <summary>Bytes of the window that are decompressed and not yet read.</summary>
    public ReadOnlySpan<byte> Available => _buffer.AsSpan(_position, _limit - _position);

    public int RecordBytesMax => limits.RecordBytesMax;

    public void Begin(byte magic)
    {
        if (_buffer.Length == 0)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(WindowBytes);
        }
        _position = 0;
        _limit = 0;
        _consumed = 0;
        _produced = 0;
        _ended = false;
        Fault = RecordFault.None;
        decompressor.Begin(magic);
    }

    public void Advance(int count) => _position += count;

    /// <summary>Makes at least <paramref name="count"/> bytes available; false when the stream ends or breaks
    /// before.</summary>
    public bool Ensure(ReadOnlySpan<byte> source, int count)
    {
        while (_limit - _position < count)
        {
            if (_ended || Fault != RecordFault.None || !MakeRoom(count))
            {
                return false;
            }
            Step(source);
        }
        return true;
    }

    /// <summary>Drops <paramref name="count"/> bytes; false when the stream ends or breaks before.</summary>
    public bool Skip(ReadOnlySpan<byte> source, int count)
    {
        while (count > _limit - _position)
        {
            count -= _limit - _position;
            _position = _limit;
            if (!Ensure(source, 1))
            {
                return false;
            }
        }
        _position += count;
        return true;
    }

    /// <summary>Whether the stream has come to its end, cleanly, and all of it has been read.</summary>
    public bool IsExhausted(ReadOnlySpan<byte> source) => !Ensure(source, 1) && _ended;

    public void End()
    {
        decompressor.End();
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }

    public void Dispose()
    {
        End();
        decompressor.Dispose();
    }

    private void Step(ReadOnlySpan<byte> source)
    {
        DecompressionStatus status =
            decompressor.Decompress(source, ref _consumed, _buffer.AsSpan(_limit), out int written);
        _limit += written;
        _produced += written;
        switch (status)
        {
            case DecompressionStatus.End:
                _ended = true;
                break;
            case DecompressionStatus.Corrupt:
                Fault = RecordFault.CorruptCompression;
                break;
            case DecompressionStatus.Unsupported:
                Fault = RecordFault.UnsupportedCompression;
                break;
        }
        if (_produced > limits.BatchBytesMax)
        {
            Fault = RecordFault.BatchTooLarge;
        }
    }

    /// <summary>Makes room behind the available bytes for one step, and for <paramref name="count"/> bytes in
    /// all.</summary>
    private bool MakeRoom(int count)
    {
        int kept = _limit - _position;
        int step = Math.Max(StepBytes, decompressor.RoomNeeded);
        if (_buffer.Length - _limit >= step && _buffer.Length - _position >= count)
        {
            return true;
        }
        if (step > Math.Max(limits.RecordBytesMax, StepBytes))
        {
            Fault = RecordFault.RecordTooLarge;
            return false;
        }
        long needed = Math.Max((long)kept + step, count);
        byte[] target = _buffer;
        if (needed > _buffer.Length)
        {
            target = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max(needed, _buffer.Length * 2L), Array.MaxLength));
        }
        _buffer.AsSpan(_position, kept).CopyTo(target);
        if (target != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = target;
        }
        _position = 0;
        _limit = kept;
        return true;
    }
}
