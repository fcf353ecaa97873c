namespace Broker.Protocol.Records;

/// <summary>What <see cref="BatchValidator"/> found in a good batch. A plain value.</summary>
public struct ValidatedBatch
{
    /// <summary>Bytes of the batch. Bytes of the records field behind them are a batch that the client cut off, and are
    /// dropped, as Kafka drops them.</summary>
    public int SizeInBytes { get; internal set; }

    public int Count { get; internal set; }
    public int LastOffsetDelta { get; internal set; }

    /// <summary>What the log is to say: the greatest of the records, or the append's time.</summary>
    public long MaxTimestamp { get; internal set; }

    /// <summary>The first record that has <see cref="MaxTimestamp"/>, counted from the batch's first; -1 when none has a
    /// timestamp.</summary>
    public int MaxTimestampOffsetDelta { get; internal set; }

    public TimestampType TimestampType { get; internal set; }

    /// <summary>How the batch came.</summary>
    public CompressionCodec Codec { get; internal set; }

    /// <summary>How the log is to hold it.</summary>
    public CompressionCodec TargetCodec { get; internal set; }

    public long ProducerId { get; internal set; }
    public short ProducerEpoch { get; internal set; }
    public int BaseSequence { get; internal set; }
    public int LastSequence { get; internal set; }
    public bool IsTransactional { get; internal set; }
    public bool IsControl { get; internal set; }

    /// <summary>The records' own offset deltas are not 0, 1, 2 ...: the batch must be rebuilt.</summary>
    public bool NeedsRenumbering { get; internal set; }

    /// <summary>The bytes cannot be appended as they are: use <see cref="RecordBatchBuilder.Rebuild"/>, then
    /// <see cref="BatchValidator.ValidateSize"/>, then <see cref="Stamp"/>.</summary>
    public readonly bool NeedsRebuild => NeedsRenumbering || TargetCodec != Codec;

    public readonly bool HasProducerId => ProducerId > RecordBatchHeader.NoProducerId;

    /// <summary>Writes what a leader assigns into the batch, or into its rebuilt form: offset, epoch, and the timestamps
    /// when the header does not say them yet. The checksum stays right.</summary>
    public readonly void Stamp(Span<byte> batch, long baseOffset, int leaderEpoch)
    {
        RecordBatchHeader.SetBaseOffset(batch, baseOffset);
        RecordBatchHeader.SetPartitionLeaderEpoch(batch, leaderEpoch);
        var view = new RecordBatchView(batch);
        if (view.TimestampType != TimestampType || view.MaxTimestamp != MaxTimestamp)
        {
            RecordBatchHeader.SetMaxTimestamp(batch, TimestampType, MaxTimestamp);
        }
    }
}
