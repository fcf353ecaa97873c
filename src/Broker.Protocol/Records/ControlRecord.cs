using System.Buffers.Binary;

namespace Broker.Protocol.Records;

/// <summary>What a control batch marks (Kafka ControlRecordType).</summary>
public enum ControlRecordType
{
    /// <summary>A kind this broker does not know: such records are passed over.</summary>
    Unknown = -1,

    Abort = 0,

    Commit = 1,
}

/// <summary>The record of a control batch: key {version i16 = 0, type i16}, and for the end of a transaction the value
/// {version i16 = 0, coordinatorEpoch i32} (Kafka EndTransactionMarker). It takes one offset. Stateless;
/// thread-safe.</summary>
public static class ControlRecord
{
    private const int KeyBytes = 4;
    private const int ValueBytes = 6;

    /// <summary>Builds the batch that ends a transaction; the bytes are the builder's.</summary>
    public static Memory<byte> BuildMarker(
        RecordBatchBuilder builder, ControlRecordType type, int coordinatorEpoch, long timestampMs,
        in RecordBatchOptions options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        RecordBatchOptions marker = options;
        marker.IsControl = true;
        marker.IsTransactional = true;
        marker.Codec = CompressionCodec.None;
        marker.BaseSequence = RecordBatchHeader.NoSequence;

        Span<byte> key = stackalloc byte[KeyBytes];
        key.Clear();
        BinaryPrimitives.WriteInt16BigEndian(key[2..], (short)type);
        Span<byte> value = stackalloc byte[ValueBytes];
        value.Clear();
        BinaryPrimitives.WriteInt32BigEndian(value[2..], coordinatorEpoch);
        builder.Begin(marker);
        builder.Append(timestampMs, key, value);
        return builder.Finish();
    }

    /// <summary>The kind of a control record, by its key. Later versions may only append fields.</summary>
    public static ControlRecordType TypeOf(ReadOnlySpan<byte> key) =>
        key.Length < KeyBytes || BinaryPrimitives.ReadInt16BigEndian(key) < 0
            ? ControlRecordType.Unknown
            : BinaryPrimitives.ReadInt16BigEndian(key[2..]) switch
            {
                0 => ControlRecordType.Abort,
                1 => ControlRecordType.Commit,
                _ => ControlRecordType.Unknown,
            };

    /// <summary>The coordinator's epoch of a marker, by its value; false when it is none.</summary>
    public static bool TryReadCoordinatorEpoch(ReadOnlySpan<byte> value, out int coordinatorEpoch)
    {
        bool whole = value.Length >= ValueBytes && BinaryPrimitives.ReadInt16BigEndian(value) >= 0;
        coordinatorEpoch = whole ? BinaryPrimitives.ReadInt32BigEndian(value[2..]) : -1;
        return whole;
    }
}
