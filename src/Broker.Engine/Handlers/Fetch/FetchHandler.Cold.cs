using System.Diagnostics;
using Broker.Engine.Storage;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>Old records that are not in memory: a thread of their own waits for the disk, so that no other connection of the
/// network thread does. Once they are in memory the fetch goes on as any other.</summary>
internal sealed partial class FetchHandler
{
    /// <summary>Threads that wait for the disk: enough to keep a device busy, few enough to leave it to the appends.</summary>
    public const int ColdReadThreads = 4;

    private long _coldReads;

    /// <summary>Fetches that waited for the disk on a thread of their own.</summary>
    public long ColdReads => Interlocked.Read(ref _coldReads);

    /// <summary>Hands the fetch over when reading for it would wait for the disk.</summary>
    private bool TryReadAhead(FetchOperation operation, long now)
    {
        List<ColdRange>? cold = null;
        int left = Math.Min(operation.Request.MaxBytes, _options.BytesMax);
        foreach (ref FetchTarget target in operation.Targets)
        {
            int bytes = Math.Min(target.BytesMax, left);
            // Whether the fetch may be answered is looked at when it is; here only what may lie on the disk counts.
            if (bytes > 0 && target.Replica is { Log: { } log } && target.FetchOffset < log.LogEndOffset)
            {
                left -= bytes;
                if (log.WouldBlock(target.FetchOffset, bytes, now))
                {
                    (cold ??= []).Add(new ColdRange(log, target.FetchOffset, bytes));
                }
            }
        }
        if (cold is null)
        {
            return false;
        }
        Interlocked.Increment(ref _coldReads);
        return ReadAhead(operation, cold);
    }

    /// <summary>Apart, because what it captures is allocated.</summary>
    private bool ReadAhead(FetchOperation operation, List<ColdRange> cold) => _coldReaders.Run(() =>
    {
        try
        {
            foreach (ColdRange range in cold)
            {
                range.Log.ReadAhead(range.Offset, range.Bytes);
            }
        }
        finally
        {
            if (IsReady(operation))
            {
                operation.Complete(Stopwatch.GetTimestamp());
            }
            else
            {
                Wait(operation);
            }
        }
    });

    /// <summary>Bytes of a log that are wanted in memory.</summary>
    private readonly record struct ColdRange(PartitionLog Log, long Offset, int Bytes);
}
