using System.Runtime.InteropServices;

namespace Interop;

/// <summary>Signals for processes that a test started.</summary>
internal static partial class Signals
{
    private const int NoSuchProcess = 3;

    /// <summary>SIGKILL; nothing where the process has ended by itself.</summary>
    public static void Kill(int pid) => Assert.True(
        kill(pid, 9) == 0 || Marshal.GetLastPInvokeError() == NoSuchProcess, $"process {pid} cannot be killed: errno {Marshal.GetLastPInvokeError()}");

    /// <summary>SIGINT, as Ctrl+C sends it.</summary>
    public static void Interrupt(int pid) => Send(pid, 2);

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
