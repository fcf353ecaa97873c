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
}

/// <summary>
/// A fetch session (KIP-227): the partitions a client fetches, kept by the broker, so that a request names only what
/// changed. The cache's lock guards its place in it; its targets belong to the one request that uses it.
/// </summary>
internal sealed class FetchSession(int id, bool byId, long nowMs)
{
    public int Id { get; } = id;

    /// <summary>Whether the client names topics by id; a session may not mix (trap 15).</summary>
    public bool ByTopicId { get; } = byId;

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

    public int IndexOf(ReadOnlySpan<byte> topic, Guid topicId, int partition)
    {
        for (int i = 0; i < Count; i++)
        {
            ref FetchTarget target = ref Targets[i];
            if (target.Partition == partition
                && (ByTopicId ? target.TopicId == topicId : target.Topic.Span.SequenceEqual(topic)))
            {
                return i;
            }
        }
        return -1;
    }

    public ref FetchTarget Add()
    {
        if (Count == Targets.Length)
        {
            FetchTarget[] larger = new FetchTarget[Math.Max(4, Count * 2)];
            Targets.CopyTo(larger, 0);
            Targets = larger;
        }
        Targets[Count] = default;
        return ref Targets[Count++];
    }

    public void RemoveAt(int index)
    {
        Array.Copy(Targets, index + 1, Targets, index, Count - index - 1);
        Targets[--Count] = default;
        StartAt = 0;
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
