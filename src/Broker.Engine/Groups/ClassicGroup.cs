using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Groups;

/// <summary>States of a classic group, with Kafka's names (ClassicGroupState).</summary>
internal enum GroupState
{
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
    Dead,
}

/// <summary>An offset that a group committed.</summary>
/// <param name="Offset">The next record to read.</param>
/// <param name="LeaderEpoch">Leader epoch of the record before it, or -1.</param>
/// <param name="Metadata">The client's own words.</param>
/// <param name="CommitMs">When it was committed, Unix milliseconds.</param>
/// <param name="TopicId">The topic's id, where it is known.</param>
/// <param name="ExpireMs">When it ends, where an old client said so (OffsetCommit v2 to v4); -1 otherwise.</param>
internal sealed record CommittedOffset(long Offset, int LeaderEpoch, string Metadata, long CommitMs, Guid TopicId, long ExpireMs = -1);

/// <summary>
/// A group of the classic protocol: its members, what they agreed on, and its offsets. It decides and remembers; it does no I/O.
/// After Kafka's ClassicGroup. Belongs to <see cref="Lock"/>.
/// </summary>
internal sealed class ClassicGroup(string groupId, int partition)
{
    private const string ConsumerType = "consumer";

    private readonly Dictionary<string, GroupMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _static = new(StringComparer.Ordinal);

    public Lock Lock { get; } = new();

    public string GroupId { get; } = groupId;

    /// <summary>The partition of <c>__consumer_offsets</c> that keeps it.</summary>
    public int Partition { get; } = partition;

    public GroupState State { get; private set; } = GroupState.Empty;

    /// <summary>When the group came into its state, Unix milliseconds; offsets of an empty group age from it.</summary>
    public long StateSinceMs { get; set; } = -1;

    public int Generation { get; set; }

    public string? ProtocolType { get; set; }

    public string? Protocol { get; set; }

    public string? LeaderId { get; set; }

    public IReadOnlyCollection<GroupMember> Members => _members.Values;

    public int Count => _members.Count;

    /// <summary>Ids given out that have not joined yet, each with its deadline.</summary>
    public Dictionary<string, GroupTimer> PendingMembers { get; } = new(StringComparer.Ordinal);

    /// <summary>Members of this generation that have not sent their sync.</summary>
    public HashSet<string> PendingSyncs { get; } = new(StringComparer.Ordinal);

    public Dictionary<TopicPartition, CommittedOffset> Offsets { get; } = [];

    /// <summary>Commits in the log that are still to reach the other replicas, in the log's order.</summary>
    public Queue<PendingCommit> PendingCommits { get; } = new();

    /// <summary>Topics that the members of this generation read; null where that cannot be told.</summary>
    public IReadOnlySet<string>? Subscribed { get; private set; }

    public bool IsConsumerGroup => ProtocolType == ConsumerType;

    /// <summary>Members whose join waits for the rebalance.</summary>
    public int AwaitingJoin => _members.Values.Count(m => m.Joining is not null);

    /// <summary>Ends the rebalance at its deadline.</summary>
    public GroupTimer? Rebalance { get; set; }

    /// <summary>Ends the wait for syncs.</summary>
    public GroupTimer? SyncDeadline { get; set; }

    /// <summary>Whether the first members of an empty group are being gathered, and for how long they still may be.</summary>
    public bool IsGathering { get; set; }
    public int GatheringLeftMs { get; set; }
    public bool HasNewMember { get; set; }

    public void MoveTo(GroupState state, long nowMs)
    {
        State = state;
        StateSinceMs = nowMs;
    }

    public GroupMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    public string? MemberOf(string instanceId) => _static.GetValueOrDefault(instanceId);

    public void Add(GroupMember member)
    {
        ProtocolType ??= member.ProtocolType;
        if (_members.Count == 0)
        {
            ProtocolType = member.ProtocolType;
        }
        LeaderId ??= member.MemberId;
        _members.Add(member.MemberId, member);
        if (member.InstanceId is { } instance)
        {
            _static[instance] = member.MemberId;
        }
    }

