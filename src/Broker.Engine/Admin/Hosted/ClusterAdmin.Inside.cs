using System.Buffers;
using Broker.Engine.Purgatory;
using Broker.Engine.Storage;
using Broker.Engine.Timing;
using Broker.Protocol.Records;

namespace Broker.Engine.Admin.Hosted;

/// <summary>What only this console can see: segments, batches, wheels.</summary>
internal sealed partial class ClusterAdmin
{
    private const int BatchesMax = 500;
    private const int OperationsShown = 50;

    public SegmentsView Segments(string topic, int partition)
    {
        (int broker, Replication.Partition found) = HeldOrThrow(topic, partition);
        PartitionLog log = found.Log;
        IReadOnlyList<LogSegment> segments = log.Segments;
        (double messages, double bytes) = _traffic.Partition(new TopicPartition(topic, partition));
        return new SegmentsView
        {
            Topic = topic,
            Partition = partition,
            BrokerId = broker,
            IsLeader = found.Role.IsLeader,
            Directory = log.Directory,
            LogStartOffset = log.LogStartOffset,
            HighWatermark = found.HighWatermark,
            LogEndOffset = log.LogEndOffset,
            RecoveryPoint = log.RecoveryPoint,
            Segments = [.. segments.Select((s, i) => Describe(log, s, i + 1 < segments.Count ? segments[i + 1].BaseOffset : -1))],
            LeaderEpochs = [.. log.Epochs.Entries.Select(e => new LeaderEpochView(e.Epoch, e.StartOffset))],
            Producers = log.ProducerCount,
            MessagesInPerSec = messages,
            BytesInPerSec = bytes,
        };
    }

    /// <summary>The replica of this host that is looked into: the leader, or one that follows a leader of another host.</summary>
    private (int Broker, Replication.Partition Held) HeldOrThrow(string topic, int partition)
    {
        var id = new TopicPartition(topic, partition);
        if (!IsRemote(LeaderOf(id)))
        {
            return (Leader(id)?.Broker.Id ?? -1, LeaderOrThrow(topic, partition));
        }
        foreach (BrokerServer broker in Running())
        {
            if (broker.Replicas?.Partitions.Find(id) is { } held)
            {
                return (broker.Id, held);
            }
        }
        throw new AdminException(
            "LEADER_NOT_AVAILABLE",
            $"Broker {LeaderOf(id)} of another host leads {topic}-{partition}, and no broker of this host holds it: only that host's console sees its segments.");
    }

    private static SegmentView Describe(PartitionLog log, LogSegment segment, long next)
    {
        long? rolls = next < 0 && segment.SizeBytes > 0 ? log.RollsAtMs(segment) : null;
        return new SegmentView
        {
            BaseOffset = segment.BaseOffset,
            NextOffset = next >= 0 ? next : log.LogEndOffset,
            SizeBytes = segment.SizeBytes,
            SizeBytesMax = log.Config.SegmentBytes,
            OffsetIndexEntries = segment.OffsetIndex.Count,
            TimeIndexEntries = segment.TimeIndex.Count,
            IsActive = next < 0,
            FirstTimestamp = Time(segment.FirstTimestampMs),
            MaxTimestamp = Time(segment.MaxTimestampMs),
            Created = DateTimeOffset.FromUnixTimeMilliseconds(segment.CreatedMs),
            RollsAt = rolls is { } at ? Time(at) : null,
        };
    }

    private static DateTimeOffset? Time(long ms) =>
        ms is < 0 or > 253_402_300_799_999 ? null : DateTimeOffset.FromUnixTimeMilliseconds(ms);

    public Task<BatchPage> BatchesAsync(
        string topic, int partition, long segmentBaseOffset, long position, int count, CancellationToken cancellationToken)
    {
        LogSegment segment = HeldOrThrow(topic, partition).Held.Log.Segments.FirstOrDefault(s => s.BaseOffset == segmentBaseOffset)
            ?? throw new AdminException("OFFSET_OUT_OF_RANGE", $"{topic}-{partition} has no segment that begins at {segmentBaseOffset}.");
        return Task.Run(() => Batches(segment, position, Math.Clamp(count, 1, BatchesMax)), cancellationToken);
    }

    private static BatchPage Batches(LogSegment segment, long position, int count)
    {
        int size = segment.SizeBytes;
        if (position < 0 || position > size || !segment.File.TryAddReference())
        {
            throw new AdminException("OFFSET_OUT_OF_RANGE", $"The segment has no position {position}.");
        }
        try
        {
            var batches = new List<BatchView>();
            var cursor = new HeaderCursor(segment.File, (int)position, size);
            while (batches.Count < count && cursor.MoveNext())
            {
                batches.Add(Describe(segment, cursor.Position, cursor.BatchBytes));
            }
            int next = batches.Count == 0 ? size : (int)batches[^1].Position + batches[^1].SizeBytes;
            return new BatchPage(batches, next >= size ? -1 : next);
        }
        finally
        {
            segment.File.ReleaseReference();
        }
    }

