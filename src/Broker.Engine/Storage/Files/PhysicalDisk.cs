// The one place of the engine that touches the file system.
#pragma warning disable RS0030

using System.Text;

namespace Broker.Engine.Storage.Files;

/// <summary>The machine's disk. Thread-safe.</summary>
internal sealed class PhysicalDisk : Disk
{
    public static readonly PhysicalDisk Instance = new();

    public override DiskFile Open(string path) => new PhysicalFile(path);

    public override long LengthOf(string path)
    {
        var info = new FileInfo(path);
        return info.Exists ? info.Length : -1;
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
        using (Microsoft.Win32.SafeHandles.SafeFileHandle handle =
            File.OpenHandle(beside, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            RandomAccess.Write(handle, content, 0);
            if (sync)
            {
                RandomAccess.FlushToDisk(handle);
            }
        }
        File.Move(beside, path, overwrite: true);
        if (sync)
        {
            SyncDirectory(System.IO.Path.GetDirectoryName(path)!);
        }
    }

    public override void Delete(string path) => File.Delete(path);

    public override void Rename(string from, string to) => File.Move(from, to, overwrite: true);

    public override bool DirectoryExists(string path) => Directory.Exists(path);

    public override void CreateDirectory(string path) => Directory.CreateDirectory(path);

    public override void RenameDirectory(string from, string to) => Directory.Move(from, to);

    public override void DeleteDirectory(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }

    public override IReadOnlyList<string> FilesIn(string path) =>
        [.. new DirectoryInfo(path).EnumerateFiles().Select(f => f.Name)];

    public override IReadOnlyList<string> DirectoriesIn(string path) =>
        [.. new DirectoryInfo(path).EnumerateDirectories().Select(d => d.Name)];

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

    public override (long Total, long Free) Volume(string path)
    {
        var drive = new DriveInfo(System.IO.Path.GetFullPath(path));
        return (drive.TotalSize, drive.AvailableFreeSpace);
    }
}
