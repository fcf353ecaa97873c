using System.Buffers.Binary;
using Broker.Protocol.Messages;

namespace Broker.Protocol.Records;

/// <summary>
/// Checks what a producer sent for one partition, in one pass over the bytes where they lie: that it is one batch of
/// magic 2 with a right checksum, that its header agrees with itself, and that the records inside are whole, as many as
/// declared, and of keys and timestamps that the topic accepts (Kafka ProduceRequest.validateRecords,
/// UnifiedLog.analyzeAndValidateRecords, LogValidator; the order of the checks is Kafka's, so the same batch gets the
/// same error). A good batch allocates nothing. Stateless; thread-safe, the codecs are the caller's.
/// </summary>
public static class BatchValidator
{
    /// <summary>The first Produce version that may carry zstd (KIP-110).</summary>
    private const short ZstdVersionMin = 7;

    private const int LengthMin = 14;

    /// <summary>What the message of a batch begins with whose checksum is wrong.</summary>
    public const string WrongCrc = "Record is corrupt (stored crc";

    /// <summary>What the message of a batch begins with that is of no known format.</summary>
    public const string WrongMagic = "Invalid magic found in record";

    /// <summary>What the message of a record begins with that lacks the key that its topic asks for.</summary>
    public const string KeylessRecord = "Compacted topic cannot accept message without key";

