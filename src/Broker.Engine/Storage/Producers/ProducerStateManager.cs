using Broker.Protocol.Messages;

namespace Broker.Engine.Storage.Producers;

/// <summary>
/// The producers of one partition: what makes their retries append once (idempotence). After Kafka's ProducerStateManager
/// and ProducerAppendInfo. Guarded by the log's lock.
/// </summary>
internal sealed partial class ProducerStateManager(TopicPartition partition)
{
    private Dictionary<long, ProducerEntry>? _producers;

    /// <summary>The partition's transactions; null until there is one.</summary>
    public ProducerTransactions? Transactions { get; private set; }

    public int Count => _producers?.Count ?? 0;

    public IEnumerable<ProducerEntry> Producers => _producers is { } all ? all.Values : [];

    /// <summary>Whether the batch was appended before.</summary>
    public bool TryFindDuplicate(
        long producerId, short epoch, int firstSequence, int lastSequence, out BatchMetadata duplicate)
    {
        duplicate = default;
        return _producers is not null && _producers.TryGetValue(producerId, out ProducerEntry? entry)
            && entry.TryFindDuplicate(epoch, firstSequence, lastSequence, out duplicate);
    }

    /// <summary>Whether a client's batch may follow what its producer appended so far.</summary>
    /// <param name="producerId">The producer, not negative.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="firstSequence">The batch's first sequence.</param>
    /// <param name="offset">The offset it would get: for the message.</param>
    /// <param name="message">On an error, Kafka's text.</param>
    public ErrorCode Check(long producerId, short epoch, int firstSequence, long offset, out string? message)
    {
        message = null;
        if (_producers is null || !_producers.TryGetValue(producerId, out ProducerEntry? entry) || entry.Epoch < 0)
        {
            // Whatever was known is gone by retention or expiry: any sequence may begin (trap 29).
            return ErrorCode.None;
        }
        if (epoch < entry.Epoch)
        {
            message = $"Epoch of producer {producerId} at offset {offset} in {partition} is {epoch}, " +
                $"which is smaller than the last seen epoch {entry.Epoch}";
            return ErrorCode.InvalidProducerEpoch;
        }
        if (epoch != entry.Epoch)
        {
            if (firstSequence == 0)
            {
                return ErrorCode.None;
            }
            message = $"Invalid sequence number for new epoch of producer {producerId} at offset {offset} in partition " +
                $"{partition}: {epoch} (request epoch), {firstSequence} (seq. number), {entry.Epoch} (current producer epoch)";
            return ErrorCode.OutOfOrderSequenceNumber;
        }
        int last = entry.LastSequenceNumber;
        if (ProducerSequence.Follows(last, firstSequence))
        {
            return ErrorCode.None;
        }
        // Kafka answers OUT_OF_ORDER_SEQUENCE_NUMBER here too, on which a client begins another epoch and sends its batches again: twice
        // in the log. Clients take the other answer for what it says, that the batch is there.
        bool leftOut = entry.WasLeftOut(firstSequence);
        message = $"{(leftOut ? "Duplicate" : "Out of order")} sequence number for producer {producerId} at offset {offset} in partition " +
            $"{partition}: {firstSequence} (incoming seq. number), {last} (current end sequence number)";
        return leftOut ? ErrorCode.DuplicateSequenceNumber : ErrorCode.OutOfOrderSequenceNumber;
    }

    /// <summary>Where the oldest batch begins that is known of a producer that is known.</summary>
    public long FirstOffsetKnown(long producerId) => _producers![producerId][0].FirstOffset;

    /// <summary>Remembers a batch that was appended.</summary>
    public void Update(long producerId, short epoch, in BatchMetadata batch, bool isTransactional = false)
    {
        ProducerEntry entry = EntryOf(producerId);
        entry.MaybeUpdateEpoch(epoch);
        entry.Add(batch);
        if (isTransactional && entry.CurrentTransactionFirstOffset < 0)
        {
            entry.CurrentTransactionFirstOffset = batch.FirstOffset;
            (Transactions ??= new ProducerTransactions()).Begin(batch.FirstOffset, producerId);
        }
    }

    /// <summary>Remembers the marker of a transaction's end.</summary>
    /// <returns>The transaction that it ended; null when it had no records here. The caller enters an aborted one in the
    /// segment's transaction index and calls <see cref="Complete"/>.</returns>
    public CompletedTransaction? EndTransaction(
        long producerId, short epoch, long markerOffset, long timestampMs, int coordinatorEpoch, bool isAborted)
    {
        ProducerEntry entry = EntryOf(producerId);
        entry.MaybeUpdateEpoch(epoch);
        entry.CoordinatorEpoch = coordinatorEpoch;
        entry.LastTimestampMs = timestampMs;
        long first = entry.CurrentTransactionFirstOffset;
        entry.CurrentTransactionFirstOffset = -1;
        return first < 0 ? null : new CompletedTransaction(producerId, first, markerOffset, isAborted);
    }

    /// <summary>The last stable offset once a transaction has ended, for the transaction index.</summary>
    public long LastStableOffsetAfter(in CompletedTransaction completed) =>
        Transactions?.LastStableOffsetAfter(completed) ?? completed.LastOffset + 1;

    public void Complete(in CompletedTransaction completed) => Transactions?.Complete(completed);

    private ProducerEntry EntryOf(long producerId)
    {
        _producers ??= [];
        if (!_producers.TryGetValue(producerId, out ProducerEntry? entry))
        {
            entry = new ProducerEntry(producerId);
            _producers.Add(producerId, entry);
        }
        return entry;
    }

    /// <summary>Forgets producers that have not appended for producer.id.expiration.ms.</summary>
    public int RemoveExpired(long nowMs, long expirationMs)
    {
        if (_producers is null)
        {
            return 0;
        }
        int removed = 0;
        foreach (ProducerEntry entry in _producers.Values)
        {
            // Removing while enumerating is allowed by Dictionary.
            if (entry.CurrentTransactionFirstOffset < 0 && nowMs - entry.LastTimestampMs >= expirationMs)
            {
                _producers.Remove(entry.ProducerId);
                removed++;
            }
        }
        return removed;
    }

    public void Clear()
    {
        _producers?.Clear();
        Transactions?.Clear();
    }
}
