using System.Runtime.InteropServices;

namespace Broker.Protocol.Records.Compression;

/// <summary>
/// The zlib that .NET carries for System.IO.Compression, called directly: GZipStream cannot be used twice, and its
/// inflater would be made anew for every batch. When a runtime does not have these entry points,
/// <see cref="IsAvailable"/> is false and GZipStream does the work. Thread-safe; a stream is not.
/// </summary>
internal static unsafe partial class ZlibNative
{
    private const string Library = "libSystem.IO.Compression.Native";
    public const int Ok = 0;
    public const int StreamEnd = 1;
    public const int BufferError = -5;
    public const int NoFlush = 0;
    public const int Finish = 4;

    /// <summary>A window of 32 KiB, and the gzip wrapping.</summary>
    public const int GzipWindowBits = 15 + 16;

    private const int Deflated = 8;
    private const int MemoryLevel = 8;
    private const int DefaultStrategy = 0;

    /// <summary>The z_stream of the runtime's own interop.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Stream
    {
        public byte* NextIn;
        public byte* NextOut;
        public byte* Message;
        public void* State;
        public uint AvailableIn;
        public uint AvailableOut;
    }

    public static bool IsAvailable { get; } = Probe();

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateInit2_")]
    private static partial int InflateInit2(Stream* stream, int windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateReset2_")]
    public static partial int InflateReset2(Stream* stream, int windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Inflate")]
    public static partial int Inflate(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateEnd")]
    private static partial int InflateEnd(Stream* stream);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateInit2_")]
    private static partial int DeflateInit2(
        Stream* stream, int level, int method, int windowBits, int memoryLevel, int strategy);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Deflate")]
    public static partial int Deflate(Stream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateEnd")]
    private static partial int DeflateEnd(Stream* stream);

    public static Stream* NewInflater()
    {
        var stream = (Stream*)NativeMemory.AllocZeroed((nuint)sizeof(Stream));
        if (InflateInit2(stream, GzipWindowBits) != Ok)
        {
            NativeMemory.Free(stream);
            throw new InsufficientMemoryException("no memory for zlib's inflater");
        }
        return stream;
    }

    public static void FreeInflater(Stream* stream)
    {
        _ = InflateEnd(stream);
        NativeMemory.Free(stream);
    }

    /// <summary>Begins a compression over a zeroed stream; <see cref="EndDeflater"/> ends it.</summary>
    public static void BeginDeflater(Stream* stream, int level)
    {
        if (DeflateInit2(stream, level, Deflated, GzipWindowBits, MemoryLevel, DefaultStrategy) != Ok)
        {
            throw new InsufficientMemoryException("no memory for zlib's deflater");
        }
    }

    public static void EndDeflater(Stream* stream) => _ = DeflateEnd(stream);

    private static bool Probe()
    {
        try
        {
            Stream* stream = NewInflater();
            bool resets = InflateReset2(stream, GzipWindowBits) == Ok;
            FreeInflater(stream);
            return resets;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }
}