    /// <summary>Checks a records field.</summary>
    /// <param name="records">The field's bytes.</param>
    /// <param name="options">What the partition asks.</param>
    /// <param name="nowMs">The broker's clock, ms since 1970.</param>
    /// <param name="produceVersion">Version of the Produce request.</param>
    /// <param name="codecs">The caller's codecs.</param>
    /// <param name="batch">What was found, when nothing is wrong.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static BatchRejection? Validate(
        ReadOnlySpan<byte> records,
        BatchValidatorOptions options,
        long nowMs,
        short produceVersion,
        RecordCodecs codecs,
        out ValidatedBatch batch)
    {
        batch = default;
        if (BatchCursor.Peek(records, out int size) != BatchOutcome.Batch || records[RecordBatchHeader.MagicAt] < 2)
        {
            return NoBatch(records, produceVersion);
        }
        var view = new RecordBatchView(records[..size]);
        return ValidateOuter(records, view, options, produceVersion)
            ?? ValidateHeader(view, options)
            ?? ValidateRecords(view, options, nowMs, codecs, ref batch)
            ?? (batch.NeedsRebuild ? null : ValidateSize(size, options));
    }

    /// <summary>Holds a batch's size against the topic's limits; for a batch that was rebuilt.</summary>
    public static BatchRejection? ValidateSize(int size, BatchValidatorOptions options)
    {
        if (size > options.MaxMessageBytes)
        {
            return new BatchRejection(
                ErrorCode.MessageTooLarge,
                $"The record batch size in the append to {options.TopicPartition} is {size} bytes which exceeds the "
                + $"maximum configured value of {options.MaxMessageBytes}.");
        }
        return size > options.SegmentBytes
            ? new BatchRejection(
                ErrorCode.RecordListTooLarge,
                $"Message batch size is {size} bytes in append to partition {options.TopicPartition}, which exceeds the "
                + $"maximum configured segment size of {options.SegmentBytes}.")
            : null;
    }

    private static BatchRejection NoBatch(ReadOnlySpan<byte> records, short version)
    {
        if (records.Length >= RecordBatchHeader.LogOverhead
            && BinaryPrimitives.ReadInt32BigEndian(records[RecordBatchHeader.LengthAt..]) is var length and < LengthMin)
        {
            return new BatchRejection(
                ErrorCode.CorruptMessage,
                $"Record size {length} is less than the minimum record overhead ({LengthMin})");
        }
        if (records.Length >= RecordBatchHeader.PeekBytes && records[RecordBatchHeader.MagicAt] > RecordBatchHeader.Magic)
        {
            return new BatchRejection(
                ErrorCode.CorruptMessage,
                $"{WrongMagic}: {(sbyte)records[RecordBatchHeader.MagicAt]}");
        }
        return BatchCursor.Peek(records, out _) switch
        {
            BatchOutcome.Batch => new BatchRejection(
                ErrorCode.InvalidRecord,
                $"Produce requests with version {version} are only allowed to contain record batches with magic version 2"),
            BatchOutcome.Garbage => new BatchRejection(
                ErrorCode.CorruptMessage,
                $"Record batch is corrupt (its size is smaller than the minimum allowed overhead {RecordBatchHeader.Size})"),
            _ => new BatchRejection(
                ErrorCode.InvalidRecord,
                $"Produce requests with version {version} must have at least one record batch per partition"),
        };
    }

    /// <summary>What surrounds the batch, its size and its checksum.</summary>
    private static BatchRejection? ValidateOuter(
        ReadOnlySpan<byte> records, RecordBatchView view, BatchValidatorOptions options, short version)
    {
        if (version < ZstdVersionMin && view.Codec == CompressionCodec.Zstd && options.Origin == AppendOrigin.Client)
        {
            return new BatchRejection(
                ErrorCode.UnsupportedCompressionType,
                $"Produce requests with version {version} are not allowed to use ZStandard compression");
        }
        switch (BatchCursor.Peek(records[view.SizeInBytes..], out _))
        {
            case BatchOutcome.Batch:
                return new BatchRejection(
                    ErrorCode.InvalidRecord,
                    $"Produce requests with version {version} are only allowed to contain exactly one record batch per "
                    + "partition");
            case BatchOutcome.Garbage:
                return new BatchRejection(ErrorCode.CorruptMessage, "What follows the record batch is none");
        }
        if (options.Origin == AppendOrigin.Client && view.BaseOffset != 0)
        {
            return new BatchRejection(
                ErrorCode.InvalidRecord,
                $"The baseOffset of the record batch in the append to {options.TopicPartition} should be 0, but it is "
                + $"{view.BaseOffset}");
        }
        if (view.SizeInBytes > options.MaxMessageBytes)
        {
            return ValidateSize(view.SizeInBytes, options);
        }
        return view.IsCrcValid() ? null : new BatchRejection(
            ErrorCode.CorruptMessage,
            $"{WrongCrc} = {view.Crc}) in topic partition {options.TopicPartition}.");
    }

    /// <summary>What the header says about itself.</summary>
    private static BatchRejection? ValidateHeader(RecordBatchView view, BatchValidatorOptions options)
    {
        if (!CompressionCodecs.IsKnown(view.Codec))
        {
            return BatchRejection.OfFault(RecordFault.UnknownCodec, options.TopicPartition);
        }
        if (options.Origin != AppendOrigin.Client)
        {
            return null;
        }
        long countFromOffsets = view.LastOffsetDelta + 1L;
        string where = options.TopicPartition;
        if (countFromOffsets <= 0)
        {
            return Invalid($"Batch has an invalid offset range: [{view.BaseOffset}, {view.LastOffset}]", where);
        }
        if (view.Count <= 0)
        {
            return Invalid($"Invalid reported count for record batch: {view.Count}", where);
        }
        if (countFromOffsets != view.Count)
        {
            return Invalid(
                $"Inconsistent batch offset range [{view.BaseOffset}, {view.LastOffset}] and count of records "
                + $"{view.Count}", where);
        }
        if (view.IsControl)
        {
            return Invalid("Clients are not allowed to write control records", where);
        }
        if (view.IsTransactional)
        {
            // No coordinator here can have registered the partition in a transaction (trap 61).
            return new BatchRejection(ErrorCode.InvalidTxnState, $"No transaction includes topic partition {where}");
        }
        return view.HasProducerId && view.BaseSequence < 0
            ? Invalid(
                $"Invalid sequence number {view.BaseSequence} in record batch with producerId {view.ProducerId}", where)
            : null;

        static BatchRejection Invalid(string what, string where) =>
            new(ErrorCode.InvalidRecord, $"{what} in topic partition {where}");
    }

    private static BatchRejection? ValidateRecords(
        RecordBatchView view, BatchValidatorOptions options, long nowMs, RecordCodecs codecs, ref ValidatedBatch batch)
    {
        bool createTime = options.TimestampType == TimestampType.CreateTime;
        var records = new RecordCursor(view, codecs, structureOnly: true);
        BatchRejection? rejection = WalkRecords(
            ref records, options, view.TimestampType == TimestampType.LogAppendTime, nowMs, ref batch);
        records.Dispose();
        if (rejection is not null)
        {
            return rejection;
        }
        if (!createTime)
        {
            batch.MaxTimestamp = nowMs;
            batch.MaxTimestampOffsetDelta = 0;
        }
        batch.NeedsRenumbering &= options.Origin == AppendOrigin.Client;
        Describe(view, options, ref batch);
        return null;
    }

    /// <summary>The loop over all records. The subtractions wrap, as Kafka's do: a timestamp at the end of its range is
    /// not "in range".</summary>
    private static BatchRejection? WalkRecords(
        scoped ref RecordCursor records, BatchValidatorOptions options, bool claimsAppendTime, long nowMs,
        ref ValidatedBatch batch)
    {
        bool compacted = options.IsCompacted;
        bool createTime = options.TimestampType == TimestampType.CreateTime;
        long beforeMax = options.TimestampBeforeMaxMs;
        long afterMax = options.TimestampAfterMaxMs;
        long maxTimestamp = RecordBatchHeader.NoTimestamp;
        int maxTimestampAt = -1;
        bool renumber = false;
        RecordErrorList? errors = null;
        int index = 0;
        for (; records.MoveNext(); index++)
        {
            long timestamp = records.Timestamp;
            bool badTimestamp = createTime && timestamp != RecordBatchHeader.NoTimestamp
                ? nowMs - timestamp > beforeMax || timestamp - nowMs > afterMax
                : claimsAppendTime;
            if (badTimestamp || (compacted && !records.HasKey))
            {
                errors ??= new RecordErrorList(options, nowMs);
                errors.Add(ref records, index);
            }
            renumber |= records.OffsetDelta != index;
            if (timestamp > maxTimestamp)
            {
                maxTimestamp = timestamp;
                maxTimestampAt = index;
            }
        }
        batch.MaxTimestamp = maxTimestamp;
        batch.MaxTimestampOffsetDelta = maxTimestampAt;
        batch.NeedsRenumbering = renumber;
        return records.Fault == RecordFault.None
            ? errors?.Rejection()
            : BatchRejection.OfFault(records.Fault, options.TopicPartition);
    }

    private static void Describe(RecordBatchView view, BatchValidatorOptions options, ref ValidatedBatch batch)
    {
        batch.SizeInBytes = view.SizeInBytes;
        batch.Count = view.Count;
        batch.LastOffsetDelta = view.LastOffsetDelta;
        batch.TimestampType = options.TimestampType;
        batch.Codec = view.Codec;
        batch.TargetCodec = view.IsControl ? view.Codec : options.TargetCodec ?? view.Codec;
        batch.ProducerId = view.ProducerId;
        batch.ProducerEpoch = view.ProducerEpoch;
        batch.BaseSequence = view.BaseSequence;
        batch.LastSequence = view.LastSequence;
        batch.IsTransactional = view.IsTransactional;
        batch.IsControl = view.IsControl;
    }

    /// <summary>Collects the records at fault; made with the first.</summary>
    private sealed class RecordErrorList(BatchValidatorOptions options, long nowMs)
    {
        private readonly List<RecordError> _errors = [];
        private bool _timestamps;
        private int _count;

        public void Add(scoped ref RecordCursor record, int index)
        {
            _count++;
            bool keyless = options.IsCompacted && !record.HasKey;
            _timestamps |= !keyless;
            if (_errors.Count < BatchRejection.RecordErrorsMax)
            {
                _errors.Add(new RecordError(index, keyless ? Keyless() : Timestamp(ref record)));
            }
        }

        public BatchRejection Rejection() => BatchRejection.OfRecords(_timestamps, _count, _errors);

        private string Keyless() =>
            KeylessRecord + " in topic partition " + options.TopicPartition;

        private string Timestamp(scoped ref RecordCursor record)
        {
            if (options.TimestampType == TimestampType.CreateTime
                && record.Timestamp != RecordBatchHeader.NoTimestamp)
            {
                return $"Timestamp {record.Timestamp} of message with offset {record.Offset} is out of range. The "
                    + $"timestamp should be within [{unchecked(nowMs - options.TimestampBeforeMaxMs)}, "
                    + $"{unchecked(nowMs + options.TimestampAfterMaxMs)}]";
            }
            return $"Invalid timestamp type in message {(record.IsCompressed ? "Partial" : "")}DefaultRecord(offset="
                + $"{record.Offset}, timestamp={record.Timestamp}, key={record.KeyLength} bytes, "
                + $"value={record.ValueLength} bytes). Producer should not set timestamp type to LogAppendTime.";
        }
    }
}