    private static BatchView Describe(LogSegment segment, int position, int bytes)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(bytes);
        try
        {
            Span<byte> whole = rented.AsSpan(0, segment.File.Read(rented.AsSpan(0, bytes), position));
            bool isV2 = whole.Length >= RecordBatchHeader.Size && whole[RecordBatchHeader.MagicAt] >= RecordBatchHeader.Magic;
            return isV2 ? DescribeV2(whole, position) : DescribeLegacy(whole, position);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static BatchView DescribeV2(ReadOnlySpan<byte> bytes, int position)
    {
        var batch = new RecordBatchView(bytes);
        return new BatchView
        {
            Position = position,
            SizeBytes = bytes.Length,
            BaseOffset = batch.BaseOffset,
            LastOffset = batch.LastOffset,
            Count = batch.Count,
            Magic = (sbyte)RecordBatchHeader.Magic,
            Compression = CompressionCodecs.Name(batch.Codec),
            TimestampType = batch.TimestampType.ToString(),
            BaseTimestamp = Time(batch.BaseTimestamp),
            MaxTimestamp = Time(batch.MaxTimestamp),
            LeaderEpoch = batch.PartitionLeaderEpoch,
            ProducerId = batch.ProducerId,
            ProducerEpoch = batch.ProducerEpoch,
            BaseSequence = batch.BaseSequence,
            IsTransactional = batch.IsTransactional,
            IsControl = batch.IsControl,
            Crc = batch.Crc,
            CrcState = batch.IsCrcValid() ? CrcState.Valid : CrcState.Wrong,
            Header = bytes[..RecordBatchHeader.Size].ToArray(),
        };
    }

    private static BatchView DescribeLegacy(ReadOnlySpan<byte> bytes, int position)
    {
        var message = new LegacyMessageView(bytes);
        return new BatchView
        {
            Position = position,
            SizeBytes = bytes.Length,
            BaseOffset = message.Offset,
            LastOffset = message.Offset,
            Count = 1,
            Magic = (sbyte)message.Magic,
            Compression = CompressionCodecs.Name(message.Codec),
            TimestampType = nameof(TimestampType.CreateTime),
            BaseTimestamp = null,
            MaxTimestamp = null,
            LeaderEpoch = RecordBatchHeader.NoLeaderEpoch,
            ProducerId = RecordBatchHeader.NoProducerId,
            ProducerEpoch = RecordBatchHeader.NoProducerEpoch,
            BaseSequence = RecordBatchHeader.NoSequence,
            IsTransactional = false,
            IsControl = false,
            Crc = message.Crc,
            CrcState = CrcState.Unchecked,
        };
    }

    public TimersView Timers(int brokerId)
    {
        BrokerServer broker = Running().FirstOrDefault(b => b.Id == brokerId)
            ?? throw new AdminException("BROKER_NOT_AVAILABLE", $"Broker {brokerId} is not running in this host.");
        DelayedOperationPurgatory[] all =
            [
                broker.ProducePurgatory, broker.FetchPurgatory, broker.RebalancePurgatory, broker.HeartbeatPurgatory,
                broker.DeleteRecordsPurgatory, broker.TopicPurgatory,
            ];
        return new TimersView(brokerId, [.. all.Select(p => Describe(brokerId, p))]);
    }

    private PurgatoryView Describe(int brokerId, DelayedOperationPurgatory purgatory)
    {
        TimerSnapshot timer = purgatory.Timer.Snapshot(OperationsShown);
        (double inserted, double cancelled, double expired) = _timerRates.Of((brokerId, purgatory.Name), timer, _cluster.Time);
        return new PurgatoryView
        {
            Name = purgatory.Name,
            NumDelayedOperations = purgatory.NumDelayedOperations,
            PurgatorySize = purgatory.PurgatorySize,
            Inserted = timer.Added,
            Cancelled = timer.Cancelled,
            Expired = timer.Expired,
            InsertedPerSec = inserted,
            CancelledPerSec = cancelled,
            ExpiredPerSec = expired,
            NowMs = timer.NowMs,
            Wheels = [.. timer.Wheels.Select(w => new WheelView(w.TickMs, w.CurrentMs, w.Counts, (int)(w.CurrentMs / w.TickMs % w.Counts.Length)))],
            Operations =
            [
                .. timer.Tasks.OrderBy(t => t.DueMs).Select(t => new DelayedOperationView(t.Description, Math.Max(0, t.DueMs - timer.NowMs))),
            ],
        };
    }

    private readonly TimerRates _timerRates = new();
}
