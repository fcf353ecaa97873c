using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>A partition that a fetch asks for, in the order of the request or session.</summary>
internal struct FetchTarget
{
    /// <summary>The topic as the client named it; the name's bytes are the broker's own copy.</summary>
    public ReadOnlyMemory<byte> Topic;
    public Guid TopicId;
    public int Partition;
    public long FetchOffset;
    public long LogStartOffset;
    public int BytesMax;
    public int CurrentLeaderEpoch;
    public int LastFetchedEpoch;

    /// <summary>The broker's partition, or null when it is not here.</summary>
    public Replication.Partition? Replica;

    /// <summary>What the last answer of the session said: the answer leaves a partition out while nothing changed.</summary>
    public long SentHighWatermark;
    public long SentLogStartOffset;
    public bool SentError;
    public bool NotSentYet;

    /// <summary>The client fetches it no more; it leaves its session within the same request.</summary>
    public bool IsForgotten;
}

/// <summary>
/// A fetch session (KIP-227): the partitions a client fetches, kept by the broker, so that a request names only what
/// changed. The cache's lock guards its place in it; its targets belong to the one request that uses it.
/// </summary>
internal sealed class FetchSession(int id, bool byId, long nowMs)
{
    /// <summary>Partitions up to which a search is quicker than an index.</summary>
    private const int SearchedMax = 64;

    private Dictionary<TargetKey, int>? _index;

    public int Id { get; } = id;

    /// <summary>Whether the client names topics by id; a session may not mix (trap 15).</summary>
    public bool ByTopicId { get; } = byId;

    /// <summary>Whether a follower has it.</summary>
    public bool IsFollower { get; init; }

    /// <summary>The epoch that the next request must carry.</summary>
    public int NextEpoch { get; set; } = 1;

    public FetchTarget[] Targets { get; set; } = [];

    public int Count { get; set; }

    public long CreatedMs { get; } = nowMs;

    public long LastUsedMs { get; set; } = nowMs;

    /// <summary>Whether a request is at work on it. A second one at the same time is out of step.</summary>
    public bool InUse { get; set; }

    /// <summary>Where an incremental answer begins to fill: moves on, so that a full answer does not starve the last
    /// partitions (Kafka moves served ones to the end).</summary>
    public int StartAt { get; set; }

    /// <summary>The epoch after one: 1 follows the greatest, for 0 begins a session.</summary>
    public static int After(int epoch) => epoch == int.MaxValue ? 1 : epoch + 1;

    /// <summary>Where a partition is among the targets, or -1. Small sessions are searched, large ones have an index.</summary>
    public int IndexOf(ReadOnlyMemory<byte> topic, Guid topicId, int partition)
    {
        if (Count > SearchedMax)
        {
            return (_index ??= MakeIndex()).GetValueOrDefault(KeyOf(topic, topicId, partition), -1);
        }
        for (int i = 0; i < Count; i++)
        {
            ref FetchTarget target = ref Targets[i];
            if (target.Partition == partition
                && (ByTopicId ? target.TopicId == topicId : target.Topic.Span.SequenceEqual(topic.Span)))
            {
                return i;
            }
        }
        return -1;
    }

    /// <summary>Enters a partition that <see cref="IndexOf"/> did not find.</summary>
    public ref FetchTarget Add(ReadOnlyMemory<byte> topic, Guid topicId, int partition)
    {
        if (Count == Targets.Length)
        {
            FetchTarget[] larger = new FetchTarget[Math.Max(4, Count * 2)];
            Targets.CopyTo(larger, 0);
            Targets = larger;
        }
        Targets[Count] = new FetchTarget { Topic = topic, TopicId = topicId, Partition = partition };
        _index?.TryAdd(KeyOf(topic, topicId, partition), Count);
        return ref Targets[Count++];
    }

    /// <summary>Takes targets out that <see cref="FetchTarget.IsForgotten"/> marks, in one pass.</summary>
    public void RemoveForgotten()
    {
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (!Targets[i].IsForgotten)
            {
                Targets[kept++] = Targets[i];
            }
        }
        if (kept < Count)
        {
            Array.Clear(Targets, kept, Count - kept);
            Count = kept;
            StartAt = 0;
            _index = null;
        }
    }

    private Dictionary<TargetKey, int> MakeIndex()
    {
        var index = new Dictionary<TargetKey, int>(Count * 2, TargetKey.Comparer);
        for (int i = 0; i < Count; i++)
        {
            index.TryAdd(KeyOf(Targets[i].Topic, Targets[i].TopicId, Targets[i].Partition), i);
        }
        return index;
    }

    private TargetKey KeyOf(ReadOnlyMemory<byte> topic, Guid topicId, int partition) =>
        ByTopicId ? new TargetKey(default, topicId, partition) : new TargetKey(topic, Guid.Empty, partition);

    /// <summary>A partition as the client names it.</summary>
    private readonly record struct TargetKey(ReadOnlyMemory<byte> Topic, Guid Id, int Partition)
    {
        public static IEqualityComparer<TargetKey> Comparer { get; } = EqualityComparer<TargetKey>.Create(
            static (a, b) => a.Partition == b.Partition && a.Id == b.Id && a.Topic.Span.SequenceEqual(b.Topic.Span),
            static key =>
            {
                var hash = new HashCode();
                hash.Add(key.Id);
                hash.Add(key.Partition);
                hash.AddBytes(key.Topic.Span);
                return hash.ToHashCode();
            });
    }
}

/// <summary>How a request stands to its session.</summary>
internal enum FetchContext
{
    /// <summary>No session: the request names everything, and so does the answer.</summary>
    Sessionless,

    /// <summary>A new session, or one begun anew: everything is named.</summary>
    Full,

    /// <summary>What changed.</summary>
    Incremental,

    /// <summary>The session is unknown or out of step.</summary>
    Error,
}

/// <summary>What <see cref="FetchSessionCache.Begin"/> found.</summary>
internal readonly record struct FetchContextResult(FetchContext Context, FetchSession? Session, ErrorCode Error);
