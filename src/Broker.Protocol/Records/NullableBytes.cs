using System.Text;

namespace Broker.Protocol.Records;

/// <summary>Bytes that may be null, as keys and values are: null is not empty. The default is null. A plain view; as
/// thread-safe as the memory under it.</summary>
public readonly ref struct NullableBytes
{
    private readonly bool _hasValue;

    public NullableBytes(ReadOnlySpan<byte> span)
    {
        Span = span;
        _hasValue = true;
    }

    public bool IsNull => !_hasValue;

    /// <summary>The bytes; empty when null.</summary>
    public ReadOnlySpan<byte> Span { get; }

    /// <summary>The length on the wire: -1 when null.</summary>
    public int Length => _hasValue ? Span.Length : -1;

    public static NullableBytes Null => default;

    public byte[]? ToArray() => _hasValue ? Span.ToArray() : null;

    public override string ToString() => _hasValue ? Encoding.UTF8.GetString(Span) : "";

    public static implicit operator NullableBytes(ReadOnlySpan<byte> span) => new(span);

    public static implicit operator NullableBytes(Span<byte> span) => new(span);

    public static implicit operator NullableBytes(byte[]? bytes) => bytes is null ? default : new(bytes);

    public static implicit operator NullableBytes(ReadOnlyMemory<byte>? bytes) =>
        bytes is { } memory ? new(memory.Span) : default;
}
