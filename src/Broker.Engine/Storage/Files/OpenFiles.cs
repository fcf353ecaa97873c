using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Broker.Engine.Storage.Files;

/// <summary>
/// The log files that hold a descriptor. Those that nobody has used for a while give it back, and so do others when there are too
/// many: they are opened again when they are used. Sockets have the rest of what the process may open. Thread-safe.
/// </summary>
internal sealed partial class OpenFiles
{
    /// <summary>Looks at a file, a minute apart, after which it is closed if it was not used between them.</summary>
    public const int IdleLooksMax = 10;

    /// <summary>Files that are closed at once when there are too many.</summary>
    private const int ClosedAtOnce = 64;

    /// <summary>Where the system does not say how many there may be.</summary>
    private const int FilesMaxUnknown = 4096;

    private const int RlimitNofile = 7;

    private readonly ConcurrentDictionary<PhysicalFile, bool> _files = new();
    private readonly int _filesMax;
    private int _count;

    /// <param name="filesMax">More are open only while all of them are in use; 0 for half of what the process may open.</param>
    public OpenFiles(int filesMax = 0) => _filesMax = filesMax > 0 ? filesMax : HalfOfAllowed();

    /// <summary>Files that hold a descriptor now.</summary>
    public int Count => Volatile.Read(ref _count);

    private static int HalfOfAllowed()
    {
        if (!OperatingSystem.IsLinux())
        {
            return FilesMaxUnknown;
        }
        Span<nuint> limits = stackalloc nuint[2];
        return getrlimit(RlimitNofile, ref MemoryMarshal.GetReference(limits)) == 0
            ? (int)Math.Min(limits[0] / 2, int.MaxValue) : FilesMaxUnknown;
    }

    internal void Opened(PhysicalFile file)
    {
        if (_files.TryAdd(file, true) && Interlocked.Increment(ref _count) > _filesMax)
        {
            MakeRoom(file);
        }
    }

    internal void Closed(PhysicalFile file)
    {
        if (_files.TryRemove(file, out _))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>Closes files that were not used of late; called once a minute.</summary>
    public void CloseIdle()
    {
        foreach ((PhysicalFile file, _) in _files)
        {
            if (file.CountIdleLook() >= IdleLooksMax)
            {
                file.TryRest();
            }
        }
    }

    /// <summary>Closes some files: those first that were not used since somebody last looked.</summary>
    internal void MakeRoom(PhysicalFile opening)
    {
        int closed = 0;
        for (int pass = 0; pass < 2 && closed == 0; pass++)
        {
            foreach ((PhysicalFile file, _) in _files)
            {
                if (file != opening && file.CountIdleLook() > 0 && file.TryRest() && ++closed >= ClosedAtOnce)
                {
                    return;
                }
            }
        }
    }

    [LibraryImport("libc")]
    private static partial int getrlimit(int resource, ref nuint limits);
}
