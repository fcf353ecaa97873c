using System.Buffers.Binary;
using System.Numerics;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>
/// The last offset of each key of a log's dirty part: 24 bytes a key, whatever the key's length, in one flat array with
/// linear probing. A key is known by a 128-bit SipHash under a secret of the map, so that nobody can choose keys that meet.
/// After Kafka's SkimpyOffsetMap. Not thread-safe.
/// </summary>
internal sealed class OffsetMap
{
    public const int EntryBytes = 24;

    private const int WordsPerEntry = 3;

    private readonly ulong[] _words;
    private readonly ulong _secret0;
    private readonly ulong _secret1;

    /// <param name="slots">Entries that there is room for, at least 1.</param>
    /// <param name="random">Gives the secret.</param>
    public OffsetMap(int slots, Random random)
    {
        Slots = Math.Clamp(slots, 1, Array.MaxLength / WordsPerEntry);
        _words = new ulong[Slots * WordsPerEntry];
        _secret0 = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
        _secret1 = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
    }

    public int Slots { get; }

    public int Count { get; private set; }

    /// <summary>The last offset that the map speaks of: records after it were not read.</summary>
    public long LatestOffset { get; private set; } = -1;

    /// <summary>Entries that a buffer gives room for.</summary>
    public static int SlotsOf(long bytes) => (int)Math.Clamp(bytes / EntryBytes, 2, Array.MaxLength / WordsPerEntry);

    public void Put(ReadOnlySpan<byte> key, long offset)
    {
        int at = Find(key, out ulong low, out ulong high);
        if (_words[at + 2] == 0)
        {
            if (Count == Slots - 1)
            {
                throw new InvalidOperationException("the offset map is full");
            }
            _words[at] = low;
            _words[at + 1] = high;
            Count++;
        }
        _words[at + 2] = (ulong)offset + 1;   // 0 is a free slot
        UpdateLatest(offset);
    }

    /// <summary>The key's last offset, -1 when it is not there.</summary>
    public long Get(ReadOnlySpan<byte> key) => (long)_words[Find(key, out _, out _) + 2] - 1;

    public void UpdateLatest(long offset) => LatestOffset = Math.Max(LatestOffset, offset);

    private int Find(ReadOnlySpan<byte> key, out ulong low, out ulong high)
    {
        Hash(key, out low, out high);
        uint slot = (uint)(low % (uint)Slots);
        while (true)
        {
            int at = (int)slot * WordsPerEntry;
            if (_words[at + 2] == 0 || (_words[at] == low && _words[at + 1] == high))
            {
                return at;
            }
            slot = slot + 1 == (uint)Slots ? 0 : slot + 1;
        }
    }

    /// <summary>SipHash-2-4 with 128 bits of output.</summary>
    private void Hash(ReadOnlySpan<byte> key, out ulong low, out ulong high)
    {
        ulong v0 = _secret0 ^ 0x736f6d6570736575;
        ulong v1 = _secret1 ^ 0x646f72616e646f6d ^ 0xee;
        ulong v2 = _secret0 ^ 0x6c7967656e657261;
        ulong v3 = _secret1 ^ 0x7465646279746573;
        ulong tail = (ulong)key.Length << 56;
        while (key.Length >= 8)
        {
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(key);
            v3 ^= word;
            Round(ref v0, ref v1, ref v2, ref v3);
            Round(ref v0, ref v1, ref v2, ref v3);
            v0 ^= word;
            key = key[8..];
        }
        for (int i = 0; i < key.Length; i++)
        {
            tail |= (ulong)key[i] << (8 * i);
        }
        v3 ^= tail;
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= tail;
        v2 ^= 0xee;
        low = Finish(ref v0, ref v1, ref v2, ref v3);
        v1 ^= 0xdd;
        high = Finish(ref v0, ref v1, ref v2, ref v3);
    }

    private static ulong Finish(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        for (int i = 0; i < 4; i++)
        {
            Round(ref v0, ref v1, ref v2, ref v3);
        }
        return v0 ^ v1 ^ v2 ^ v3;
    }

    private static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v3;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v2 = BitOperations.RotateLeft(v2, 32);
    }
}
