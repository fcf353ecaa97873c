using System.Buffers.Binary;
using System.Text;

namespace Broker.Engine.Coordination.Jute;

/// <summary>Writes ZooKeeper's records, each packet with its length of four bytes before it. Grows as needed. Not thread-safe.</summary>
internal sealed class JuteWriter(int capacity = 256)
{
    private byte[] _bytes = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    public byte[] ToArray() => _bytes.AsSpan(0, Length).ToArray();

    public void Clear() => Length = 0;

    /// <summary>Leaves room for a packet's length.</summary>
    /// <returns>What to give to <see cref="EndFrame"/>.</returns>
    public int BeginFrame()
    {
        WriteInt32(0);
        return Length;
    }

    public void EndFrame(int began) => PatchInt32(began - sizeof(int), Length - began);

    public void PatchInt32(int at, int value) => BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(at), value);

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Take(sizeof(int)), value);

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(sizeof(long)), value);

    public void WriteBool(bool value) => Take(1)[0] = value ? (byte)1 : (byte)0;

    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        WriteInt32(value.Length);
        value.CopyTo(Take(value.Length));
    }

    public void WriteString(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        WriteInt32(length);
        Encoding.UTF8.GetBytes(value, Take(length));
    }

    public void WriteStrings(IReadOnlyCollection<string> values)
    {
        WriteInt32(values.Count);
        foreach (string value in values)
        {
            WriteString(value);
        }
    }

    /// <summary>Bytes as they are, without a length.</summary>
    public void WriteRaw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    public void WriteStat(in NodeStat stat)
    {
        WriteInt64(stat.Czxid);
        WriteInt64(stat.Mzxid);
        WriteInt64(stat.CtimeMs);
        WriteInt64(stat.MtimeMs);
        WriteInt32(stat.Version);
        WriteInt32(stat.ChildVersion);
        WriteInt32(stat.AccessVersion);
        WriteInt64(stat.EphemeralOwner);
        WriteInt32(stat.DataLength);
        WriteInt32(stat.ChildCount);
        WriteInt64(stat.Pzxid);
    }

    private Span<byte> Take(int count)
    {
        if (_bytes.Length - Length < count)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        }
        Span<byte> taken = _bytes.AsSpan(Length, count);
        Length += count;
        return taken;
    }
}
