using System.Buffers.Binary;

namespace Broker.Protocol.Wire;

/// <summary>The header of every request. Client id keeps its two-byte length even in the flexible header v2
/// (Kafka ApiMessageTypeGenerator). A plain value; slices point into the frame.</summary>
public readonly record struct RequestHeader(
    short ApiKey, short ApiVersion, int CorrelationId, ReadOnlyMemory<byte>? ClientId)
{
    /// <summary>Bytes before the client id: enough to answer an ApiVersions request of an unknown version.</summary>
    public const int FixedBytes = 8;

    /// <summary>API key of a frame, without reading further.</summary>
    public static short PeekApiKey(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt16BigEndian(frame);

    /// <summary>Reads a header; <paramref name="headerVersion"/> is 1 or 2, by the API's flexibility.</summary>
    public static RequestHeader Read(ref KafkaReader reader, short headerVersion)
    {
        short key = reader.ReadInt16();
        short version = reader.ReadInt16();
        int correlationId = reader.ReadInt32();
        ReadOnlyMemory<byte>? clientId = reader.ReadNullableUtf8(flexible: false);
        if (headerVersion >= 2)
        {
            reader.SkipTaggedFields();
        }
        return new RequestHeader(key, version, correlationId, clientId);
    }

    public void Write(KafkaWriter writer, short headerVersion)
    {
        writer.WriteInt16(ApiKey);
        writer.WriteInt16(ApiVersion);
        writer.WriteInt32(CorrelationId);
        writer.WriteUtf8(ClientId, flexible: false);
        if (headerVersion >= 2)
        {
            writer.WriteUnsignedVarint(0);
        }
    }

    /// <summary>Writes a response header: the correlation id, and from v1 on an empty set of tagged fields.</summary>
    public static void WriteResponse(KafkaWriter writer, int correlationId, short headerVersion)
    {
        writer.WriteInt32(correlationId);
        if (headerVersion >= 1)
        {
            writer.WriteUnsignedVarint(0);
        }
}
}
