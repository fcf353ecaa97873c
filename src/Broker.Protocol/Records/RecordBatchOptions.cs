namespace Broker.Protocol.Records;

/// <summary>What a built batch's header is to say. The defaults are a plain batch of no producer. A plain value.</summary>
public struct RecordBatchOptions
{
    public RecordBatchOptions()
    {
    }

    /// <summary>0 in what a producer sends; the log's own in what a broker builds.</summary>
    public long BaseOffset { get; set; }

    public int PartitionLeaderEpoch { get; set; } = RecordBatchHeader.NoLeaderEpoch;
    public CompressionCodec Codec { get; set; }

    /// <summary>By <see cref="CompressionCodecs.IsLevel"/>; null is the codec's default.</summary>
    public int? Level { get; set; }

    public TimestampType TimestampType { get; set; }

    /// <summary>Ms since 1970: every record's timestamp when the type is LogAppendTime.</summary>
    public long LogAppendTimeMs { get; set; } = RecordBatchHeader.NoTimestamp;

    public long ProducerId { get; set; } = RecordBatchHeader.NoProducerId;
    public short ProducerEpoch { get; set; } = RecordBatchHeader.NoProducerEpoch;
    public int BaseSequence { get; set; } = RecordBatchHeader.NoSequence;
    public bool IsTransactional { get; set; }
    public bool IsControl { get; set; }

    /// <summary>The time at which tombstones and markers may go (KIP-534), ms since 1970; null without.</summary>
    public long? DeleteHorizonMs { get; set; }

    /// <summary>The last offset delta to have, where it is not the last record's: compaction keeps it.</summary>
    public int? LastOffsetDelta { get; set; }

    /// <summary>The header of a batch that is there, codec and all.</summary>
    public static RecordBatchOptions Of(RecordBatchView batch) => new()
    {
        BaseOffset = batch.BaseOffset,
        PartitionLeaderEpoch = batch.PartitionLeaderEpoch,
        Codec = batch.Codec,
        TimestampType = batch.TimestampType,
        LogAppendTimeMs = batch.MaxTimestamp,
        ProducerId = batch.ProducerId,
        ProducerEpoch = batch.ProducerEpoch,
        BaseSequence = batch.BaseSequence,
        IsTransactional = batch.IsTransactional,
        IsControl = batch.IsControl,
    };
}
