using Broker.Engine.Metadata;
using Broker.Engine.Purgatory;

namespace Broker.Engine.Administration;

/// <summary>Waits for the broker's picture of the cluster to show something (Kafka's purgatory "topic"). Thread-safe.</summary>
internal sealed class MetadataWaits(MetadataCache metadata, DelayedOperationPurgatory purgatory)
{
    /// <returns>Whether <paramref name="holds"/> came true within the time.</returns>
    public Task<bool> WaitAsync(Func<MetadataImage, bool> holds, long timeoutMs, string what)
    {
        var wait = new Wait(metadata, holds, what);
        purgatory.TryCompleteElseWatch(wait, [metadata.Watchers], Math.Max(0, timeoutMs));
        return wait.Task;
    }

    private sealed class Wait(MetadataCache metadata, Func<MetadataImage, bool> holds, string what) : DelayedOperation
    {
        private readonly TaskCompletionSource<bool> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<bool> Task => _done.Task;

        protected override bool TryComplete() => holds(metadata.Current) && ForceComplete();

        protected override void OnComplete() => _done.TrySetResult(holds(metadata.Current));

        protected internal override string Describe() => what;
    }
}
