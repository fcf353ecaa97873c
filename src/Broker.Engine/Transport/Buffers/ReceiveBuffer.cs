namespace Broker.Engine.Transport.Buffers;

/// <summary>
/// A pinned array that requests lie in while they are worked on. It counts who still needs it, so that a request handed to
/// another thread keeps its bytes without a copy. The count is thread-safe, the bytes are not.
/// </summary>
internal sealed class ReceiveBuffer
{
    private readonly BufferPool _pool;
    private int _references;

    internal ReceiveBuffer(BufferPool pool, int size, int sizeClass)
    {
        _pool = pool;
        SizeClass = sizeClass;
        Array = GC.AllocateUninitializedArray<byte>(size, pinned: true);
    }

    public byte[] Array { get; }

    public int Length => Array.Length;

    internal int SizeClass { get; }

    /// <summary>Whether a request beside the owner still needs the bytes.</summary>
    public bool IsShared => Volatile.Read(ref _references) > 1;

    /// <summary>Whether it was lent for a request, and counts as such.</summary>
    internal bool IsRequest { get; private set; }

    internal void Rented(bool isRequest)
    {
        IsRequest = isRequest;
        Volatile.Write(ref _references, 1);
    }

    public void AddReference() => Interlocked.Increment(ref _references);

    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        if (left == 0)
        {
            _pool.Return(this);
        }
        else if (left < 0)
        {
            throw new InvalidOperationException("a receive buffer was released once too often");
        }
    }
}
