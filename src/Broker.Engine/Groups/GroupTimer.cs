using Broker.Engine.Purgatory;

namespace Broker.Engine.Groups;

/// <summary>
/// A deadline of a group: a heartbeat that is awaited, a rebalance that must end. Its work runs on a worker under the group's
/// lock, unless it was cancelled or set anew meanwhile. Belongs to the group's lock.
/// </summary>
internal sealed class GroupTimer(
    DelayedOperationPurgatory purgatory, Lock groupLock, Action<Action> run, Action expired, string what) : DelayedOperation
{
    private int _version;

    protected override Lock SyncRoot => groupLock;

    public bool IsSet => IsArmed;

    public void Set(long delayMs)
    {
        Cancel();
        purgatory.TryCompleteElseWatch(this, [], delayMs);
    }

    public void Cancel()
    {
        _version++;
        Abandon();
    }

    protected override bool TryComplete() => false;

    protected override void OnComplete() { }

    protected override void OnExpiration()
    {
        int version = _version;
        run(() =>
        {
            lock (groupLock)
            {
                if (version == _version)
                {
                    expired();
                }
            }
        });
    }

    protected internal override string Describe() => what;
}
