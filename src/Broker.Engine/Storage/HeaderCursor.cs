using System.Buffers.Binary;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage;

/// <summary>
/// Walks the headers of a segment's batches without reading their records: one block of the file at a time, which covers
/// the distance between two index entries. Allocates nothing after a thread's first use.
/// </summary>
internal ref struct HeaderCursor
{
    /// <summary>Bytes of a header that say where a batch ends, in offsets and in the file (magic 2: up to the last offset
    /// delta).</summary>
    private const int HeaderBytes = 27;

    /// <summary>Least bytes of a batch: the header of magic 0.</summary>
    private const int BatchBytesMin = 14;

    /// <summary>Bytes that are read at once.</summary>
    public const int BlockBytes = 8 * 1024;

    [ThreadStatic]
    private static byte[]? t_block;

    private readonly DiskFile _file;
    private readonly int _end;
    private readonly byte[] _block;
    private int _blockAt;
    private int _blockBytes;
    private int _next;

    public HeaderCursor(DiskFile file, int start, int end)
    {
        _file = file;
        _end = end;
        _next = start;
        _block = t_block ??= new byte[BlockBytes];
        _blockAt = start;
    }

    public int Position { get; private set; }

    /// <summary>Bytes of the batch, its first twelve included.</summary>
    public int BatchBytes { get; private set; }

    public long BaseOffset { get; private set; }

    public long LastOffset { get; private set; }

    /// <summary>Moves to the next batch that is whole; false at the end, or where what follows is no batch.</summary>
    public bool MoveNext()
    {
        int left = _end - _next;
        if (left < BatchBytesMin || !Load(Math.Min(HeaderBytes, left)))
        {
            return false;
        }
        ReadOnlySpan<byte> header = _block.AsSpan(_next - _blockAt, Math.Min(HeaderBytes, left));
        int size = BinaryPrimitives.ReadInt32BigEndian(header[8..]);
        if (size < BatchBytesMin - 12 || size > left - 12)
        {
            return false;
        }
        Position = _next;
        BatchBytes = size + 12;
        BaseOffset = BinaryPrimitives.ReadInt64BigEndian(header);
        // Magic 0 and 1 carry the last offset in its place: a wrapper's is that of its last inner message.
        bool v2 = header.Length >= HeaderBytes && header[16] >= 2;
        LastOffset = v2 ? BaseOffset + BinaryPrimitives.ReadInt32BigEndian(header[23..]) : BaseOffset;
        _next += BatchBytes;
        return true;
    }

    private bool Load(int bytes)
    {
        if (_next >= _blockAt && _next + bytes <= _blockAt + _blockBytes)
        {
            return true;
        }
        _blockAt = _next;
        _blockBytes = _file.Read(_block.AsSpan(0, Math.Min(BlockBytes, _end - _next)), _next);
        return _blockBytes >= bytes;
    }
}
