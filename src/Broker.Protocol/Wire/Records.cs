namespace Broker.Protocol.Wire;

/// <summary>
/// The records field of Produce and Fetch: bytes in memory, or a region of a file that the transport sends without
/// bringing it into memory. The codec never looks inside. A default value is null records.
/// </summary>
public readonly struct Records : IEquatable<Records>
{
    private readonly ReadOnlyMemory<byte> _memory;
    private readonly int _regionLength;

    /// <summary>Records that lie in memory. The memory must live as long as the message.</summary>
    public Records(ReadOnlyMemory<byte> memory)
    {
        _memory = memory;
        HasValue = true;
    }

    /// <summary>Records that lie in a file.</summary>
    /// <param name="region">What the transport sends from; opaque here.</param>
    /// <param name="position">First byte in the file.</param>
    /// <param name="length">Bytes.</param>
    public Records(object region, long position, int length)
    {
        Region = region;
        Position = position;
        _regionLength = length;
        HasValue = true;
    }

    /// <summary>False for null records.</summary>
    public bool HasValue { get; }

    /// <summary>The file to send from, or null when the bytes are in <see cref="Memory"/>.</summary>
    public object? Region { get; }

    /// <summary>Position of the first byte in the file.</summary>
    public long Position { get; }

    /// <summary>Bytes.</summary>
    public int Length => Region is null ? _memory.Length : _regionLength;

    /// <summary>The bytes, when they are in memory.</summary>
    public ReadOnlyMemory<byte> Memory => _memory;

    public static Records Empty => new(ReadOnlyMemory<byte>.Empty);

    public bool Equals(Records other) =>
        HasValue == other.HasValue && Region == other.Region && Position == other.Position && Length == other.Length
        && (Region is not null || _memory.Span.SequenceEqual(other._memory.Span));

    public override bool Equals(object? obj) => obj is Records other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(HasValue, Position, Length);

    public static bool operator ==(Records left, Records right) => left.Equals(right);

    public static bool operator !=(Records left, Records right) => !left.Equals(right);
}
