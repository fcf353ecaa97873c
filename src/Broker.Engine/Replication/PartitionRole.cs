namespace Broker.Engine.Replication;

/// <summary>This broker's role in a partition, as the controller last set it, and for a leader what it knows of the others.
/// Immutable but for the followers' states.</summary>
/// <param name="Leader">The leader's broker id, -1 for none.</param>
/// <param name="LeaderEpoch">Rises with every election.</param>
/// <param name="PartitionEpoch">Version of the partition's state in the tree.</param>
/// <param name="IsLeader">Whether it is this broker.</param>
/// <param name="AssignedReplicas">All replicas; the first is the preferred leader.</param>
/// <param name="InSyncReplicas">Those that have all acknowledged records, as the controller has confirmed them.</param>
internal sealed record PartitionRole(
    int Leader, int LeaderEpoch, int PartitionEpoch, bool IsLeader, int[] AssignedReplicas, int[] InSyncReplicas)
{
    public static readonly PartitionRole None = new(-1, -1, -1, IsLeader: false, [], []);

    /// <summary>Of a leader: the epoch since which it has led without a break.</summary>
    public int ReignEpoch { get; init; } = -1;

    /// <summary>Of a leader: its log's end as its epoch began. Who is not beyond it may lack records of an earlier epoch.</summary>
    public long EpochStartOffset { get; init; }

    /// <summary>Of a leader: the other assigned replicas.</summary>
    public FollowerState[] Followers { get; init; } = [];

    /// <summary>Of a leader: the change of the in-sync replicas that the controller was asked for and has not answered.</summary>
    public IsrProposal? Proposal { get; init; }

    /// <summary>Replicas that a reassignment adds.</summary>
    public int[] AddingReplicas { get; init; } = [];

    /// <summary>Replicas that a reassignment removes.</summary>
    public int[] RemovingReplicas { get; init; } = [];

    /// <summary>In-sync replicas, those included that the controller may have let in already: while it is not known whether an
    /// expansion holds, the high watermark waits for it (Kafka: PartitionState.maximalIsr).</summary>
    public ReadOnlySpan<int> MaximalInSyncReplicas => Proposal is { IsExpansion: true } asked ? asked.InSyncReplicas : InSyncReplicas;

    /// <summary>Whether in-sync replicas are missing, those left aside that a reassignment is still adding (Kafka:
    /// OngoingReassignmentState).</summary>
    public bool IsUnderReplicated => InSyncReplicas.Except(AddingReplicas).Count() < AssignedReplicas.Length - AddingReplicas.Length;

    public FollowerState? Follower(int brokerId)
    {
        foreach (FollowerState follower in Followers)
        {
            if (follower.BrokerId == brokerId)
            {
                return follower;
            }
        }
        return null;
    }
}

/// <summary>A change of the in-sync replicas that a leader asks the controller for. Compared by identity.</summary>
internal sealed class IsrProposal(int[] inSyncReplicas, bool isExpansion, int[] brokers, string cause)
{
    public int[] InSyncReplicas => inSyncReplicas;

    public bool IsExpansion => isExpansion;

    /// <summary>Who joins or leaves.</summary>
    public int[] Brokers => brokers;

    /// <summary>Why, for people.</summary>
    public string Cause => cause;
}

/// <summary>One step in the history of a partition's in-sync replicas.</summary>
/// <param name="AtUnixMs">When the leader learnt that it holds.</param>
/// <param name="BrokerId">Who.</param>
/// <param name="Joined">Joined, or left.</param>
/// <param name="Cause">Why.</param>
internal readonly record struct IsrChange(long AtUnixMs, int BrokerId, bool Joined, string Cause);
