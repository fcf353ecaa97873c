using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>What became of a batch.</summary>
internal struct AppendResult
{
    public ErrorCode Error;

    /// <summary>What a client is told beside the code.</summary>
    public string? ErrorMessage;

    /// <summary>Records at fault, by index (KIP-467).</summary>
    public IReadOnlyList<RecordError>? RecordErrors;

    public long BaseOffset;

    /// <summary>Of the batch; of one that was there already and whose offset is not known any more, the greatest that it can be.</summary>
    public long LastOffset;

    /// <summary>Broker time given to the batch, or -1 when it kept its own.</summary>
    public long LogAppendTimeMs;
    public long LogStartOffset;
    public int Records;
    public int Bytes;

    /// <summary>Records that were written anew, in another codec or with other numbers, the time it took, in units of
    /// <see cref="System.Diagnostics.Stopwatch"/>, and the memory.</summary>
    public int ConvertedRecords;
    public long ConversionTicks;
    public int TemporaryBytes;

    /// <summary>The leader epoch in which it was appended.</summary>
    public int LeaderEpoch;

    /// <summary>The batch was there already: nothing was appended.</summary>
    public bool IsDuplicate;

    public static AppendResult Failed(ErrorCode error, string? message, long logStartOffset = -1) => new()
    {
        Error = error,
        ErrorMessage = message,
        BaseOffset = -1,
        LastOffset = -1,
        LogAppendTimeMs = -1,
        LogStartOffset = logStartOffset,
    };

    public static AppendResult Refused(BatchRejection rejection, long logStartOffset)
    {
        AppendResult result = Failed(rejection.ErrorCode, rejection.Message, logStartOffset);
        result.RecordErrors = rejection.RecordErrors;
        return result;
    }
}
