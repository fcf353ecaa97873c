namespace Broker.Engine.Storage.Producers;

/// <summary>A transaction that has ended in a partition.</summary>
/// <param name="ProducerId">Whose it was.</param>
/// <param name="FirstOffset">Of its first record.</param>
/// <param name="LastOffset">Of the marker that ended it.</param>
/// <param name="IsAborted">Whether its records are not to be read.</param>
internal readonly record struct CompletedTransaction(long ProducerId, long FirstOffset, long LastOffset, bool IsAborted);

/// <summary>
/// The transactions of one partition by their first offset: the open ones, and those that have ended but whose marker lies at
/// or beyond the high watermark. What lies below all of them is stable. After the two trees of Kafka's ProducerStateManager.
/// Guarded by the log's lock.
/// </summary>
internal sealed class ProducerTransactions
{
    private readonly SortedList<long, long> _open = [];
    private readonly SortedList<long, long> _unreplicated = [];

    /// <summary>First offset of the oldest open transaction, or null.</summary>
    public long? FirstUndecidedOffset => _open.Count > 0 ? _open.GetKeyAtIndex(0) : null;

    /// <summary>First offset that is not stable: of a transaction open, or ended beyond the high watermark; or null.</summary>
    public long? FirstUnstableOffset => _unreplicated.Count == 0 ? FirstUndecidedOffset
        : _open.Count == 0 ? _unreplicated.GetKeyAtIndex(0) : Math.Min(_open.GetKeyAtIndex(0), _unreplicated.GetKeyAtIndex(0));

    public int OpenCount => _open.Count;

    public void Begin(long firstOffset, long producerId) => _open[firstOffset] = producerId;

    /// <summary>The last stable offset once a transaction has ended: where another one begins, or after the marker.</summary>
    public long LastStableOffsetAfter(in CompletedTransaction completed)
    {
        foreach ((long firstOffset, long producerId) in _open)
        {
            if (producerId != completed.ProducerId)
            {
                return firstOffset;
            }
        }
        return completed.LastOffset + 1;
    }

    public void Complete(in CompletedTransaction completed)
    {
        _open.Remove(completed.FirstOffset);
        _unreplicated[completed.FirstOffset] = completed.LastOffset;
    }

    /// <summary>Forgets ended transactions whose marker lies below <paramref name="highWatermark"/>.</summary>
    public void OnHighWatermark(long highWatermark)
    {
        for (int i = _unreplicated.Count - 1; i >= 0; i--)
        {
            if (_unreplicated.GetValueAtIndex(i) < highWatermark)
            {
                _unreplicated.RemoveAt(i);
            }
        }
    }

    public void Clear()
    {
        _open.Clear();
        _unreplicated.Clear();
    }
}
