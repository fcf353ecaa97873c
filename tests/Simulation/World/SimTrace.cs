namespace Simulation.World;

/// <summary>What happened: a hash over all of it, and its last lines. Not thread-safe.</summary>
internal sealed class SimTrace
{
    private const int LinesMax = 400;

    private readonly Queue<string> _lines = new();

    /// <summary>FNV-1a, 64 bits.</summary>
    public ulong Hash { get; private set; } = 14695981039346656037;

    public bool KeepsAll { get; set; }

    public IEnumerable<string> Lines => _lines;

    public void Add(string line)
    {
        foreach (char c in line)
        {
            Add((ulong)c);
        }
        _lines.Enqueue(line);
        if (!KeepsAll && _lines.Count > LinesMax)
        {
            _lines.Dequeue();
        }
    }

    /// <summary>Counts bytes in, without a line.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            Add((ulong)b);
        }
    }

    public void Add(ulong value) => Hash = (Hash ^ value) * 1099511628211;
}
