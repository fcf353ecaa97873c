using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Index;

/// <summary>
/// The entries of one index file, of a fixed size each. Those of the active segment live in memory, compact and growing,
/// and are written to the file when it is rolled, flushed or closed: the log itself is what makes them durable. Those of an
/// older segment are read from the file by position, so that they cost no memory. One writer; readers at any time.
/// </summary>
internal sealed class EntryLog : IDisposable
{
    private readonly DiskFile _file;
    private readonly int _entryBytes;
    private byte[] _memory = [];
    private int _memoryFrom;
    private volatile int _count;
    private int _written;

    /// <param name="file">The index file.</param>
    /// <param name="entryBytes">8 for offsets, 12 for times.</param>
    /// <param name="count">Whole entries in the file that are to be trusted.</param>
    public EntryLog(DiskFile file, int entryBytes, int count)
    {
        _file = file;
        _entryBytes = entryBytes;
        _memoryFrom = count;
        _written = count;
        _count = count;
    }

    public DiskFile File => _file;

    public int Count => _count;

    /// <summary>Bytes the file has when all is written.</summary>
    public long SizeBytes => (long)_count * _entryBytes;

    public void Append(ReadOnlySpan<byte> entry)
    {
        int at = (_count - _memoryFrom) * _entryBytes;
        if (at + _entryBytes > _memory.Length)
        {
            byte[] larger = new byte[Math.Max(_entryBytes * 32, _memory.Length * 2)];
            _memory.AsSpan(0, at).CopyTo(larger);
            Volatile.Write(ref _memory, larger);
        }
        entry.CopyTo(_memory.AsSpan(at));
        _count++;
    }

    public void Get(int index, Span<byte> entry)
    {
        if (index >= Volatile.Read(ref _memoryFrom))
        {
            // The array is read after the count that the caller saw: it holds at least that many.
            byte[] memory = Volatile.Read(ref _memory);
            int at = (index - _memoryFrom) * _entryBytes;
            if (at >= 0 && at + _entryBytes <= memory.Length)
            {
                memory.AsSpan(at, _entryBytes).CopyTo(entry);
                return;
            }
        }
        if (_file.Read(entry, (long)index * _entryBytes) < _entryBytes)
        {
            throw new IOException($"index {_file.Path} ends before entry {index}");
        }
    }

    /// <summary>Brings the file up to date. One caller at a time, beside the writer.</summary>
    public void Write()
    {
        int count = _count;
        int unwritten = count - _written;
        if (unwritten > 0)
        {
            byte[] memory = Volatile.Read(ref _memory);
            _file.Write(memory.AsSpan((_written - _memoryFrom) * _entryBytes, unwritten * _entryBytes), (long)_written * _entryBytes);
            _written = count;
        }
    }

    /// <summary>Writes everything and lets the memory go: the segment is no longer the active one.</summary>
    public void Seal()
    {
        Write();
        // A reader between these two falls through to the file, which holds all entries now.
        Volatile.Write(ref _memoryFrom, int.MaxValue);
        Volatile.Write(ref _memory, []);
    }

    /// <summary>Takes entries again after <see cref="Seal"/>: what came after the segment was cut off.</summary>
    public void Unseal()
    {
        Volatile.Write(ref _memory, []);
        Volatile.Write(ref _memoryFrom, _count);
    }

    /// <summary>Forgets the entries from <paramref name="count"/> on; the file is cut too.</summary>
    public void Truncate(int count)
    {
        if (count >= _count)
        {
            return;
        }
        Write();
        _file.SetLength((long)count * _entryBytes);
        _memory = [];
        _memoryFrom = count;
        _written = count;
        _count = count;
    }

    public void Dispose() => _file.Dispose();
}