    public void Remove(GroupMember member)
    {
        _members.Remove(member.MemberId);
        if (member.InstanceId is { } instance)
        {
            _static.Remove(instance);
        }
        PendingSyncs.Remove(member.MemberId);
        if (LeaderId == member.MemberId)
        {
            LeaderId = _members.Count == 0 ? null : _members.Keys.First();
        }
    }

    /// <summary>A static member comes back under a new id.</summary>
    public void Replace(GroupMember member, string newId)
    {
        _members.Remove(member.MemberId);
        if (LeaderId == member.MemberId)
        {
            LeaderId = newId;
        }
        if (PendingSyncs.Remove(member.MemberId))
        {
            PendingSyncs.Add(newId);
        }
        member.MemberId = newId;
        _members.Add(newId, member);
        _static[member.InstanceId!] = newId;
    }

    /// <summary>Whether somebody with these protocols fits in (INCONSISTENT_GROUP_PROTOCOL otherwise).</summary>
    public bool Supports(string protocolType, IReadOnlyList<KeyValuePair<string, byte[]>> protocols) =>
        protocolType.Length > 0 && protocols.Count > 0
        && (_members.Count == 0
            || (protocolType == ProtocolType && protocols.Any(p => _members.Values.All(m => m.Supports(p.Key)))));

    public bool HasAllJoined => PendingMembers.Count == 0 && _members.Values.All(m => m.Joining is not null);

    public int RebalanceTimeoutMs => _members.Count == 0 ? 0 : _members.Values.Max(m => m.RebalanceTimeoutMs);

    /// <summary>Gives the lead to a member that has joined, where the leader has not; false when nobody has.</summary>
    public bool EnsureLeaderJoined()
    {
        if (LeaderId is { } leader && Find(leader) is { Joining: not null })
        {
            return true;
        }
        if (_members.Values.FirstOrDefault(m => m.Joining is not null) is not { } joined)
        {
            return false;
        }
        LeaderId = joined.MemberId;
        return true;
    }

    /// <summary>The protocol that all members support and most prefer.</summary>
    public string SelectProtocol()
    {
        IEnumerable<string> candidates = _members.Values.First().Protocols.Select(p => p.Key)
            .Where(name => _members.Values.All(m => m.Supports(name)));
        HashSet<string> common = [.. candidates];
        return _members.Values.Select(m => m.Protocols.First(p => common.Contains(p.Key)).Key)
            .GroupBy(name => name).OrderByDescending(g => g.Count()).First().Key;
    }

    public void NextGeneration(long nowMs)
    {
        Generation++;
        PendingSyncs.Clear();
        if (_members.Count == 0)
        {
            Protocol = null;
            MoveTo(GroupState.Empty, nowMs);
        }
        else
        {
            Protocol = SelectProtocol();
            MoveTo(GroupState.CompletingRebalance, nowMs);
        }
        UpdateSubscribed();
    }

    /// <summary>Whether members read a topic; of a consumer group whose subscriptions cannot be read, it must be supposed.</summary>
    public bool IsSubscribedTo(string topic) => Subscribed?.Contains(topic) ?? IsConsumerGroup;

    /// <summary>Finds out what the members read, for a new generation (Kafka: ClassicGroup.computeSubscribedTopics).</summary>
    public void UpdateSubscribed()
    {
        var topics = new HashSet<string>(StringComparer.Ordinal);
        bool isKnown = IsConsumerGroup
            && (_members.Count == 0 || (Protocol is { } p && _members.Values.All(m => TryReadTopics(m.MetadataOf(p), topics))));
        Subscribed = isKnown ? topics : null;
    }

    private static bool TryReadTopics(byte[] metadata, HashSet<string> topics)
    {
        try
        {
            var reader = new KafkaReader(metadata, 0, metadata.Length);
            _ = reader.ReadInt16();
            var subscription = new ConsumerProtocolSubscription();
            subscription.Read(ref reader, 0);   // every version begins as version 0 does
            topics.UnionWith(subscription.Topics);
            return true;
        }
        catch (MalformedRequestException)
        {
            return false;
        }
    }
}
