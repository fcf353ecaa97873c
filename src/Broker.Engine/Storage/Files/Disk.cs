namespace Broker.Engine.Storage.Files;

/// <summary>
/// The disk, as far as the storage engine uses it. The real one is <see cref="PhysicalDisk"/>; tests put one in its place
/// that fails, tears writes and forgets what was not synced. Every failure is an <see cref="IOException"/>. Thread-safe.
/// </summary>
internal abstract class Disk
{
    /// <summary>A file to write and read by position; it is opened, and made, when first used.</summary>
    public abstract DiskFile Open(string path);

    /// <summary>Gives descriptors back of files that nobody has used for some time; once a minute.</summary>
    public virtual void CloseIdleFiles() { }

    /// <summary>A file's length, or -1 when there is none.</summary>
    public abstract long LengthOf(string path);

    /// <summary>When a file was last written to, in Unix milliseconds, or -1 when that is not known.</summary>
    public virtual long ModifiedMsOf(string path) => -1;

    /// <summary>A small file whole, or null when there is none.</summary>
    public abstract byte[]? ReadAll(string path);

    /// <summary>Puts a small file in place by writing beside it and renaming, so that a reader sees the old or the new.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">Its new content.</param>
    /// <param name="sync">Whether the content, and the rename, must survive a power failure when this returns.</param>
    public abstract void Replace(string path, ReadOnlySpan<byte> content, bool sync);

    public abstract void Delete(string path);

    public abstract void Rename(string from, string to);

    public abstract bool DirectoryExists(string path);

    public abstract void CreateDirectory(string path);

    /// <summary>Makes a directory, where there is none, whose name survives a power failure.</summary>
    public void MakeDirectory(string path)
    {
        if (DirectoryExists(path))
        {
            return;
        }
        CreateDirectory(path);
        if (System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) is { } parent)
        {
            SyncDirectory(parent);
        }
    }

    public abstract void RenameDirectory(string from, string to);

    /// <summary>Deletes a directory with what is in it.</summary>
    public abstract void DeleteDirectory(string path);

    /// <summary>Names, without the path, of the files in a directory.</summary>
    public abstract IReadOnlyList<string> FilesIn(string path);

    /// <summary>Names, without the path, of the directories in a directory.</summary>
    public abstract IReadOnlyList<string> DirectoriesIn(string path);

    /// <summary>Makes names in a directory survive a power failure.</summary>
    public abstract void SyncDirectory(string path);

    /// <summary>Locks a file against other processes and other brokers of this one; null when it is locked.</summary>
    public abstract IDisposable? TryLock(string path);

    /// <summary>Bytes of the volume in all, and free for this process.</summary>
    public abstract (long Total, long Free) Volume(string path);
}

/// <summary>A file that is written and read by position. Reads and writes at different places may run at once.</summary>
internal abstract class DiskFile : FileRegion, IDisposable
{
    /// <summary>Writes all of <paramref name="bytes"/>.</summary>
    /// <exception cref="IOException">The disk is full or failed; some of the bytes may have been written.</exception>
    public abstract void Write(ReadOnlySpan<byte> bytes, long position);

    public abstract long Length { get; }

    /// <summary>Whether reading these bytes would wait for the device. The caller holds a reference.</summary>
    public virtual bool WouldBlock(long position, long bytes) => false;

    /// <summary>Waits until these bytes are in memory, so that <see cref="WouldBlock"/> says no. The caller holds a reference.</summary>
    public virtual void ReadAhead(long position, long bytes) { }

    /// <summary>Cuts the file, or extends it with zeros.</summary>
    public abstract void SetLength(long length);

    /// <summary>Makes what was written survive a power failure.</summary>
    public abstract void Flush();

    /// <summary>Gives the descriptor back until the file is used again. Nobody may be using it meanwhile.</summary>
    public abstract void Rest();

    /// <summary>Gives the file another name; references to it stay good.</summary>
    public abstract void Rename(string path);

    /// <summary>Closes the file once nobody refers to it any more.</summary>
    public abstract void Dispose();
}
