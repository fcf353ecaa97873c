namespace Broker.Engine.Replication.Fetching;

/// <summary>What a fetcher does next for a partition.</summary>
internal enum FetchStage
{
    /// <summary>It fetches; where the logs part, the leader's answer says so and the log is cut.</summary>
    Fetching,

    /// <summary>Its offset is not in the leader's log: the leader is asked where that ends.</summary>
    AskingEnd,

    /// <summary>The leader's log reaches further: it is asked where that begins.</summary>
    AskingStart,
}

/// <summary>A partition that is followed, as one fetcher sees it. After Kafka's PartitionFetchState. Under the fetcher's
/// lock.</summary>
internal sealed class FetchedPartition(Partition partition, int leaderEpoch)
{
    public Partition Partition => partition;

    /// <summary>The leader epoch in which it is followed.</summary>
    public int LeaderEpoch => leaderEpoch;

    public FetchStage Stage { get; set; }

    /// <summary>The next offset to fetch: the log's end.</summary>
    public long FetchOffset { get; set; }

    /// <summary>Epoch of the last record that the log has, -1 for none.</summary>
    public int LastFetchedEpoch { get; set; } = -1;

    /// <summary>Not to be asked for before this time, on the monotonic clock.</summary>
    public long DelayedUntilMs { get; set; } = long.MinValue;

    /// <summary>Failures since it last went well: the pauses grow.</summary>
    public int Failures { get; set; }

    /// <summary>Records behind the leader's high watermark, when that was last told; -1 before.</summary>
    public long Lag { get; set; } = -1;

    /// <summary>The leader's log end, while an offset out of range is looked into.</summary>
    public long LeaderEndOffset { get; set; }

    /// <summary>What the request under way asks for, or -1: an answer to anything else is old.</summary>
    public long AskedOffset { get; set; } = -1;

    /// <summary>Whether the leader's fetch session has the partition, and with what.</summary>
    public bool IsInSession { get; set; }

    public long SentOffset { get; set; }

    public long SentLogStartOffset { get; set; }

    public int SentLastFetchedEpoch { get; set; }

    public int SentLeaderEpoch { get; set; } = -1;

    /// <summary>Begins to fetch from the log's end. A log without epochs is from before there were any: it is cut to what is
    /// known to be replicated.</summary>
    /// <exception cref="IOException">It could not be cut.</exception>
    public void Begin()
    {
        if (partition.Log.Epochs.LatestEpoch < 0)
        {
            partition.TruncateTo(partition.HighWatermark);
        }
        FetchFromEnd();
    }

    public void FetchFromEnd()
    {
        Stage = FetchStage.Fetching;
        FetchOffset = partition.Log.LogEndOffset;
        LastFetchedEpoch = partition.Log.Epochs.LatestEpoch;
    }

    /// <summary>Whether the leader's session knows it as it is.</summary>
    public bool IsAsSent => IsInSession && SentOffset == FetchOffset && SentLogStartOffset == partition.Log.LogStartOffset
        && SentLastFetchedEpoch == LastFetchedEpoch && SentLeaderEpoch == leaderEpoch;

    public void Sent()
    {
        IsInSession = true;
        SentOffset = FetchOffset;
        SentLogStartOffset = partition.Log.LogStartOffset;
        SentLastFetchedEpoch = LastFetchedEpoch;
        SentLeaderEpoch = leaderEpoch;
    }
}
