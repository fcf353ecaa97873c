namespace Broker.Protocol.Records.Compression;

/// <summary>Checks a record that is larger than the window field by field, dropping keys, values and headers as they
/// pass, so that a record that promises gigabytes takes time and no memory. The same rules as <see cref="RecordParser"/>.
/// Stateless; thread-safe.</summary>
internal static class RecordSkipper
{
    /// <summary>Smaller records are read whole.</summary>
    public const int LengthMin = 32 * 1024;

    /// <summary>Checks the body of <paramref name="length"/> bytes that begins at the stream's position.</summary>
    public static RecordFault Skip(RecordStream stream, ReadOnlySpan<byte> source, int length, ref RecordFields fields)
    {
        int left = length;
        if (!Bytes(stream, source, 1, ref left)
            || !TryRead(stream, source, ref left, out fields.TimestampDelta)
            || !TryRead(stream, source, ref left, out fields.OffsetDelta)
            || !TryRead(stream, source, ref left, out fields.KeyLength)
            || !Bytes(stream, source, fields.KeyLength, ref left)
            || !TryRead(stream, source, ref left, out fields.ValueLength)
            || !Bytes(stream, source, fields.ValueLength, ref left)
            || !TryRead(stream, source, ref left, out fields.HeaderCount))
        {
            return Fault(stream, left);
        }
        if (fields.HeaderCount < 0)
        {
            return RecordFault.NegativeHeaderCount;
        }
        if (fields.HeaderCount > left)
        {
            return RecordFault.HeaderCountTooLarge;
        }
        for (int i = 0; i < fields.HeaderCount; i++)
        {
            if (!TryRead(stream, source, ref left, out int keyLength))
            {
                return Fault(stream, left);
            }
            if (keyLength < 0)
            {
                return RecordFault.NegativeHeaderKey;
            }
            if (!Bytes(stream, source, keyLength, ref left)
                || !TryRead(stream, source, ref left, out int valueLength)
                || !Bytes(stream, source, valueLength, ref left))
            {
                return Fault(stream, left);
            }
        }
        return left == 0 ? RecordFault.None : RecordFault.SizeMismatch;
    }

    private static RecordFault Fault(RecordStream stream, int left) =>
        stream.Fault != RecordFault.None ? stream.Fault
        : left > 0 && stream.Available.IsEmpty ? RecordFault.PrematureEnd
        : RecordFault.InvalidStructure;

    private static bool Bytes(RecordStream stream, ReadOnlySpan<byte> source, int count, ref int left)
    {
        if (count > left)
        {
            return false;
        }
        left -= Math.Max(count, 0);
        return stream.Skip(source, Math.Max(count, 0));
    }

    private static bool TryRead(RecordStream stream, ReadOnlySpan<byte> source, ref int left, out int value)
    {
        stream.Ensure(source, Math.Min(left, Varint.BytesMax32));
        int at = 0;
        if (!Varint.TryRead(Within(stream, left), ref at, out value))
        {
            return false;
        }
        stream.Advance(at);
        left -= at;
        return true;
    }

    private static bool TryRead(RecordStream stream, ReadOnlySpan<byte> source, ref int left, out long value)
    {
        stream.Ensure(source, Math.Min(left, Varint.BytesMax64));
        int at = 0;
        if (!Varint.TryRead(Within(stream, left), ref at, out value))
        {
            return false;
        }
        stream.Advance(at);
        left -= at;
        return true;
    }

    private static ReadOnlySpan<byte> Within(RecordStream stream, int left) =>
        stream.Available[..Math.Min(left, stream.Available.Length)];
}
