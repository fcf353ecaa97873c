using Broker.Protocol.Records;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>What looks at batches in turn.</summary>
internal interface IBatchVisitor
{
    /// <summary>Takes a whole batch of any magic; false ends the walk.</summary>
    bool Visit(scoped in BatchCursor cursor);
}

/// <summary>Reads segments from one block of <c>log.cleaner.io.buffer.size</c>, which grows where a batch is larger. A batch that
/// does not match its checksum ends it: it must not be written again under a right one. Not thread-safe.</summary>
/// <param name="bufferBytes">Bytes read at once.</param>
/// <param name="took">Called after each read with its bytes; may wait, and throws to end the work.</param>
internal sealed class BatchWalk(int bufferBytes, Action<long> took)
{
    private byte[] _block = new byte[Math.Max(bufferBytes, 4096)];

    public void Go(LogSegment segment, int from, IBatchVisitor visitor)
    {
        var walk = new SegmentWalk(segment.File, from, segment.SizeBytes, _block, took);
        while (walk.MoveNext())
        {
            BatchCursor batch = walk.Current;
            bool valid = batch.Magic >= RecordBatchHeader.Magic
                ? batch.Batch.IsCrcValid() : new LegacyMessageView(batch.Current).IsCrcValid();
            if (!valid)
            {
                throw Corrupt(segment, walk.Position, "a batch does not match its CRC");
            }
            if (!visitor.Visit(batch))
            {
                break;
            }
        }
        _block = walk.Block;
        if (walk.Fault is { } fault)
        {
            throw Corrupt(segment, walk.Position, fault);
        }
    }

    private static CleaningException Corrupt(LogSegment segment, long position, string what) =>
        new($"segment {segment.BaseOffset}, position {position}: {what}");
}
