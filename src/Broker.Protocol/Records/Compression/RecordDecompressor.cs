namespace Broker.Protocol.Records.Compression;

internal enum DecompressionStatus
{
    /// <summary>There may be more; something was written or consumed, or the destination is full.</summary>
    More,

    /// <summary>The stream has come to its end.</summary>
    End,

    /// <summary>The destination is shorter than <see cref="RecordDecompressor.RoomNeeded"/>.</summary>
    Room,

    Corrupt,

    Unsupported,
}

/// <summary>Undoes one codec, stream by stream. It keeps its state and native memory between streams, so that a stream
/// allocates nothing. The source is handed in with every call, since it lives on the caller's stack. Not
/// thread-safe.</summary>
internal abstract class RecordDecompressor : IDisposable
{
    /// <summary>The least room that the next step takes.</summary>
    public int RoomNeeded { get; protected set; } = 1;

    /// <summary>Begins a stream.</summary>
    /// <param name="magic">Of the batch: magic 0 and 1 knew a broken form of LZ4's header.</param>
    public abstract void Begin(byte magic);

    /// <summary>Decompresses some of <paramref name="source"/>.</summary>
    /// <param name="source">The whole compressed stream, the same at every call.</param>
    /// <param name="consumed">Bytes of it that are done with.</param>
    /// <param name="destination">Where the output goes.</param>
    /// <param name="written">Bytes of output.</param>
    public abstract DecompressionStatus Decompress(
        ReadOnlySpan<byte> source, ref int consumed, Span<byte> destination, out int written);

    /// <summary>Ends a stream, finished or not: gives back memory that only an unusual stream needs.</summary>
    public virtual void End()
    {
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back all that is held; safe to call twice, and from a finalizer.</summary>
    protected virtual void Release()
    {
    }
}

/// <summary>One codec's other direction, a whole stream at a time. Not thread-safe.</summary>
internal abstract class RecordCompressor : IDisposable
{
    /// <summary>Appends the compressed <paramref name="source"/> to <paramref name="output"/>.</summary>
    public abstract void Compress(ReadOnlySpan<byte> source, int level, PooledBuffer output);

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back all that is held; safe to call twice, and from a finalizer.</summary>
    protected virtual void Release()
    {
    }
}
