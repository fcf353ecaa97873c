namespace Broker.Engine.Admin;

/// <summary>A partition's segments on the broker that holds it.</summary>
public sealed record SegmentsView
{
    public required string Topic { get; init; }
    public required int Partition { get; init; }
    public required int BrokerId { get; init; }

    /// <summary>Whether that broker leads the partition; if not, the leader is of another host.</summary>
    public required bool IsLeader { get; init; }
    public required string Directory { get; init; }
    public required long LogStartOffset { get; init; }
    public required long HighWatermark { get; init; }
    public required long LogEndOffset { get; init; }

    /// <summary>Up to here everything is on the disk for good.</summary>
    public required long RecoveryPoint { get; init; }
    public required IReadOnlyList<SegmentView> Segments { get; init; }
    public required IReadOnlyList<LeaderEpochView> LeaderEpochs { get; init; }
    public required int Producers { get; init; }
    public required double MessagesInPerSec { get; init; }
    public required double BytesInPerSec { get; init; }
}

public sealed record LeaderEpochView(int Epoch, long StartOffset);

/// <summary>One segment. Offsets run from <see cref="BaseOffset"/> to before <see cref="NextOffset"/>.</summary>
public sealed record SegmentView
{
    public required long BaseOffset { get; init; }
    public required long NextOffset { get; init; }
    public required long SizeBytes { get; init; }

    /// <summary>segment.bytes: where it rolls.</summary>
    public required long SizeBytesMax { get; init; }
    public required int OffsetIndexEntries { get; init; }
    public required int TimeIndexEntries { get; init; }
    public required bool IsActive { get; init; }
    public required DateTimeOffset? FirstTimestamp { get; init; }
    public required DateTimeOffset? MaxTimestamp { get; init; }
    public required DateTimeOffset Created { get; init; }

    /// <summary>When it rolls by age, or null.</summary>
    public required DateTimeOffset? RollsAt { get; init; }
}

/// <summary>Batches from a position on.</summary>
/// <param name="Batches">In order.</param>
/// <param name="NextPosition">Where to go on, or -1 at the end.</param>
public sealed record BatchPage(IReadOnlyList<BatchView> Batches, long NextPosition);

public enum CrcState
{
    Valid,
    Wrong,
    Unchecked,
}

/// <summary>One batch as it lies in the file.</summary>
public sealed record BatchView
{
    public required long Position { get; init; }
    public required int SizeBytes { get; init; }
    public required long BaseOffset { get; init; }
    public required long LastOffset { get; init; }
    public required int Count { get; init; }
    public required sbyte Magic { get; init; }
    public required string Compression { get; init; }
    public required string TimestampType { get; init; }
    public required DateTimeOffset? BaseTimestamp { get; init; }
    public required DateTimeOffset? MaxTimestamp { get; init; }
    public required int LeaderEpoch { get; init; }
    public required long ProducerId { get; init; }
    public required short ProducerEpoch { get; init; }
    public required int BaseSequence { get; init; }
    public required bool IsTransactional { get; init; }
    public required bool IsControl { get; init; }
    public required uint Crc { get; init; }
    public required CrcState CrcState { get; init; }

    /// <summary>The header's bytes as they lie in the file (61 for magic 2); empty where it was not read.</summary>
    public ReadOnlyMemory<byte> Header { get; init; }
}

/// <summary>The timing wheels of a broker, one set a purgatory.</summary>
public sealed record TimersView(int BrokerId, IReadOnlyList<PurgatoryView> Purgatories);

/// <summary>A purgatory and its wheels; totals count since the broker's start.</summary>
public sealed record PurgatoryView
{
    /// <summary>Kafka's name: Produce, Fetch, Heartbeat, Rebalance, topic ...</summary>
    public required string Name { get; init; }
    public required int NumDelayedOperations { get; init; }
    public required int PurgatorySize { get; init; }
    public required long Inserted { get; init; }
    public required long Cancelled { get; init; }
    public required long Expired { get; init; }
    public required double InsertedPerSec { get; init; }
    public required double CancelledPerSec { get; init; }
    public required double ExpiredPerSec { get; init; }

    /// <summary>Milliseconds of the timer's clock.</summary>
    public required long NowMs { get; init; }
    public required IReadOnlyList<WheelView> Wheels { get; init; }

    /// <summary>Some of the operations that wait, soonest first.</summary>
    public required IReadOnlyList<DelayedOperationView> Operations { get; init; }
}

/// <summary>One wheel: its tick, where it stands, and how many operations each bucket holds.</summary>
/// <param name="TickMs">Milliseconds a bucket stands for.</param>
/// <param name="CurrentMs">Start of the tick it stands at.</param>
/// <param name="Buckets">Operations by bucket.</param>
/// <param name="CurrentBucket">Index of the bucket of the current tick.</param>
public sealed record WheelView(long TickMs, long CurrentMs, IReadOnlyList<int> Buckets, int CurrentBucket);

public sealed record DelayedOperationView(string Description, long DueInMs);
