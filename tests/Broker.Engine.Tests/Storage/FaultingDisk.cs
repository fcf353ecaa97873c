using Broker.Engine.Storage.Files;
using Microsoft.Win32.SafeHandles;

namespace Broker.Engine.Tests.Storage;

/// <summary>
/// A disk in memory that can be killed and can fail: a write may stop in the middle (a short write, a full disk), a sync may
/// fail, and after <see cref="Crash"/> the files are as the kernel would show them. Thread-safe.
/// </summary>
internal sealed class FaultingDisk : Disk
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, FaultingDiskContent> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _directories = new(StringComparer.Ordinal);
    private FaultingDiskNames _names = new();

    /// <summary>Called before each write of a file with its name and length; what it returns is written, and where that is
    /// less, the write fails.</summary>
    public Func<string, int, int>? OnWrite { get; set; }

    /// <summary>Called before each sync; true lets it fail.</summary>
    public Func<string, bool>? OnSync { get; set; }

    /// <summary>Called before each read of a file with its name and how many bytes are asked for.</summary>
    public Action<string, int>? OnRead { get; set; }

    /// <summary>Called before anything that the disk is asked to do, with what and with whose name; it may throw.</summary>
    public Action<string, string>? OnOperation { get; set; }

    /// <summary>Called before each change of a name, a length or a content: a place at which the process may be killed.</summary>
    public Action? Changing { get; set; }

    /// <summary>Whether the power may fail: only then is it kept what was synced of each file.</summary>
    public bool MayLosePower { get; init; } = true;

    public int Syncs { get; private set; }

    /// <summary>The content of a file, for tests that damage it.</summary>
    public byte[] this[string path]
    {
        get
        {
            lock (_lock)
            {
                return _files[path].ToArray();
            }
        }
        set
        {
            lock (_lock)
            {
                _files[path] = NewContent(value);
            }
        }
    }

    private FaultingDiskContent NewContent(ReadOnlySpan<byte> bytes) => new(bytes, MayLosePower);

    /// <summary>The directories there are, in order.</summary>
    public IEnumerable<string> AllDirectories() => _directories.Order(StringComparer.Ordinal);

    public bool Exists(string path) => LengthOf(path) >= 0;

    /// <summary>A copy of what is on the disk now, without the faults: the process was killed. What it had not synced, the power may
    /// still take.</summary>
    public FaultingDisk Crash()
    {
        var copies = new Dictionary<FaultingDiskContent, FaultingDiskContent>(ReferenceEqualityComparer.Instance);
        FaultingDiskContent CopyOf(FaultingDiskContent content)
        {
            if (!copies.TryGetValue(content, out FaultingDiskContent? copy))
            {
                copies[content] = copy = content.Copy();
            }
            return copy;
        }
        lock (_lock)
        {
            var copy = new FaultingDisk { MayLosePower = MayLosePower, _names = _names.Copy(CopyOf) };
            foreach ((string path, FaultingDiskContent content) in _files)
            {
                copy._files[path] = CopyOf(content);
            }
            copy._directories.UnionWith(_directories);
            return copy;
        }
    }

    /// <summary>A copy of what may be on the disk after the power failed: what was synced, and of the rest some pages and some
    /// names.</summary>
    public FaultingDisk LosePower(Random random)
    {
        var copy = new FaultingDisk();
        lock (_lock)
        {
            var files = new Dictionary<string, FaultingDiskContent>(_files, StringComparer.Ordinal);
            copy._directories.UnionWith(_directories);
            _names.LosePower(random, files, copy._directories);
            foreach ((string path, FaultingDiskContent content) in files.OrderBy(f => f.Key, StringComparer.Ordinal))
            {
                copy._files[path] = content.AfterPowerLoss(random);
            }
        }
        return copy;
    }

    /// <summary>Names are about to change, which a power failure may undo.</summary>
    private void Renaming(params ReadOnlySpan<FaultingDiskNames.Before> files)
    {
        if (MayLosePower)
        {
            _names.Changes(files);
        }
    }

    private FaultingDiskNames.Before Before(string path) => new(path, _files.GetValueOrDefault(path));

    public override DiskFile Open(string path) => new OpenFile(this, path);

    public override long LengthOf(string path)
    {
        lock (_lock)
        {
            return _files.TryGetValue(path, out FaultingDiskContent? content) ? content.Length : -1;
        }
    }

    public override byte[]? ReadAll(string path)
    {
        OnOperation?.Invoke("read", path);
        lock (_lock)
        {
            return _files.TryGetValue(path, out FaultingDiskContent? content) ? content.ToArray() : null;
        }
    }

    public override void Replace(string path, ReadOnlySpan<byte> content, bool sync)
    {
        OnOperation?.Invoke("replace", path);
        var made = NewContent([]);
        Write(path, made, content, 0);
        if (sync)
        {
            made.Sync();
        }
        lock (_lock)
        {
            Renaming(Before(path));
            _files[path] = made;
        }
        if (sync)
        {
            SyncDirectory(Path.GetDirectoryName(path)!);
        }
    }

    private void Write(string path, FaultingDiskContent content, ReadOnlySpan<byte> bytes, long position)
    {
        Changing?.Invoke();
        int allowed = OnWrite?.Invoke(path, bytes.Length) ?? bytes.Length;
        lock (_lock)
        {
            if (allowed > 0)
            {
                content.Write(bytes[..Math.Min(allowed, bytes.Length)], (int)position);
            }
        }
        if (allowed < bytes.Length)
        {
            throw new IOException($"No space left on device : '{path}'");
        }
    }

    public override void Delete(string path)
    {
        OnOperation?.Invoke("delete", path);
        Changing?.Invoke();
        lock (_lock)
        {
            if (_files.ContainsKey(path))
            {
                Renaming(Before(path));
                _files.Remove(path);
            }
        }
    }

    public override void Rename(string from, string to)
    {
        OnOperation?.Invoke("rename", from);
        Changing?.Invoke();
        lock (_lock)
        {
            if (_files.TryGetValue(from, out FaultingDiskContent? content))
            {
                Renaming(Before(from), Before(to));
                _files.Remove(from);
                _files[to] = content;
            }
        }
    }

    public override bool DirectoryExists(string path)
    {
        lock (_lock)
        {
            return _directories.Contains(path);
        }
    }

    public override void CreateDirectory(string path)
    {
        OnOperation?.Invoke("create directory", path);
        Changing?.Invoke();
        lock (_lock)
        {
            if (_directories.Add(path) && MayLosePower)
            {
                _names.Makes(path);
            }
        }
    }

    public override void RenameDirectory(string from, string to)
    {
        OnOperation?.Invoke("rename directory", from);
        Changing?.Invoke();
        lock (_lock)
        {
            _directories.Remove(from);
            _directories.Add(to);
            foreach (string path in _files.Keys.Where(p => Path.GetDirectoryName(p) == from).ToArray())
            {
                _files.Remove(path, out FaultingDiskContent? content);
                _files[Path.Combine(to, Path.GetFileName(path))] = content!;
            }
            if (MayLosePower)
            {
                _names.Renames(from, to);
            }
        }
    }

    public override void DeleteDirectory(string path)
    {
        OnOperation?.Invoke("delete directory", path);
        Changing?.Invoke();
        lock (_lock)
        {
            string[] files = [.. _files.Keys.Where(p => Path.GetDirectoryName(p) == path)];
            if (_directories.Remove(path) && MayLosePower)
            {
                _names.Deletes(path, files.Select(f => Before(f) with { Name = Path.GetFileName(f) }));
            }
            Array.ForEach(files, f => _files.Remove(f));
        }
    }

    public override IReadOnlyList<string> FilesIn(string path)
    {
        OnOperation?.Invoke("list", path);
        lock (_lock)
        {
            return [.. _files.Keys.Where(p => Path.GetDirectoryName(p) == path).Select(p => Path.GetFileName(p)!)];
        }
    }

    public override IReadOnlyList<string> DirectoriesIn(string path)
    {
        lock (_lock)
        {
            return [.. _directories.Where(p => Path.GetDirectoryName(p) == path).Select(p => Path.GetFileName(p)!)];
        }
    }

    public override void SyncDirectory(string path)
    {
        lock (_lock)
        {
            _names.Sync(path);
        }
    }

    public override IDisposable? TryLock(string path) => new Nothing();

    public override (long Total, long Free) Volume(string path) => (1L << 40, 1L << 39);

    private sealed class Nothing : IDisposable
    {
        public void Dispose()
        {
        }
    }

    private sealed class OpenFile(FaultingDisk disk, string path) : DiskFile
    {
        private FaultingDiskContent? _content;
        private string _path = path;
        private bool _disposed;

        public override string Path => _path;

        public override SafeFileHandle? Handle => null;

        public override long Length
        {
            get
            {
                lock (disk._lock)
                {
                    return Open().Length;
                }
            }
        }

        private FaultingDiskContent Open()
        {
            if (_content is null)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (!disk._files.TryGetValue(_path, out _content))
                {
                    disk.Renaming(disk.Before(_path));
                    disk._files[_path] = _content = disk.NewContent([]);
                }
            }
            return _content;
        }

        public override bool TryAddReference() => !_disposed;

        public override void ReleaseReference()
        {
        }

        public override int Read(Span<byte> destination, long position)
        {
            disk.OnOperation?.Invoke("read", _path);
            disk.OnRead?.Invoke(_path, destination.Length);
            lock (disk._lock)
            {
                ReadOnlySpan<byte> bytes = Open().Bytes;
                int length = Math.Clamp(bytes.Length - (int)position, 0, destination.Length);
                bytes.Slice(length == 0 ? 0 : (int)position, length).CopyTo(destination);
                return length;
            }
        }

        public override void Write(ReadOnlySpan<byte> bytes, long position)
        {
            disk.OnOperation?.Invoke("write", _path);
            FaultingDiskContent content;
            lock (disk._lock)
            {
                content = Open();
            }
            disk.Write(_path, content, bytes, position);
        }

        public override void SetLength(long length)
        {
            disk.OnOperation?.Invoke("set length", _path);
            disk.Changing?.Invoke();
            lock (disk._lock)
            {
                Open().SetLength((int)length);
            }
        }

        public override void Flush()
        {
            disk.OnOperation?.Invoke("sync", _path);
            if (disk.OnSync?.Invoke(_path) == true)
            {
                throw new IOException($"Input/output error : '{_path}'");
            }
            lock (disk._lock)
            {
                disk.Syncs++;
                Open().Sync();
            }
        }

        public override void Rest()
        {
            lock (disk._lock)
            {
                _content = null;
            }
        }

        public override void Rename(string path)
        {
            disk.Rename(_path, path);
            _path = path;
        }

        public override void Dispose() => _disposed = true;
    }
}
