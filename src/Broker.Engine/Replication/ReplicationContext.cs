using Broker.Engine.Purgatory;
using Broker.Engine.Timing;

namespace Broker.Engine.Replication;

/// <summary>What all partitions of a broker go by. Thread-safe; what can be set is set before the broker serves, or may change at
/// any time.</summary>
internal sealed class ReplicationContext(int brokerId, MonotonicClock clock)
{
    private long _lagTimeMaxMs = 30_000;

    public int BrokerId => brokerId;

    public MonotonicClock Clock => clock;

    /// <summary>replica.lag.time.max.ms.</summary>
    public long LagTimeMaxMs
    {
        get => Volatile.Read(ref _lagTimeMaxMs);
        set => Volatile.Write(ref _lagTimeMaxMs, value);
    }

    /// <summary>Whether a broker is registered, as the controller last told.</summary>
    public Func<int, bool> IsAlive { get; set; } = _ => true;

    /// <summary>Whether followers are told of a new high watermark at once (a replica selector sends consumers to them), not with
    /// the next records.</summary>
    public bool TellsHighWatermarkAtOnce { get; set; }

    /// <summary>Where what is to be replicated is waited for.</summary>
    public DelayedOperationPurgatory? ProducePurgatory { get; set; }

    /// <summary>What leaders may give to throttled followers.</summary>
    public ReplicationQuota? LeaderQuota { get; set; }

    /// <summary>What throttled followers may take.</summary>
    public ReplicationQuota? FollowerQuota { get; set; }

    /// <summary>Takes a proposal to the controller; called outside the partition's lock.</summary>
    public Action<Partition>? Propose { get; set; }

    /// <summary>Called for each change of in-sync replicas that the controller has confirmed: joined, or left.</summary>
    public Action<bool>? IsrChanged { get; set; }

    /// <summary>Called for each proposal that the controller did not take.</summary>
    public Action? IsrUpdateFailed { get; set; }
}
