using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol.Wire;

/// <summary>Bytes that are not what their header says. It costs the connection, never the broker.</summary>
public sealed class MalformedRequestException : Exception
{
    public MalformedRequestException(string message) : base(message) { }
    public MalformedRequestException(string message, Exception inner) : base(message, inner) { }

    [DoesNotReturn]
    internal static void ThrowShort(int wanted, int left) =>
        throw new MalformedRequestException($"needs {wanted} bytes where {left} are left");

    [DoesNotReturn]
    internal static void ThrowLength(string what, long length, int left) =>
        throw new MalformedRequestException($"{what} of length {length} where {left} bytes are left");

    [DoesNotReturn]
    internal static void ThrowNull(string what) =>
        throw new MalformedRequestException($"{what} is null where null is not allowed");
}
