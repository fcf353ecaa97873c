using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>What a log reports.</summary>
internal sealed partial class PartitionLog
{
    [LoggerMessage(3001, LogLevel.Debug, "{Partition}: rolled a segment at offset {BaseOffset}", EventName = "SegmentRolled")]
    private partial void LogRolled(TopicPartition partition, long baseOffset);
}
