using System.Buffers.Binary;
using System.Text;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Jute;

/// <summary>
/// Reads ZooKeeper's records (jute): big-endian numbers, a length of four bytes before strings, bytes and lists, -1 for none.
/// Every length is checked against what is left, so no length makes anything larger than the packet. Throws
/// <see cref="MalformedRequestException"/>. Not thread-safe.
/// </summary>
internal ref struct JuteReader(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    public readonly int Left => _bytes.Length - Position;

    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Take(sizeof(int), "a number"));

    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long), "a number"));

    /// <summary>Any byte but 0 is true.</summary>
    public bool ReadBool() => Take(1, "a flag")[0] != 0;

    /// <summary>Bytes, which live as long as the packet; none for a length of -1.</summary>
    public ReadOnlySpan<byte> ReadBytes(string what)
    {
        int length = ReadInt32();
        return length == -1 ? default : Take(length, what);
    }

    /// <summary>A node's data, copied: none, for a length of -1, is not the same as some that is empty.</summary>
    public ReadOnlyMemory<byte> ReadData()
    {
        int length = ReadInt32();
        return length == -1 ? default : Take(length, "data").ToArray();
    }

    /// <summary>A string; empty for a length of -1.</summary>
    public string ReadString(string what)
    {
        ReadOnlySpan<byte> bytes = ReadBytes(what);
        try
        {
            return s_strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new MalformedRequestException($"{what} is not UTF-8", e);
        }
    }

    /// <summary>How many items follow; 0 for -1.</summary>
    /// <param name="itemBytesMin">The least that one takes.</param>
    /// <param name="what">For the message.</param>
    public int ReadCount(int itemBytesMin, string what)
    {
        int count = ReadInt32();
        if (count == -1)
        {
            return 0;
        }
        if (count < 0 || count > Left / itemBytesMin)
        {
            throw new MalformedRequestException($"{what}: {count} items where {Left} bytes are left");
        }
        return count;
    }

    public List<string> ReadStrings(string what)
    {
        int count = ReadCount(sizeof(int), what);
        var strings = new List<string>(count);
        for (int i = 0; i < count; i++)
        {
            strings.Add(ReadString(what));
        }
        return strings;
    }

    public NodeStat ReadStat()
    {
        long czxid = ReadInt64();
        long mzxid = ReadInt64();
        long ctime = ReadInt64();
        long mtime = ReadInt64();
        int version = ReadInt32();
        int childVersion = ReadInt32();
        int accessVersion = ReadInt32();
        long owner = ReadInt64();
        int dataLength = ReadInt32();
        int children = ReadInt32();
        long pzxid = ReadInt64();
        return new NodeStat(czxid, mzxid, pzxid, ctime, mtime, version, childVersion, owner, dataLength, children, accessVersion);
    }

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if ((uint)count > (uint)Left)
        {
            throw new MalformedRequestException($"{what}: {count} bytes where {Left} are left");
        }
        ReadOnlySpan<byte> taken = _bytes.Slice(Position, count);
        Position += count;
        return taken;
    }
}
