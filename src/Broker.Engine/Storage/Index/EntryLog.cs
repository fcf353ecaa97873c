using Broker.Engine.Storage.Files;

namespace Broker.Engine.Storage.Index;

/// <summary>
/// The entries of one index file, of a fixed size each. Those of the active segment live in memory, compact and growing,
/// and are written to the file when it is rolled, flushed or closed: the log itself is what makes them durable. Those of an
/// older segment are read from the file by position, so that they cost no memory. Entries are appended, truncated, sealed and
/// unsealed under the log's lock; they are written at any time; readers take no lock.
/// </summary>
internal sealed class EntryLog : IDisposable
{
    private readonly Lock _writing = new();
    private readonly DiskFile _file;
    private readonly int _entryBytes;
    private Memory _memory;
    private volatile int _count;
    private int _written;
    private bool _isMade;

    /// <param name="file">The index file.</param>
    /// <param name="entryBytes">8 for offsets, 12 for times.</param>
    /// <param name="count">Whole entries in the file that are to be trusted.</param>
    public EntryLog(DiskFile file, int entryBytes, int count)
    {
        _file = file;
        _entryBytes = entryBytes;
        _memory = new Memory([], count);
        _written = count;
        _count = count;
        _isMade = count > 0;
    }

    public DiskFile File => _file;

    public int Count => _count;

    /// <summary>Bytes the file has when all is written.</summary>
    public long SizeBytes => (long)_count * _entryBytes;

    public void Append(ReadOnlySpan<byte> entry)
    {
        Memory memory = _memory;
        int at = (_count - memory.From) * _entryBytes;
        if (at + _entryBytes > memory.Bytes.Length)
        {
            byte[] larger = new byte[Math.Max(_entryBytes * 32, memory.Bytes.Length * 2)];
            memory.Bytes.AsSpan(0, at).CopyTo(larger);
            memory = new Memory(larger, memory.From);
            Volatile.Write(ref _memory, memory);
        }
        entry.CopyTo(memory.Bytes.AsSpan(at));
        _count++;
    }

    public void Get(int index, Span<byte> entry) => _ = GetRun(index, entry);

    /// <summary>Copies entries from number <paramref name="first"/> on, as many as lie in one place.</summary>
    /// <returns>How many, at least one.</returns>
    public int GetRun(int first, Span<byte> entries)
    {
        // Read after the count that the caller saw: what is not in it is in the file.
        Memory memory = Volatile.Read(ref _memory);
        long at = ((long)first - memory.From) * _entryBytes;
        if (at >= 0 && at + entries.Length <= memory.Bytes.Length)
        {
            memory.Bytes.AsSpan((int)at, entries.Length).CopyTo(entries);
            return entries.Length / _entryBytes;
        }
        int got = _file.Read(at < 0 && -at < entries.Length ? entries[..(int)-at] : entries, (long)first * _entryBytes) / _entryBytes;
        return got > 0 ? got : throw new IOException($"index {_file.Path} ends before entry {first}");
    }

    /// <summary>Whether looking entries up would wait for the device. The caller holds a reference to the file.</summary>
    public bool WouldBlock()
    {
        int inFile = Volatile.Read(ref _memory).From;
        return inFile > 0 && _file.WouldBlock(0, (long)inFile * _entryBytes);
    }

    /// <summary>Brings the file up to date, and makes it where there is none.</summary>
    public void Write()
    {
        lock (_writing)
        {
            int count = _count;
            int unwritten = count - _written;
            if (!_isMade)
            {
                _file.SetLength(0);   // whatever lay under this name is not this index
                _isMade = true;
            }
            Memory memory = Volatile.Read(ref _memory);
            if (unwritten > 0)
            {
                _file.Write(
                    memory.Bytes.AsSpan((_written - memory.From) * _entryBytes, unwritten * _entryBytes), (long)_written * _entryBytes);
                _written = count;
            }
            if (memory.From == 0)
            {
                _file.Rest();   // all entries are in memory, nobody reads the file
            }
        }
    }

    /// <summary>Brings the file up to date and makes it survive a power failure.</summary>
    public void Sync()
    {
        lock (_writing)
        {
            Write();
            _file.Flush();
            if (Volatile.Read(ref _memory).From == 0)
            {
                _file.Rest();
            }
        }
    }

    /// <summary>Writes everything and lets the memory go: the segment is no longer the active one.</summary>
    public void Seal()
    {
        lock (_writing)
        {
            Write();
            Volatile.Write(ref _memory, new Memory([], _count));
        }
    }

    /// <summary>Forgets the entries from <paramref name="count"/> on; the file is cut too.</summary>
    public void Truncate(int count)
    {
        lock (_writing)
        {
            if (count >= _count)
            {
                return;
            }
            Write();
            _file.SetLength((long)count * _entryBytes);
            _written = count;
            _count = count;
            Volatile.Write(ref _memory, new Memory([], count));
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Entries from number <paramref name="From"/> on, replaced as one so that a reader never mixes two states.</summary>
    private sealed record Memory(byte[] Bytes, int From);
}
