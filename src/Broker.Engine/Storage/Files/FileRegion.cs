using Microsoft.Win32.SafeHandles;

namespace Broker.Engine.Storage.Files;

/// <summary>A file that a response sends from. It stays open while references are held, even when the log has deleted or
/// replaced it meanwhile. Thread-safe.</summary>
internal abstract class FileRegion
{
    public abstract string Path { get; }

    /// <summary>Takes a reference; false when the file is closed already.</summary>
    public abstract bool TryAddReference();

    public abstract void ReleaseReference();

    /// <summary>The descriptor for sendfile, or null where the bytes must be read (simulated disks, other platforms).</summary>
    public abstract SafeFileHandle? Handle { get; }

    /// <summary>Reads for transports that cannot send from a file.</summary>
    /// <returns>Bytes read; fewer than asked for at the end of the file.</returns>
    public abstract int Read(Span<byte> destination, long position);
}
