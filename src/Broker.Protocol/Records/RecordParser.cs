using System.Runtime.CompilerServices;

namespace Broker.Protocol.Records;

/// <summary>Where the fields of one record lie in its body (Kafka DefaultRecord; the body is what follows the length):
/// <code>
/// attributes i8, timestampDelta varlong, offsetDelta varint, keyLength varint (-1: null), key,
/// valueLength varint (-1: null), value, headerCount varint, headers of keyLength, key, valueLength, value
/// </code></summary>
internal struct RecordFields
{
    public long TimestampDelta;
    public int OffsetDelta;
    public int KeyAt;

    /// <summary>Negative: null.</summary>
    public int KeyLength;

    public int ValueAt;

    /// <summary>Negative: null.</summary>
    public int ValueLength;

    public int HeadersAt;
    public int HeaderCount;
    public byte Attributes;
}

/// <summary>Takes a record's body apart and holds every length against the body's. A null is any negative length, as in
/// Kafka; a header's key is never null. Stateless; thread-safe.</summary>
internal static class RecordParser
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RecordFault Parse(ReadOnlySpan<byte> body, ref RecordFields fields)
    {
        int at = 1;
        if (body.IsEmpty
            || !Varint.TryRead(body, ref at, out long timestampDelta)
            || !Varint.TryRead(body, ref at, out int offsetDelta)
            || !Varint.TryRead(body, ref at, out int keyLength)
            || keyLength > body.Length - at)
        {
            return RecordFault.InvalidStructure;
        }
        fields.Attributes = body[0];
        fields.TimestampDelta = timestampDelta;
        fields.OffsetDelta = offsetDelta;
        fields.KeyAt = at;
        fields.KeyLength = keyLength;
        at += Math.Max(keyLength, 0);

        if (!Varint.TryRead(body, ref at, out int valueLength) || valueLength > body.Length - at)
        {
            return RecordFault.InvalidStructure;
        }
        fields.ValueAt = at;
        fields.ValueLength = valueLength;
        at += Math.Max(valueLength, 0);

        if (at == body.Length - 1 && body[at] == 0)
        {
            fields.HeaderCount = 0;
            return RecordFault.None;
        }
        return ParseHeaders(body, at, ref fields);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static RecordFault ParseHeaders(ReadOnlySpan<byte> body, int at, ref RecordFields fields)
    {
        if (!Varint.TryRead(body, ref at, out int count))
        {
            return RecordFault.InvalidStructure;
        }
        fields.HeadersAt = at;
        fields.HeaderCount = count;
        if (count < 0)
        {
            return RecordFault.NegativeHeaderCount;
        }
        if (count > body.Length - at)
        {
            return RecordFault.HeaderCountTooLarge;
        }
        for (int i = 0; i < count; i++)
        {
            if (!Varint.TryRead(body, ref at, out int keyLength) || keyLength > body.Length - at)
            {
                return RecordFault.InvalidStructure;
            }
            if (keyLength < 0)
            {
                return RecordFault.NegativeHeaderKey;
            }
            at += keyLength;
            if (!Varint.TryRead(body, ref at, out int valueLength) || valueLength > body.Length - at)
            {
                return RecordFault.InvalidStructure;
            }
            at += Math.Max(valueLength, 0);
        }
        return at == body.Length ? RecordFault.None : RecordFault.SizeMismatch;
    }
}
