// The one place of the engine that touches the file system.
#pragma warning disable RS0030

using Microsoft.Win32.SafeHandles;

namespace Broker.Engine.Storage.Files;

/// <summary>
/// A file opened on first use and closed when it is disposed of and the last response that sends from it is out. Reads and
/// writes are positional and may run at once; the rest is guarded.
/// </summary>
internal sealed class PhysicalFile : DiskFile
{
    private readonly Lock _lock = new();
    private SafeFileHandle? _handle;
    private string _path;
    private int _references = 1;
    private bool _disposed;

    public PhysicalFile(string path) => _path = path;

    public override string Path => _path;

    public override SafeFileHandle? Handle => _handle ?? OpenHandle();

    public override long Length => RandomAccess.GetLength(_handle ?? OpenHandle());

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
                _handle?.Dispose();
                _handle = null;
            }
        }
    }

    public override int Read(Span<byte> destination, long position)
    {
        SafeFileHandle handle = _handle ?? OpenHandle();
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

    public override void Write(ReadOnlySpan<byte> bytes, long position) =>
        RandomAccess.Write(_handle ?? OpenHandle(), bytes, position);

    public override bool WouldBlock(long position, long bytes) => PageCache.WouldBlock(_handle ?? OpenHandle(), position, bytes);

    public override void ReadAhead(long position, long bytes) => PageCache.ReadAhead(_handle ?? OpenHandle(), position, bytes);

    public override void SetLength(long length) => RandomAccess.SetLength(_handle ?? OpenHandle(), length);

    public override void Flush() => RandomAccess.FlushToDisk(_handle ?? OpenHandle());

    public override void Rest()
    {
        lock (_lock)
        {
            if (_references == 1 && !_disposed)
            {
                _handle?.Dispose();
                _handle = null;
            }
        }
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
        lock (_lock)
        {
            if (_handle is null)
            {
                ObjectDisposedException.ThrowIf(_disposed && _references == 0, this);
                _handle = PhysicalDisk.Guard(_path, static path => File.OpenHandle(
                    path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete));
            }
            return _handle;
        }
    }
}
