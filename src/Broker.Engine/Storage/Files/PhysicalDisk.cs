// The one place of the engine that touches the file system.
#pragma warning disable RS0030

using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Broker.Engine.Storage.Files;

/// <summary>The machine's disk. Thread-safe.</summary>
internal sealed class PhysicalDisk : Disk
{
    public static readonly PhysicalDisk Instance = new();

    private readonly OpenFiles _open = new();

    public override DiskFile Open(string path) => new PhysicalFile(path, _open);

    public override void CloseIdleFiles() => _open.CloseIdle();

    public override long LengthOf(string path)
    {
        var info = new FileInfo(path);
        return info.Exists ? info.Length : -1;
    }

    public override long ModifiedMsOf(string path)
    {
        var info = new FileInfo(path);
        return info.Exists ? new DateTimeOffset(info.LastWriteTimeUtc).ToUnixTimeMilliseconds() : -1;
    }

    public override byte[]? ReadAll(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public override void Replace(string path, ReadOnlySpan<byte> content, bool sync)
    {
        string beside = path + ".tmp";
        using (SafeFileHandle handle = Guard(beside, static p => File.OpenHandle(p, FileMode.Create, FileAccess.Write, FileShare.None)))
        {
            RandomAccess.Write(handle, content, 0);
            if (sync)
            {
                RandomAccess.FlushToDisk(handle);
            }
        }
        Rename(beside, path);
        if (sync)
        {
            SyncDirectory(System.IO.Path.GetDirectoryName(path)!);
        }
    }

    public override void Delete(string path)
    {
        try
        {
            Guard(path, File.Delete);
        }
        catch (DirectoryNotFoundException)
        {
            // Its directory was renamed or deleted meanwhile: the file is gone from here, as asked.
        }
    }

    public override void Rename(string from, string to) =>
        Guard((from, to), static names => File.Move(names.from, names.to, overwrite: true));

    public override bool DirectoryExists(string path) => Directory.Exists(path);

    public override void CreateDirectory(string path) => Guard(path, static p => Directory.CreateDirectory(p));

    public override void RenameDirectory(string from, string to) =>
        Guard((from, to), static names => Directory.Move(names.from, names.to));

    public override void DeleteDirectory(string path)
    {
        if (Directory.Exists(path))
        {
            Guard(path, static p => Directory.Delete(p, recursive: true));
        }
    }

    public override IReadOnlyList<string> FilesIn(string path) => Guard(
        path, static p => (string[])[.. new DirectoryInfo(p).EnumerateFiles().Select(f => f.Name)]);

    public override IReadOnlyList<string> DirectoriesIn(string path) => Guard(
        path, static p => (string[])[.. new DirectoryInfo(p).EnumerateDirectories().Select(d => d.Name)]);

    public override void SyncDirectory(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            DirectorySync.Sync(path);
        }
    }

    public override IDisposable? TryLock(string path)
    {
        try
        {
            var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            stream.SetLength(0);
            stream.Write(Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"));
            stream.Flush();
            return stream;
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }

    /// <summary>Missing rights are a failure of the disk like any other.</summary>
    internal static TResult Guard<TState, TResult>(TState state, Func<TState, TResult> work)
    {
        try
        {
            return work(state);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    internal static void Guard<TState>(TState state, Action<TState> work) => Guard((state, work), static both =>
    {
        both.work(both.state);
        return 0;
    });

    public override (long Total, long Free) Volume(string path)
    {
        var drive = new DriveInfo(System.IO.Path.GetFullPath(path));
        return (drive.TotalSize, drive.AvailableFreeSpace);
    }
}
