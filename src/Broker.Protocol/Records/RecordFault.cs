namespace Broker.Protocol.Records;

/// <summary>Why the records of a batch cannot be read.</summary>
public enum RecordFault
{
    None = 0,

    /// <summary>The batch declares fewer than no records.</summary>
    NegativeCount,

    /// <summary>A record's length is no varint, or negative.</summary>
    InvalidLength,

    /// <summary>The bytes end before the declared records do.</summary>
    PrematureEnd,

    /// <summary>A field of the record does not fit into the record.</summary>
    InvalidStructure,

    NegativeHeaderCount,

    /// <summary>More headers than the record has bytes left.</summary>
    HeaderCountTooLarge,

    NegativeHeaderKey,

    /// <summary>The record's fields end before the record's length says.</summary>
    SizeMismatch,

    /// <summary>Bytes follow the declared records.</summary>
    BytesRemaining,

    /// <summary>Codec bits 5 to 7.</summary>
    UnknownCodec,

    /// <summary>The compressed bytes are damaged, or cut off.</summary>
    CorruptCompression,

    /// <summary>A form of the codec that Kafka's clients do not read, such as LZ4 blocks that depend on each
    /// other.</summary>
    UnsupportedCompression,

    /// <summary>More came out of a batch than <see cref="RecordCodecLimits.BatchBytesMax"/>.</summary>
    BatchTooLarge,

    /// <summary>One record, or one compressed block, is larger than
    /// <see cref="RecordCodecLimits.RecordBytesMax"/>.</summary>
    RecordTooLarge,

    /// <summary>The checksum of a message of magic 0 or 1 is wrong.</summary>
    CorruptChecksum,

    /// <summary>A compressed message of magic 0 or 1 that holds none, holds compressed ones, or has an offset below
    /// those it holds.</summary>
    InvalidWrapper,
}

/// <summary>What a <see cref="RecordFault"/> says to a person. Stateless; thread-safe.</summary>
public static class RecordFaults
{
    public static string Message(RecordFault fault) => fault switch
    {
        RecordFault.NegativeCount => "Found invalid record count in magic v2 batch",
        RecordFault.InvalidLength => "Found invalid record length",
        RecordFault.PrematureEnd => "Incorrect declared batch size, premature EOF reached",
        RecordFault.InvalidStructure => "Found invalid record structure",
        RecordFault.NegativeHeaderCount => "Found invalid number of record headers",
        RecordFault.HeaderCountTooLarge =>
            "Found invalid number of record headers, larger than the remaining size of the record",
        RecordFault.NegativeHeaderKey => "Invalid negative header key size",
        RecordFault.SizeMismatch => "Invalid record size: the record's fields end before its declared size",
        RecordFault.BytesRemaining => "Incorrect declared batch size, records still remaining",
        RecordFault.UnknownCodec => "Unknown compression type",
        RecordFault.CorruptCompression => "Failed to decompress record stream",
        RecordFault.UnsupportedCompression => "The compressed stream has a form that is not supported",
        RecordFault.BatchTooLarge => "The decompressed batch is larger than the broker decompresses",
        RecordFault.RecordTooLarge => "A decompressed record or block is larger than the broker decompresses",
        RecordFault.CorruptChecksum => "Record is corrupt",
        RecordFault.InvalidWrapper => "Found invalid compressed message set",
        _ => "No fault",
    };
}
