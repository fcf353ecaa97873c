using Broker.Engine.Purgatory;
using Broker.Protocol.Messages;

namespace Broker.Engine.Replication;

/// <summary>The wait of somebody within the broker, a coordinator or the console, for the in-sync replicas to have a record.
/// Thread-safe.</summary>
internal sealed class ReplicatedWait(Partition partition, long requiredOffset, int leaderEpoch) : DelayedOperation
{
    private readonly TaskCompletionSource<ErrorCode> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ErrorCode _error = ErrorCode.RequestTimedOut;

    public Task<ErrorCode> Done => _done.Task;

    protected override bool TryComplete()
    {
        if (!partition.IsDecided(requiredOffset, leaderEpoch, out ErrorCode error))
        {
            return false;
        }
        _error = error;
        return ForceComplete();
    }

    protected override void OnComplete() => _done.TrySetResult(_error);

    protected internal override string Describe() => $"Append to {partition.Id}, until the replicas have offset {requiredOffset - 1}";
}
