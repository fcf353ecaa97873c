using Broker.Engine.Storage.Files;
using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>
/// Walks the batches of a segment's file, of any magic, whole: a block of the file at a time, which grows where a batch is
/// larger. Whether a batch is what it says is for the caller to check. Blocks; not for network threads.
/// </summary>
internal ref struct SegmentWalk
{
    private readonly DiskFile _file;
    private readonly long _end;
    private readonly Action<long>? _took;
    private BatchCursor _batch = new([]);
    private long _blockAt;
    private int _read;

    /// <param name="file">The segment's file; the caller holds it open.</param>
    /// <param name="from">Where a batch begins.</param>
    /// <param name="end">Where the walk ends.</param>
    /// <param name="block">Where batches are read to.</param>
    /// <param name="took">Called after each read with its bytes; may throw to end the work.</param>
    public SegmentWalk(DiskFile file, long from, long end, byte[] block, Action<long>? took = null)
    {
        _file = file;
        _blockAt = from;
        _end = end;
        _took = took;
        Block = block;
    }

    /// <summary>The block as it is now, to be used again.</summary>
    public byte[] Block { get; private set; }

    /// <summary>Where the current batch begins; after the last, where the walk stopped.</summary>
    public readonly long Position => _blockAt + _batch.Position;

    /// <summary>The current batch; good until the next step.</summary>
    public readonly BatchCursor Current => _batch;

    /// <summary>What ended the walk before its end, or null.</summary>
    public string? Fault { get; private set; }

    /// <summary>Steps to the next batch; false at the end, or at what is none.</summary>
    public bool MoveNext()
    {
        while (!_batch.MoveNext())
        {
            if (Fault is null && _batch.Outcome == BatchOutcome.Garbage)
            {
                Fault = "what follows is not a batch";
            }
            if (Fault is not null || Position >= _end || !Load())
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Reads on from where the walk stopped in this block; false when what is there is not whole.</summary>
    private bool Load()
    {
        bool isStuck = _batch.Position == 0 && _batch.Outcome == BatchOutcome.Short;
        _blockAt = Position;
        long left = _end - _blockAt;
        if (isStuck)
        {
            if (_batch.BytesNeeded > left || _read < Math.Min(Block.Length, left))
            {
                Fault = "what follows is not a whole batch";
                return false;
            }
            Block = new byte[Math.Max(_batch.BytesNeeded, Block.Length)];
        }
        _read = _file.Read(Block.AsSpan(0, (int)Math.Min(Block.Length, left)), _blockAt);
        _took?.Invoke(_read);
        _batch = new BatchCursor(Block.AsSpan(0, _read));
        if (_read == 0)
        {
            Fault = "the file ends";
        }
        return _read > 0;
    }
}
