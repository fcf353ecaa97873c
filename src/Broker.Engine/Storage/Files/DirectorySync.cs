using System.Runtime.InteropServices;

namespace Broker.Engine.Storage.Files;

/// <summary>fsync of a directory, which .NET does not offer: without it a new name may be lost with the power.</summary>
internal static partial class DirectorySync
{
    private const int ReadOnlyDirectory = 0x10000;   // O_RDONLY | O_DIRECTORY
    private const int ReadOnlyDirectoryArm = 0x4000;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int fd);

    public static void Sync(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }
        int flags = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? ReadOnlyDirectoryArm : ReadOnlyDirectory;
        int fd = open(path, flags);
        if (fd < 0)
        {
            throw new IOException($"cannot open directory {path} to sync it: errno {Marshal.GetLastPInvokeError()}");
        }
        int result = fsync(fd);
        int error = Marshal.GetLastPInvokeError();
        _ = close(fd);
        if (result < 0)
        {
            throw new IOException($"cannot sync directory {path}: errno {error}");
        }
    }
}
