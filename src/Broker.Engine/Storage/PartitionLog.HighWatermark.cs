namespace Broker.Engine.Storage;

/// <summary>
/// How far the log is replicated, and who may append. Both change under the log's lock, as offsets do: so a batch that is being
/// appended while the broker's role changes is either wholly of the old reign or refused, and the append path pays no lock of
/// its own for it.
/// </summary>
internal sealed partial class PartitionLog
{
    /// <summary>No reign was ever begun: any epoch may append (a log without a partition).</summary>
    private const int AnyEpoch = int.MinValue;

    /// <summary>This broker follows: nothing may be appended but what its leader has.</summary>
    private const int NoEpoch = -2;

    private long _highWatermark;
    private int _reignEpoch = AnyEpoch;
    private bool _isAlone;

    /// <summary>Below it every record is on all in-sync replicas: what consumers may see. Goes back only where the log is cut.</summary>
    public long HighWatermark => Volatile.Read(ref _highWatermark);

    /// <summary>Below it no transaction is open: what read_committed consumers may see.</summary>
    public long LastStableOffset
    {
        get
        {
            long highWatermark = HighWatermark;
            if (Producers.Transactions is null)
            {
                return highWatermark;
            }
            return FirstUnstableOffset is { } unstable && unstable < highWatermark ? unstable : highWatermark;
        }
    }

    /// <summary>This broker leads: from here on only batches of this epoch are appended.</summary>
    /// <param name="epoch">The leader epoch.</param>
    /// <param name="isAlone">Whether there is no other replica: then every append is replicated at once.</param>
    /// <returns>Where the epoch begins.</returns>
    public long BeginReign(int epoch, bool isAlone)
    {
        lock (_lock)
        {
            if (epoch != _reignEpoch)
            {
                _reignEpoch = epoch;
                Epochs.Assign(epoch, _logEndOffset);
            }
            _isAlone = isAlone;
            if (isAlone)
            {
                RaiseHighWatermark(_logEndOffset);
            }
            return _logEndOffset;
        }
    }

    /// <summary>This broker leads no more; when it returns no append of its reign is under way or will be.</summary>
    public void EndReign()
    {
        lock (_lock)
        {
            _reignEpoch = NoEpoch;
            _isAlone = false;
        }
    }

    /// <summary>Moves the high watermark forward, at most to the log's end.</summary>
    /// <returns>Whether it moved.</returns>
    public bool AdvanceHighWatermark(long offset)
    {
        if (offset <= HighWatermark)
        {
            return false;
        }
        lock (_lock)
        {
            return RaiseHighWatermark(Math.Min(offset, _logEndOffset));
        }
    }

    private bool RaiseHighWatermark(long offset)
    {
        if (offset <= _highWatermark)
        {
            return false;
        }
        Volatile.Write(ref _highWatermark, offset);
        Producers.Transactions?.OnHighWatermark(offset);
        return true;
    }

    /// <summary>The log was cut: what is gone was not replicated, or an unclean election says so.</summary>
    private void LowerHighWatermark(long offset)
    {
        if (offset < _highWatermark)
        {
            Volatile.Write(ref _highWatermark, offset);
        }
    }
}
