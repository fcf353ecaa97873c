using System.Runtime.InteropServices;

namespace Broker.Engine.Transport.Reactor;

/// <summary>The calls of Linux that the reactor makes. Constants are those of the generic ABI (x64, arm64).</summary>
internal static unsafe partial class Native
{
    public const int EpollIn = 0x001;
    public const int EpollOut = 0x004;
    public const int EpollErr = 0x008;
    public const int EpollHup = 0x010;
    public const int EpollRdHup = 0x2000;
    public const int EpollCtlAdd = 1;
    public const int EpollCtlDel = 2;
    public const int EpollCtlMod = 3;
    public const int EpollCloexec = 0x80000;
    public const int SockNonblock = 0x800;
    public const int SockCloexec = 0x80000;
    public const int EfdNonblock = 0x800;
    public const int EfdCloexec = 0x80000;
    public const int MsgNosignal = 0x4000;
    public const int MsgMore = 0x8000;
    public const int PollIn = 0x001;
    public const int SolSocket = 1;
    public const int SoSndBuf = 7;
    public const int SoRcvBuf = 8;
    public const int SoKeepalive = 9;
    public const int SoLinger = 13;
    public const int IpProtoTcp = 6;
    public const int TcpNoDelay = 1;
    public const int TcpCongestion = 13;
    public const int Eintr = 4;
    public const int Eagain = 11;
    public const int MsgPeek = 0x2;
    public const int MsgDontWait = 0x40;
    public const int Enfile = 23;
    public const int Emfile = 24;
    public const int Econnaborted = 103;

    /// <summary>epoll_event is packed on x64 only: 12 bytes there, 16 on other architectures.</summary>
    public static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    public static readonly int EventDataAt = EventBytes - 8;

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int fd, byte* epollEvent);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_wait(int epoll, byte* events, int eventsMax, int timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int dup(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getrlimit(int resource, nuint* limits);

    private const int Enxio = 6;
    private const int Eio = 5;
    private const int Enodev = 19;
    private const int Ebadmsg = 74;
    private const int Estale = 116;
    private const int Euclean = 117;

    /// <summary>Whether an error of sendfile says that the file cannot be read, and nothing of the socket.</summary>
    public static bool IsOfAFile(int error) => error is Eio or Enxio or Enodev or Ebadmsg or Estale or Euclean;

    /// <summary>The last descriptors are not for connections: without one no segment could be rolled, which costs the log directory,
    /// and the runtime could start no thread. An eighth of them all where that is less.</summary>
    private const int DescriptorsKept = 64;

    private static readonly int s_rlimitNofile = OperatingSystem.IsLinux() ? 7 : 8;

    /// <summary>Whether accepting would take descriptors that logs need: the lowest free one tells how many are in use.</summary>
    /// <param name="any">Any descriptor.</param>
    public static bool AreDescriptorsShort(int any)
    {
        int lowest = dup(any);
        if (lowest < 0)
        {
            return true;
        }
        _ = close(lowest);
        long most = DescriptorsMax();
        return lowest >= most - Math.Min(DescriptorsKept, most / 8);
    }

    /// <summary>How many descriptors the process may have (ulimit -n); none, when that is not known.</summary>
    public static long DescriptorsMax()
    {
        nuint* limits = stackalloc nuint[2];
        return getrlimit(s_rlimitNofile, limits) == 0 ? (long)Math.Min(limits[0], int.MaxValue) : int.MaxValue;
    }

    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recv(int fd, void* buffer, nint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint send(int fd, void* buffer, nint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendfile(int outFd, int inFd, long* offset, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int accept4(int fd, byte* address, uint* addressBytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockname(int fd, byte* address, uint* addressBytes);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(int fd, int level, int name, void* value, uint valueBytes);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollFd* fds, nuint count, int timeoutMs);

    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    public static void SetOption(int fd, int level, int name, int value) => _ = setsockopt(fd, level, name, &value, sizeof(int));

    public static void SetOption(int fd, int level, int name, ReadOnlySpan<byte> value)
    {
        fixed (byte* first = value)
        {
            _ = setsockopt(fd, level, name, first, (uint)value.Length);
        }
    }

    /// <summary>Changes what epoll reports of a descriptor.</summary>
    public static int Control(int epoll, int operation, int fd, uint events, long data)
    {
        byte* packed = stackalloc byte[16];
        *(uint*)packed = events;
        *(long*)(packed + EventDataAt) = data;
        return epoll_ctl(epoll, operation, fd, packed);
    }

    /// <summary>Wakes a thread that waits on an eventfd.</summary>
    public static void Signal(int eventFd)
    {
        ulong one = 1;
        _ = write(eventFd, &one, sizeof(ulong));
    }

    public static void Drain(int eventFd)
    {
        ulong count;
        _ = read(eventFd, &count, sizeof(ulong));
    }
}
