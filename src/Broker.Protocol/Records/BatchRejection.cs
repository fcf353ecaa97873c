using Broker.Protocol.Messages;

namespace Broker.Protocol.Records;

/// <summary>Why one record was refused (KIP-467).</summary>
/// <param name="BatchIndex">The record, counted from 0 in the batch.</param>
/// <param name="Message">In Kafka's words.</param>
public readonly record struct RecordError(int BatchIndex, string Message);

/// <summary>Why a produced batch was refused. Made only then. Immutable; thread-safe.</summary>
/// <param name="ErrorCode">For the response.</param>
/// <param name="Message">For the response from v8 on, and the log.</param>
public sealed record BatchRejection(ErrorCode ErrorCode, string Message)
{
    /// <summary>Errors that are listed; a batch of 100,000 keyless records must not make 100,000 strings.</summary>
    public const int RecordErrorsMax = 1000;

    /// <summary>Errors that the message repeats, as in Kafka.</summary>
    private const int RecordErrorsShown = 3;

    /// <summary>The records at fault, when it was single records, at most <see cref="RecordErrorsMax"/>.</summary>
    public IReadOnlyList<RecordError> RecordErrors { get; init; } = [];

    internal static BatchRejection OfRecords(bool timestamps, int count, List<RecordError> errors)
    {
        if (timestamps)
        {
            return new BatchRejection(
                ErrorCode.InvalidTimestamp, "One or more records have been rejected due to invalid timestamp")
            {
                RecordErrors = errors,
            };
        }
        IEnumerable<string> shown = errors.Take(RecordErrorsShown)
            .Select(e => $"RecordError(batchIndex={e.BatchIndex}, message='{e.Message}')");
        return new BatchRejection(
            ErrorCode.InvalidRecord,
            $"One or more records have been rejected due to {count} record errors in total, and only showing the first "
            + $"three errors at most: [{string.Join(", ", shown)}]")
        {
            RecordErrors = errors,
        };
    }

    /// <summary>A fault in the records. Kafka answers UNKNOWN_SERVER_ERROR where a compressed stream is damaged; that is
    /// the client's fault and is said so here, with an error that is as final. What is too large can be sent again in
    /// smaller batches, and clients do so on this error.</summary>
    public static BatchRejection OfFault(RecordFault fault, string topicPartition) => new(
        fault switch
        {
            RecordFault.BatchTooLarge or RecordFault.RecordTooLarge => ErrorCode.MessageTooLarge,
            RecordFault.UnknownCodec => ErrorCode.UnsupportedCompressionType,
            _ => ErrorCode.InvalidRecord,
        },
        $"{RecordFaults.Message(fault)} in topic partition {topicPartition}");
}
