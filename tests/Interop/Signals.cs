using System.Runtime.InteropServices;

namespace Interop;

/// <summary>Signals for processes that a test started.</summary>
internal static partial class Signals
{
    /// <summary>SIGKILL.</summary>
    public static void Kill(int pid) => Send(pid, 9);

    /// <summary>SIGTERM.</summary>
    public static void Terminate(int pid) => Send(pid, 15);

    /// <summary>SIGSTOP: the process stands still until <see cref="Resume"/>.</summary>
    public static void Pause(int pid) => Send(pid, 19);

    /// <summary>SIGCONT.</summary>
    public static void Resume(int pid) => Send(pid, 18);

    private static void Send(int pid, int signal) => Assert.True(kill(pid, signal) == 0, $"signal {signal} to process {pid}: errno {Marshal.GetLastPInvokeError()}");

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
