// The one place of the engine that touches the file system.
#pragma warning disable RS0030

using Microsoft.Win32.SafeHandles;

namespace Broker.Engine.Storage.Files;

/// <summary>
/// A file opened on first use and closed when it is disposed of and the last response that sends from it is out; between, its
/// descriptor is given back while nobody uses it (<see cref="OpenFiles"/>). Reads and writes are positional and may run at once; the
/// rest is guarded.
/// </summary>
internal sealed class PhysicalFile(string path, OpenFiles open) : DiskFile
{
    private const int Enfile = 23;
    private const int Emfile = 24;

    private readonly Lock _lock = new();
    private volatile SafeFileHandle? _handle;
    private string _path = path;
    private int _references = 1;
    private int _users;
    private int _idleLooks;
    private bool _disposed;

    public override string Path => _path;

    /// <summary>Stays good while the caller holds a reference.</summary>
    public override SafeFileHandle? Handle
    {
        get
        {
            Volatile.Write(ref _idleLooks, 0);
            return _handle ?? OpenHandle();
        }
    }

    public override long Length
    {
        get
        {
            SafeFileHandle handle = Enter();
            try
            {
                return RandomAccess.GetLength(handle);
            }
            finally
            {
                Leave();
            }
        }
    }

    public override bool TryAddReference()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return false;
            }
            _references++;
            return true;
        }
    }

    public override void ReleaseReference()
    {
        lock (_lock)
        {
            if (--_references == 0)
            {
                CloseHandle();
            }
        }
    }

    /// <summary>Uses the descriptor: until <see cref="Leave"/> nobody takes it away.</summary>
    private SafeFileHandle Enter()
    {
        Interlocked.Increment(ref _users);
        Volatile.Write(ref _idleLooks, 0);
        try
        {
            return _handle ?? OpenHandle();
        }
        catch
        {
            Leave();
            throw;
        }
    }

    private void Leave() => Interlocked.Decrement(ref _users);

    public override int Read(Span<byte> destination, long position)
    {
        SafeFileHandle handle = Enter();
        try
        {
            int read = 0;
            while (read < destination.Length)
            {
                int n = RandomAccess.Read(handle, destination[read..], position + read);
                if (n == 0)
                {
                    break;
                }
                read += n;
            }
            return read;
        }
        finally
        {
            Leave();
        }
    }

    public override void Write(ReadOnlySpan<byte> bytes, long position)
    {
        SafeFileHandle handle = Enter();
        try
        {
            RandomAccess.Write(handle, bytes, position);
        }
        finally
        {
            Leave();
        }
    }

    public override bool WouldBlock(long position, long bytes) => PageCache.WouldBlock(Handle!, position, bytes);

    public override void ReadAhead(long position, long bytes) => PageCache.ReadAhead(Handle!, position, bytes);

    public override void SetLength(long length)
    {
        SafeFileHandle handle = Enter();
        try
        {
            RandomAccess.SetLength(handle, length);
        }
        finally
        {
            Leave();
        }
    }

    public override void Flush()
    {
        SafeFileHandle handle = Enter();
        try
        {
            RandomAccess.FlushToDisk(handle);
        }
        finally
        {
            Leave();
        }
    }

    public override void Rest()
    {
        lock (_lock)
        {
            RestUnlessUsed();
        }
    }

    /// <summary>Gives the descriptor back if nobody uses the file.</summary>
    internal bool TryRest()
    {
        if (!_lock.TryEnter())
        {
            return false;
        }
        try
        {
            return RestUnlessUsed();
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Counts looks between which the file was not used; 0 when it was.</summary>
    internal int CountIdleLook() => Volatile.Read(ref _users) > 0 ? 0 : Interlocked.Increment(ref _idleLooks) - 1;

    private bool RestUnlessUsed()
    {
        if (_references != 1 || _disposed || _handle is not { } handle)
        {
            return false;
        }
        _handle = null;
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _users) > 0)
        {
            _handle = handle;   // whoever came between opens nothing before the lock is free
            return false;
        }
        handle.Dispose();
        open.Closed(this);
        return true;
    }

    private void CloseHandle()
    {
        _handle?.Dispose();
        _handle = null;
        open.Closed(this);
    }

    public override void Rename(string path)
    {
        lock (_lock)
        {
            if (File.Exists(_path))
            {
                PhysicalDisk.Guard((_path, path), static names => File.Move(names._path, names.path, overwrite: true));
            }
            _path = path;
        }
    }

    public override void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
        }
        ReleaseReference();
    }

    private SafeFileHandle OpenHandle()
    {
        SafeFileHandle handle;
        lock (_lock)
        {
            if (_handle is { } there)
            {
                return there;
            }
            ObjectDisposedException.ThrowIf(_disposed && _references == 0, this);
            _handle = handle = OpenNow();
        }
        open.Opened(this);
        return handle;
    }

    private SafeFileHandle OpenNow()
    {
        try
        {
            return Open(_path);
        }
        catch (IOException e) when (e.HResult is Emfile or Enfile)
        {
            open.MakeRoom(this);
        }
        try
        {
            return Open(_path);
        }
        catch (IOException e) when (e.HResult is Emfile or Enfile)
        {
            throw new IOException(
                $"the process has no file descriptor left to open {_path}; raise the limit (ulimit -n): {e.Message}", e);
        }
    }

    private static SafeFileHandle Open(string path) => PhysicalDisk.Guard(path, static p => File.OpenHandle(
        p, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete));
}
