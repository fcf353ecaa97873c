using System.Diagnostics;
using Broker.Engine.Configuration;
using Broker.Engine.Storage.Producers;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>
/// Appending. The batch is validated outside the lock; inside it gets its offset, by patching bytes that the CRC does not
/// cover, and is written from the buffer that it was received in.
/// </summary>
internal sealed partial class PartitionLog
{
    /// <summary>Appends a client's batch.</summary>
    /// <param name="records">The records field; its header is patched in place.</param>
    /// <param name="produceVersion">Version of the request that brought it.</param>
    /// <param name="nowMs">Unix milliseconds.</param>
    /// <param name="leaderEpoch">Stamped into the batch.</param>
    public AppendResult AppendAsLeader(Span<byte> records, short produceVersion, long nowMs, int leaderEpoch) =>
        Append(records, _validation, produceVersion, nowMs, leaderEpoch);

    /// <summary>Appends a batch that a coordinator built.</summary>
    public AppendResult AppendFromCoordinator(Span<byte> batch, long nowMs, int leaderEpoch) =>
        Append(batch, _validation.ForCoordinator, short.MaxValue, nowMs, leaderEpoch);

    private AppendResult Append(
        Span<byte> records, BatchValidation validation, short produceVersion, long nowMs, int leaderEpoch)
    {
        BatchTools tools = BatchTools.Current;
        BatchRejection? rejection = BatchValidator.Validate(
            records, validation.Options, nowMs, produceVersion, tools.Codecs, out ValidatedBatch facts);
        if (rejection is not null)
        {
            return AppendResult.Refused(rejection, LogStartOffset);
        }
        Span<byte> batch = records[..facts.SizeInBytes];
        long conversionBegan = 0;
        long conversionEnded = 0;
        if (facts.NeedsRebuild)
        {
            conversionBegan = Stopwatch.GetTimestamp();
            tools.Rebuilt.Clear();
            RecordFault fault = tools.Builder.Rebuild(
                new RecordBatchView(batch), facts.TargetCodec, validation.LevelOf(facts.TargetCodec), facts.NeedsRenumbering, tools.Rebuilt);
            if (fault != RecordFault.None)
            {
                return AppendResult.Refused(BatchRejection.OfFault(fault, validation.Options.TopicPartition), LogStartOffset);
            }
            batch = tools.Rebuilt.WrittenSpan;
            if (BatchValidator.ValidateSize(batch.Length, validation.Options) is { } tooLarge)
            {
                return AppendResult.Refused(tooLarge, LogStartOffset);
            }
            conversionEnded = Stopwatch.GetTimestamp();
        }
        AppendResult result = AppendValidated(batch, facts, leaderEpoch, nowMs);
        if (conversionBegan != 0)
        {
            result.ConvertedRecords = facts.Count;
            result.ConversionTicks = conversionEnded - conversionBegan;
            result.TemporaryBytes = batch.Length;
        }
        return result;
    }

    private AppendResult AppendValidated(Span<byte> batch, in ValidatedBatch facts, int leaderEpoch, long nowMs)
    {
        lock (_lock)
        {
            if (_closed || _isFailed)
            {
                return _isFailed ? StorageError() : AppendResult.Failed(ErrorCode.NotLeaderOrFollower, null);
            }
            if (leaderEpoch != _reignEpoch && _reignEpoch != AnyEpoch)
            {
                return AppendResult.Failed(ErrorCode.NotLeaderOrFollower, null);   // the role changed meanwhile
            }
            if (facts.HasProducerId && !facts.IsControl && CheckProducer(facts, out AppendResult refused))
            {
                return refused;
            }
            return Write(batch, facts, leaderEpoch, nowMs);
        }
    }

