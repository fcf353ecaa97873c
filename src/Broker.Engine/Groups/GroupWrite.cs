using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Groups;

/// <summary>Records of a group that were appended to its partition.</summary>
/// <param name="Error">None, or what clients understand.</param>
/// <param name="Partition">Where.</param>
/// <param name="RequiredOffset">The offset after them: until all in-sync replicas have it, they do not count.</param>
/// <param name="LeaderEpoch">The epoch in which they were appended.</param>
internal readonly record struct GroupWrite(ErrorCode Error, Partition? Partition, long RequiredOffset, int LeaderEpoch)
{
    /// <summary>Whether it need not be waited for, and how it ended.</summary>
    public bool IsDecided(out ErrorCode error)
    {
        error = Error;
        return Error != ErrorCode.None || Partition!.IsDecided(RequiredOffset, LeaderEpoch, out error);
    }
}

/// <summary>Offsets that are in the log and count once all in-sync replicas have them.</summary>
internal sealed record PendingCommit(GroupWrite Write, IReadOnlyList<OffsetToCommit> Offsets);
