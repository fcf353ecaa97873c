using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Simulation.World;

/// <summary>What happened: a hash over all of it, and, where they are kept, its lines. Lines do not count in the hash, so that a
/// seed has the same with them and without. Not thread-safe.</summary>
internal sealed class SimTrace(bool isKept)
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private readonly List<string> _lines = [];

    public ulong Hash { get; private set; } = 14695981039346656037;

    public bool IsKept => isKept;

    public IReadOnlyList<string> Lines => _lines;

    public void Tell(string line) => _lines.Add(line);

    public void Add(string text) => Add(MemoryMarshal.AsBytes(text.AsSpan()));

    /// <summary>Counts bytes in.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        ulong hash = Hash ^ (ulong)bytes.Length;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }
        foreach (byte b in bytes)
        {
            hash = Mix(hash, b);
        }
        Hash = hash;
    }

    public void Add(ulong value) => Hash = Mix(Hash, value);

    private static ulong Mix(ulong hash, ulong value) => BitOperations.RotateLeft((hash ^ value) * Multiplier, 29);
}
