using System.Buffers.Binary;

namespace Broker.Protocol.Records;

/// <summary>What lies at a place where a batch should begin.</summary>
public enum BatchOutcome
{
    /// <summary>A whole batch (its checksum not yet looked at).</summary>
    Batch,

    /// <summary>Nothing: the bytes end exactly here.</summary>
    End,

    /// <summary>The beginning of a batch whose rest is missing: a torn write, or the end of what was read.</summary>
    Short,

    /// <summary>No batch: a size below the least possible, or an unknown magic.</summary>
    Garbage,
}

/// <summary>
/// Walks the consecutive batches of a span, of magic 0, 1 and 2 alike, by their size fields. Bad data is an
/// <see cref="Outcome"/>, never an exception: recovery cuts the log at <see cref="Position"/>, a fetch slices there.
/// Costs a few loads a batch. Not thread-safe.
/// </summary>
public ref struct BatchCursor
{
    /// <summary>Least size field of magic 0: crc, magic, attributes, two lengths.</summary>
    private const int LengthMinV0 = 14;

    private const int LengthMinV1 = 22;
    private const int LengthMinV2 = RecordBatchHeader.Size - RecordBatchHeader.LogOverhead;

    private readonly ReadOnlySpan<byte> _span;
    private int _position;
    private int _size;

    public BatchCursor(ReadOnlySpan<byte> span)
    {
        _span = span;
        Outcome = BatchOutcome.Batch;
    }

    /// <summary>Where the current batch begins; after the last, where the walk stopped.</summary>
    public readonly int Position => _position;

    /// <summary>What <see cref="MoveNext"/> found.</summary>
    public BatchOutcome Outcome { get; private set; }

    /// <summary>Bytes that a <see cref="BatchOutcome.Short"/> batch takes in all, or the bytes of a header when not even
    /// that is there.</summary>
    public int BytesNeeded { get; private set; }

    /// <summary>The current batch's bytes.</summary>
    public readonly ReadOnlySpan<byte> Current => _span.Slice(_position, _size);

    /// <summary>The current batch's bytes in all.</summary>
    public readonly int SizeInBytes => _size;

    public readonly byte Magic => _span[_position + RecordBatchHeader.MagicAt];

    /// <summary>The first field: the base offset in magic 2; in magic 0 and 1 the (last) message's offset.</summary>
    public readonly long Offset => BinaryPrimitives.ReadInt64BigEndian(_span[_position..]);

    /// <summary>The current batch as magic 2; look at <see cref="Magic"/> before.</summary>
    public readonly RecordBatchView Batch => new(Current);

    /// <summary>Steps to the next batch; false when there is none, with the reason in <see cref="Outcome"/>.</summary>
    public bool MoveNext()
    {
        if (Outcome != BatchOutcome.Batch)
        {
            return false;
        }
        _position += _size;
        _size = 0;
        Outcome = Peek(_span[_position..], out int size);
        BytesNeeded = size;
        _size = Outcome == BatchOutcome.Batch ? size : 0;
        return Outcome == BatchOutcome.Batch;
    }

    /// <summary>Looks at the beginning of a batch.</summary>
    /// <param name="span">The bytes from there on.</param>
    /// <param name="size">Bytes of the batch in all; when that cannot be told yet, the bytes needed to tell.</param>
    /// <returns>Short also when the header is whole and the span ends before the batch does.</returns>
    public static BatchOutcome Peek(ReadOnlySpan<byte> span, out int size)
    {
        size = RecordBatchHeader.PeekBytes;
        if (span.IsEmpty)
        {
            return BatchOutcome.End;
        }
        if (span.Length < RecordBatchHeader.LogOverhead)
        {
            return BatchOutcome.Short;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(span[RecordBatchHeader.LengthAt..]);
        if (length is < LengthMinV0 or > int.MaxValue - RecordBatchHeader.LogOverhead)
        {
            return BatchOutcome.Garbage;
        }
        if (span.Length < RecordBatchHeader.PeekBytes)
        {
            return BatchOutcome.Short;
        }
        int least = span[RecordBatchHeader.MagicAt] switch
        {
            0 => LengthMinV0,
            1 => LengthMinV1,
            2 => LengthMinV2,
            _ => int.MaxValue,
        };
        if (length < least)
        {
            return BatchOutcome.Garbage;
        }
        size = RecordBatchHeader.LogOverhead + length;
        return size <= span.Length ? BatchOutcome.Batch : BatchOutcome.Short;
    }
}
