using Broker.Engine.Diagnostics;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Handlers.Produce;

/// <summary>Counts batches that were not appended as Kafka does: what clients and moving roles are expected to cause is no failed
/// request (ReplicaManager.appendToLocalLog), and faults of records count for the broker (ValidatorMetrics).</summary>
internal static class ProduceFaults
{
    public static void Count(AllTopicsMetrics all, TopicMetrics topic, int bytes, in AppendResult result)
    {
        bool expected = result.Error is ErrorCode.UnknownTopicOrPartition or ErrorCode.NotLeaderOrFollower or ErrorCode.MessageTooLarge
            or ErrorCode.RecordListTooLarge or ErrorCode.CorruptMessage or ErrorCode.KafkaStorageError;
        topic.ProduceFailed(bytes, result.Error is ErrorCode.MessageTooLarge or ErrorCode.RecordListTooLarge, !expected);
        if (result.ErrorMessage?.StartsWith(BatchValidator.WrongCrc, StringComparison.Ordinal) == true)
        {
            all.Mark(TopicMeter.InvalidMessageCrcRecords, 1);
        }
        else if (result.ErrorMessage?.StartsWith(BatchValidator.WrongMagic, StringComparison.Ordinal) == true)
        {
            all.Mark(TopicMeter.InvalidMagicNumberRecords, 1);
        }
        else if (result.Error == ErrorCode.OutOfOrderSequenceNumber)
        {
            all.Mark(TopicMeter.InvalidOffsetOrSequenceRecords, 1);
        }
        int keyless = result.RecordErrors?.Count(e => e.Message.StartsWith(BatchValidator.KeylessRecord, StringComparison.Ordinal)) ?? 0;
        if (keyless > 0)
        {
            all.Mark(TopicMeter.NoKeyCompactedTopicRecords, keyless);
        }
    }
}
