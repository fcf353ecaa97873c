using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Broker.Engine.Storage.Files;

/// <summary>Asks the system whether bytes of a file are in memory, by a read that may not wait (preadv2 with RWF_NOWAIT,
/// Linux 4.14). Where that cannot be asked everything counts as in memory. Thread-safe.</summary>
internal static unsafe partial class PageCache
{
    private const int NoWait = 8;
    private const int Eagain = 11;
    private const int Enosys = 38;

    private const int Random = 1;
    private const int WillNeed = 3;

    /// <summary>Bytes between two looks: the system reads ahead, and forgets, by pieces of about this size.</summary>
    private const int Stride = 256 * 1024;

    /// <summary>Bytes between two waits: the system's least window of reading ahead.</summary>
    private const int WaitStride = 64 * 1024;

    /// <summary>Bytes asked for at once. The system allocates their pages in one go, and what else is to run on that processor
    /// waits so long; of more than this (read_ahead_kb where nobody changed it) it may leave out the rest.</summary>
    private const int Piece = 128 * 1024;

    /// <summary>Bytes asked for beyond those that somebody waits for.</summary>
    private const int Ahead = 2 * 1024 * 1024;

    private static bool s_unknown = !OperatingSystem.IsLinux();

    /// <summary>Whether a read of these bytes would wait for the disk. It looks at one byte of every 256 KiB, and the last.</summary>
    public static bool WouldBlock(SafeFileHandle file, long position, long bytes)
    {
        long last = position + bytes - 1;
        for (long at = position; at < last && !s_unknown; at += Stride)
        {
            if (IsMissing(file, at))
            {
                return true;
            }
        }
        return bytes > 0 && !s_unknown && IsMissing(file, last);
    }

    /// <summary>Has the system read these bytes, and waits until it has; of what follows it asks for some. Nothing is copied.
    /// From then on nobody else makes the system read this descriptor ahead: a network thread that sends from it would be the one
    /// that allocates memory for, and asks for, the next megabytes.</summary>
    /// <exception cref="IOException">They cannot be read.</exception>
    public static void ReadAhead(SafeFileHandle file, long position, long bytes)
    {
        int descriptor = (int)file.DangerousGetHandle();
        long end = position + bytes;
        Advise(descriptor, 0, 0, Random);
        Advise(descriptor, position, Piece, WillNeed);
        Span<byte> one = stackalloc byte[1];
        for (long at = position; at < end; at += Piece)
        {
            Advise(descriptor, at + Piece, Piece, WillNeed);
            for (long part = at; part < Math.Min(at + Piece, end); part += WaitStride)
            {
                _ = RandomAccess.Read(file, one, part);
            }
        }
        if (bytes > 0)
        {
            _ = RandomAccess.Read(file, one, end - 1);
        }
        for (long at = end; at < end + Ahead; at += Piece)
        {
            Advise(descriptor, at, Piece, WillNeed);
        }
    }

    private static void Advise(int descriptor, long position, long bytes, int advice)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = posix_fadvise(descriptor, position, bytes, advice);
        }
    }

    private static bool IsMissing(SafeFileHandle file, long position)
    {
        byte one;
        var vector = new IoVector { Base = &one, Length = 1 };
        nint n;
        try
        {
            n = preadv2((int)file.DangerousGetHandle(), &vector, 1, position, NoWait);
        }
        catch (EntryPointNotFoundException)
        {
            s_unknown = true;   // a libc without the call
            return false;
        }
        if (n >= 0)
        {
            return false;
        }
        int error = Marshal.GetLastPInvokeError();
        s_unknown |= error == Enosys;   // other errors are of one file or file system
        return error == Eagain;
    }

    private struct IoVector
    {
        public byte* Base;
        public nint Length;
    }

    [LibraryImport("libc")]
    private static partial int posix_fadvise(int file, long offset, long length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint preadv2(int file, IoVector* vectors, int count, long offset, int flags);
}