    /// <summary>Idempotence: true when the batch must not be appended, because it is there already or may not follow.</summary>
    private bool CheckProducer(in ValidatedBatch facts, out AppendResult result)
    {
        if (Producers.TryFindDuplicate(
            facts.ProducerId, facts.ProducerEpoch, facts.BaseSequence, facts.LastSequence, out BatchMetadata duplicate))
        {
            result = new AppendResult
            {
                BaseOffset = duplicate.FirstOffset,
                LastOffset = duplicate.LastOffset,
                LogAppendTimeMs = duplicate.TimestampMs,
                LogStartOffset = _logStartOffset,
                IsDuplicate = true,
            };
            return true;
        }
        ErrorCode error = Producers.Check(
            facts.ProducerId, facts.ProducerEpoch, facts.BaseSequence, _logEndOffset, out string? message);
        result = error == ErrorCode.None ? default : AppendResult.Failed(error, message, _logStartOffset);
        if (error == ErrorCode.DuplicateSequenceNumber)
        {
            result.LastOffset = Producers.FirstOffsetKnown(facts.ProducerId) - 1;   // at the latest
        }
        return error != ErrorCode.None;
    }

    private AppendResult Write(Span<byte> batch, in ValidatedBatch facts, int leaderEpoch, long nowMs)
    {
        LogConfig config = _config;
        long baseOffset = _logEndOffset;
        long lastOffset = baseOffset + facts.LastOffsetDelta;
        facts.Stamp(batch, baseOffset, leaderEpoch);
        try
        {
            MaybeRoll(batch.Length, facts.MaxTimestamp, lastOffset);
            _active.Append(batch, baseOffset, lastOffset, facts.MaxTimestamp, config.IndexIntervalBytes);
        }
        catch (IOException e)
        {
            Fail("an append", e);
            return StorageError();
        }
        _active.ModifiedMs = nowMs;
        Volatile.Write(ref _logEndOffset, lastOffset + 1);
        if (Epochs.LatestEpoch != leaderEpoch)
        {
            Epochs.Assign(leaderEpoch, baseOffset);
        }
        MaybeBeginFiles(baseOffset);
        if (facts.HasProducerId && !TryTrackProducer(batch, facts, baseOffset, lastOffset))
        {
            return StorageError();
        }
        if (_isAlone)
        {
            RaiseHighWatermark(lastOffset + 1);
        }
        if (lastOffset - _recoveryPoint >= config.FlushMessages)
        {
            _background.Run(_flush);
        }
        return new AppendResult
        {
            BaseOffset = baseOffset,
            LastOffset = lastOffset,
            LogAppendTimeMs = facts.TimestampType == TimestampType.LogAppendTime ? facts.MaxTimestamp : -1,
            LogStartOffset = _logStartOffset,
            Records = facts.Count,
            Bytes = batch.Length,
        };
    }

    private void MaybeBeginFiles(long baseOffset)
    {
        if ((baseOffset == _active.BaseOffset || Epochs.IsChanged) && !_isBeginning)
        {
            _isBeginning = true;
            _background.Run(_beginFiles);
        }
    }

    private AppendResult StorageError() =>
        AppendResult.Failed(ErrorCode.KafkaStorageError, $"Error while writing to partition {Partition}", _logStartOffset);

    /// <summary>A segment's first batch: its indexes, and the epoch that the batch may have begun, get their files.</summary>
    private void BeginFiles() => InBackground(() =>
    {
        lock (_lock)
        {
            _isBeginning = false;
            if (!_closed)
            {
                _active.OffsetIndex.Write();
                _active.TimeIndex.Write();
                Epochs.WriteIfChanged(_logEndOffset);
            }
        }
    });

    /// <summary>Makes the file that says whose log it is survive a power failure, once there are records.</summary>
    internal void SyncIdentityInBackground()
    {
        if (_isIdentityUnsynced && LogEndOffset > LogStartOffset)
        {
            InBackground(() =>
            {
                lock (_names)
                {
                    if (!_closed)
                    {
                        SyncIdentity();
                    }
                }
            });
        }
    }

    internal void FlushInBackground() => InBackground(Flush);

    private void InBackground(Action work)
    {
        try
        {
            work();
        }
        catch (IOException e)
        {
            Fail("a write", e);
        }
        catch (ObjectDisposedException)
        {
            // closed or deleted meanwhile
        }
    }
}
