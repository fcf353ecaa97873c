namespace Broker.Engine.Storage.Producers;

/// <summary>A batch that a producer appended: enough to recognise it when it is sent again.</summary>
internal readonly record struct BatchMetadata(int LastSequence, long LastOffset, int OffsetDelta, long TimestampMs)
{
    public int FirstSequence => ProducerSequence.Decrement(LastSequence, OffsetDelta);

    public long FirstOffset => LastOffset - OffsetDelta;
}

/// <summary>Arithmetic of sequence numbers, which wrap to 0 after int.MaxValue (trap 28; Kafka DefaultRecordBatch).</summary>
internal static class ProducerSequence
{
    public const int None = -1;

    /// <summary>A sequence that is less than another by more is taken for a later one, after the wrap.</summary>
    public const int BackMax = 1 << 30;

    public static int Decrement(int sequence, int by) =>
        sequence < by ? int.MaxValue - (by - sequence) + 1 : sequence - by;

    public static bool Follows(int last, int next) => next == last + 1L || (next == 0 && last == int.MaxValue);
}

/// <summary>
/// What a partition knows of one producer: its epoch and its last five batches (trap 27; Kafka ProducerStateEntry). A slot
/// of the ring is reused, so that a batch costs no allocation. Guarded by the log's lock.
/// </summary>
internal sealed class ProducerEntry(long producerId)
{
    /// <summary>Batches remembered: as many as a client may have in flight.</summary>
    public const int BatchesMax = 5;

    private readonly BatchMetadata[] _batches = new BatchMetadata[BatchesMax];
    private int _first;

    public long ProducerId { get; } = producerId;

    public short Epoch { get; private set; } = -1;

    public int CoordinatorEpoch { get; set; } = -1;

    public long LastTimestampMs { get; set; } = -1;

    /// <summary>First offset of the open transaction, or -1.</summary>
    public long CurrentTransactionFirstOffset { get; set; } = -1;

    public int BatchCount { get; private set; }

    /// <summary>Whether it was read from a snapshot, which keeps the last batch alone.</summary>
    public bool IsOfSnapshot { get; init; }

    public bool IsEmpty => BatchCount == 0;

    public BatchMetadata Last => _batches[(_first + BatchCount - 1) % BatchesMax];

    public BatchMetadata this[int index] => _batches[(_first + index) % BatchesMax];

    public int LastSequenceNumber => IsEmpty ? ProducerSequence.None : Last.LastSequence;

    public long LastOffset => IsEmpty ? -1 : Last.LastOffset;

    /// <summary>Takes a new epoch; the batches of the old one say nothing any more.</summary>
    public bool MaybeUpdateEpoch(short epoch)
    {
        if (epoch == Epoch)
        {
            return false;
        }
        BatchCount = 0;
        Epoch = epoch;
        return true;
    }

    public void Add(in BatchMetadata batch)
    {
        if (BatchCount == BatchesMax)
        {
            _first = (_first + 1) % BatchesMax;
            BatchCount--;
        }
        _batches[(_first + BatchCount++) % BatchesMax] = batch;
        LastTimestampMs = batch.TimestampMs;
    }

    /// <summary>Whether a batch was appended before those that are known: a snapshot has left out what may still be under way.</summary>
    public bool WasLeftOut(int firstSequence)
    {
        if (!IsOfSnapshot || BatchCount is 0 or BatchesMax)
        {
            return false;
        }
        int before = ProducerSequence.Decrement(this[0].FirstSequence, firstSequence);
        return before is > 0 and <= ProducerSequence.BackMax;
    }

    /// <summary>Finds a batch that was appended already, by its exact first and last sequence.</summary>
    public bool TryFindDuplicate(short epoch, int firstSequence, int lastSequence, out BatchMetadata duplicate)
    {
        if (epoch == Epoch)
        {
            for (int i = 0; i < BatchCount; i++)
            {
                duplicate = this[i];
                if (duplicate.FirstSequence == firstSequence && duplicate.LastSequence == lastSequence)
                {
                    return true;
                }
            }
        }
        duplicate = default;
        return false;
    }
}
