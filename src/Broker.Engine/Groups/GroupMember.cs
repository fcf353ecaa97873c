using Broker.Protocol.Messages;

namespace Broker.Engine.Groups;

/// <summary>A member of a classic group. Belongs to its group's lock.</summary>
internal sealed class GroupMember
{
    public required string MemberId { get; set; }
    public string? InstanceId { get; init; }
    public required string ClientId { get; set; }
    public required string ClientHost { get; set; }
    public required int SessionTimeoutMs { get; set; }
    public required int RebalanceTimeoutMs { get; set; }
    public required string ProtocolType { get; init; }

    /// <summary>Supported protocols with the member's metadata for each, the preferred one first.</summary>
    public required IReadOnlyList<KeyValuePair<string, byte[]>> Protocols { get; set; }

    public byte[] Assignment { get; set; } = [];

    /// <summary>True until its first join is answered.</summary>
    public bool IsNew { get; set; }

    /// <summary>The join that waits for the rebalance, or null.</summary>
    public TaskCompletionSource<JoinGroupResponse>? Joining { get; set; }

    /// <summary>The sync that waits for the leader's assignment, or null.</summary>
    public TaskCompletionSource<SyncGroupResponse>? Syncing { get; set; }

    public required GroupTimer Heartbeat { get; set; }

    public bool IsStatic => InstanceId is not null;

    public byte[] MetadataOf(string protocol) => Protocols.FirstOrDefault(p => p.Key == protocol).Value ?? [];

    public bool Supports(string protocol) => Protocols.Any(p => p.Key == protocol);

    public bool HasSameProtocols(IReadOnlyList<KeyValuePair<string, byte[]>> protocols) =>
        Protocols.Count == protocols.Count
        && Protocols.Zip(protocols).All(p => p.First.Key == p.Second.Key && p.First.Value.AsSpan().SequenceEqual(p.Second.Value));

    public void AnswerJoin(JoinGroupResponse response)
    {
        TaskCompletionSource<JoinGroupResponse>? joining = Joining;
        Joining = null;
        joining?.TrySetResult(response);
    }

    public void AnswerSync(SyncGroupResponse response)
    {
        TaskCompletionSource<SyncGroupResponse>? syncing = Syncing;
        Syncing = null;
        syncing?.TrySetResult(response);
    }
}
