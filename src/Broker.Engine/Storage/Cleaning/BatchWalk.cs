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
        int size = segment.SizeBytes;
        int position = from;
        while (position < size)
        {
            int read = segment.File.Read(_block.AsSpan(0, Math.Min(_block.Length, size - position)), position);
            took(read);
            var cursor = new BatchCursor(_block.AsSpan(0, read));
            while (cursor.MoveNext())
            {
                bool valid = cursor.Magic >= RecordBatchHeader.Magic
                    ? cursor.Batch.IsCrcValid() : new LegacyMessageView(cursor.Current).IsCrcValid();
                if (!valid)
                {
                    throw Corrupt(segment, position + cursor.Position, "a batch does not match its CRC");
                }
                if (!visitor.Visit(cursor))
                {
                    return;
                }
            }
            if (cursor.Outcome == BatchOutcome.Garbage)
            {
                throw Corrupt(segment, position + cursor.Position, "what follows is not a batch");
            }
            if (cursor.Position == 0 && cursor.Outcome == BatchOutcome.Short)
            {
                if (cursor.BytesNeeded > size - position || read < Math.Min(_block.Length, size - position))
                {
                    throw Corrupt(segment, position, "what follows is not a whole batch");
                }
                _block = new byte[Math.Max(cursor.BytesNeeded, _block.Length)];
            }
            position += cursor.Position;
        }
    }

    private static CleaningException Corrupt(LogSegment segment, int position, string what) =>
        new($"segment {segment.BaseOffset}, position {position}: {what}");
}
