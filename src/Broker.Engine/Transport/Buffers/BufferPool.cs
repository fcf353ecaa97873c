using System.Diagnostics;
using System.Numerics;

namespace Broker.Engine.Transport.Buffers;

/// <summary>
/// Receive buffers in classes of powers of two, and what bounds the requests that lie in them: bytes rented for requests
/// count against <see cref="RentedBytesMax"/> (queued.max.request.bytes), requests that wait for a worker against
/// <paramref name="queuedMax"/> (queued.max.requests). When either is used up, connections stop reading. What is idle is kept
/// up to <see cref="IdleBytesMax"/>. Thread-safe; off the path of requests that fit a reactor's scratch buffer.
/// </summary>
internal sealed class BufferPool(long rentedBytesMax, int queuedMax = int.MaxValue)
{
    /// <summary>The smallest buffer: what a small request handed to a worker takes.</summary>
    public const int SmallestBytes = 4 * 1024;

    /// <summary>Idle buffers kept for the next large request; beyond it they go to the garbage collector.</summary>
    public const long IdleBytesMax = 32L * 1024 * 1024;

    private const int SmallestLog = 12;
    private readonly Lock _lock = new();
    private readonly Stack<ReceiveBuffer>[] _idle = [.. Enumerable.Range(0, 20).Select(_ => new Stack<ReceiveBuffer>())];
    private long _idleBytes;
    private long _rentedBytes;
    private int _queued;
    private long _depletedSince;
    private long _depletedTicks;

    /// <summary>Limit of rented bytes; negative for none.</summary>
    public long RentedBytesMax { get; } = rentedBytesMax;

    public long RentedBytes => Interlocked.Read(ref _rentedBytes);

    /// <summary>Time in which there was no room, in units of <see cref="Stopwatch"/>.</summary>
    public long DepletedTicks
    {
        get
        {
            long since = Interlocked.Read(ref _depletedSince);
            return Interlocked.Read(ref _depletedTicks) + (since == 0 ? 0 : Math.Max(0, Stopwatch.GetTimestamp() - since));
        }
    }

    /// <summary>Called after a return while the limit was reached.</summary>
    public Action? RoomAgain { get; set; }

    /// <summary>Whether the limit allows another buffer now. It is a threshold, not a reservation: the last request
    /// admitted may pass it, as in Kafka's SimpleMemoryPool.</summary>
    public bool HasRoom =>
        (RentedBytesMax < 0 || RentedBytes < RentedBytesMax) && Volatile.Read(ref _queued) < queuedMax;

    /// <summary>A request has been handed to the workers.</summary>
    public void RequestQueued() => Interlocked.Increment(ref _queued);

    /// <summary>A worker has taken a request.</summary>
    public void RequestTaken()
    {
        if (Interlocked.Decrement(ref _queued) == queuedMax - 1 && HasRoom)
        {
            RoomAgain?.Invoke();
        }
    }

    /// <summary>Keeps a request's bytes beyond the call that brought them: what is small beside its buffer is copied, so that a request
    /// that waits holds no more memory than it has bytes.</summary>
    /// <param name="buffer">Where it was received.</param>
    /// <param name="offset">Where it begins there.</param>
    /// <param name="length">Its bytes.</param>
    /// <returns>The buffer to release later, and where the bytes begin in it.</returns>
    public (ReceiveBuffer Kept, int At) Keep(ReceiveBuffer buffer, int offset, int length)
    {
        if (length > buffer.Length / 2)
        {
            buffer.AddReference();
            return (buffer, offset);
        }
        ReceiveBuffer own = Rent(length);
        buffer.Array.AsSpan(offset, length).CopyTo(own.Array);
        return (own, 0);
    }

    /// <summary>Lends a buffer.</summary>
    /// <param name="bytes">The least it must hold; 0 for a request without a body.</param>
    /// <param name="isRequest">Whether it is for a request and so counts; answers and a thread's own buffers do not.</param>
    public ReceiveBuffer Rent(int bytes, bool isRequest = true)
    {
        int log = Math.Max(SmallestLog, 32 - BitOperations.LeadingZeroCount((uint)Math.Max(bytes, 1) - 1));
        int size = log >= 31 ? Array.MaxLength : 1 << log;
        int sizeClass = log - SmallestLog;
        ReceiveBuffer? buffer;
        lock (_lock)
        {
            if (_idle[sizeClass].TryPop(out buffer))
            {
                _idleBytes -= buffer.Length;
            }
        }
        buffer ??= new ReceiveBuffer(this, size, sizeClass);
        buffer.Rented(isRequest);
        if (isRequest)
        {
            Interlocked.Add(ref _rentedBytes, buffer.Length);
            if (!HasRoom)
            {
                Interlocked.CompareExchange(ref _depletedSince, Stopwatch.GetTimestamp(), 0);
            }
        }
        return buffer;
    }

    internal void Return(ReceiveBuffer buffer)
    {
        bool wasFull = !HasRoom;
        if (buffer.IsRequest)
        {
            Interlocked.Add(ref _rentedBytes, -buffer.Length);
        }
        lock (_lock)
        {
            if (_idleBytes + buffer.Length <= IdleBytesMax)
            {
                _idle[buffer.SizeClass].Push(buffer);
                _idleBytes += buffer.Length;
            }
        }
        if (wasFull && HasRoom)
        {
            if (Interlocked.Exchange(ref _depletedSince, 0) is var since and not 0)
            {
                Interlocked.Add(ref _depletedTicks, Stopwatch.GetTimestamp() - since);
            }
            RoomAgain?.Invoke();
        }
    }
}
