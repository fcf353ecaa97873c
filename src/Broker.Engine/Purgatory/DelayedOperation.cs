using Broker.Engine.Timing;

namespace Broker.Engine.Purgatory;

/// <summary>
/// A request that waits for a condition or a deadline, whichever comes first. It completes exactly once an arming:
/// by <see cref="TryComplete"/> finding its condition true, or by its deadline. After that it may be armed again, which
/// is how a connection's long poll costs no allocation. After Kafka's DelayedOperation.
/// All of <see cref="TryComplete"/>, <see cref="OnComplete"/> and <see cref="OnExpiration"/> run under
/// <see cref="SyncRoot"/>, by whichever thread came first; they must not block. Thread-safe.
/// </summary>
internal abstract class DelayedOperation : TimerTask
{
    private readonly Lock _ownLock = new();
    private WatchNode[] _nodes = [];
    private int _watched;
    private bool _armed;
    private DelayedOperationPurgatory? _purgatory;

    /// <summary>The operation's lock; a group's operations share the group's.</summary>
    protected virtual Lock SyncRoot => _ownLock;

    /// <summary>True from the arming to the completion.</summary>
    protected bool IsArmed => _armed;

    /// <summary>Completes the operation by <see cref="ForceComplete"/> if its condition holds.</summary>
    /// <returns>Whether this call completed it.</returns>
    protected abstract bool TryComplete();

    /// <summary>Carries the operation out: answers the request. Once an arming.</summary>
    protected abstract void OnComplete();

    /// <summary>After <see cref="OnComplete"/>, when the deadline was what completed it.</summary>
    protected virtual void OnExpiration() { }

    /// <summary>Completes the operation now, whatever its condition says.</summary>
    /// <returns>False when it was complete already.</returns>
    public bool ForceComplete()
    {
        lock (SyncRoot)
        {
            if (!_armed)
            {
                return false;
            }
            _armed = false;
            _purgatory?.Release(this);
            OnComplete();
            return true;
        }
    }

    /// <summary>Ends the arming without carrying the operation out: its connection is gone.</summary>
    public bool Abandon()
    {
        lock (SyncRoot)
        {
            if (!_armed)
            {
                return false;
            }
            _armed = false;
            _purgatory?.Release(this);
            return true;
        }
    }

    internal bool SafeTryComplete()
    {
        lock (SyncRoot)
        {
            return _armed && TryComplete();
        }
    }

    /// <summary>Arms the operation: complete at once, or watched and timed.</summary>
    internal bool Arm(DelayedOperationPurgatory purgatory, ReadOnlySpan<WatchList> lists, long delayMs)
    {
        lock (SyncRoot)
        {
            _purgatory = null;
            _armed = true;
            if (TryComplete())
            {
                return true;
            }
            _purgatory = purgatory;
            purgatory.Admit(this, delayMs);
            Watch(lists);
            // What changed between the first look and the watch told nobody: look again.
            return TryComplete();
        }
    }

    private void Watch(ReadOnlySpan<WatchList> lists)
    {
        if (_nodes.Length < lists.Length)
        {
            int had = _nodes.Length;
            Array.Resize(ref _nodes, lists.Length);
            for (int i = had; i < _nodes.Length; i++)
            {
                _nodes[i] = new WatchNode(this);
            }
        }
        for (int i = 0; i < lists.Length; i++)
        {
            lists[i].Add(_nodes[i]);
        }
        _watched = lists.Length;
        _purgatory!.Watching(_watched);
    }

    internal void Unwatch()
    {
        for (int i = 0; i < _watched; i++)
        {
            _nodes[i].List?.Remove(_nodes[i]);
        }
        _watched = 0;
    }

    internal int Watched => _watched;

    protected internal sealed override void Expire(int arming)
    {
        lock (SyncRoot)
        {
            // The task may have completed, and even been armed again, since its bucket fell due.
            if (_armed && arming == Arming && ForceComplete())
            {
                _purgatory?.CountExpired();
                OnExpiration();
            }
        }
    }
}
