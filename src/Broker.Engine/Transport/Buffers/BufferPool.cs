using System.Numerics;

namespace Broker.Engine.Transport.Buffers;

/// <summary>
/// Receive buffers in classes of powers of two. What is rented counts against <see cref="RentedBytesMax"/>
/// (queued.max.request.bytes): when it is used up, connections stop reading. What is idle is kept up to
/// <see cref="IdleBytesMax"/>. Thread-safe; off the path of requests that fit a reactor's scratch buffer.
/// </summary>
internal sealed class BufferPool(long rentedBytesMax)
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

    /// <summary>Limit of rented bytes; negative for none.</summary>
    public long RentedBytesMax { get; } = rentedBytesMax;

    public long RentedBytes => Interlocked.Read(ref _rentedBytes);

    /// <summary>Called after a return while the limit was reached.</summary>
    public Action? RoomAgain { get; set; }

    /// <summary>Whether the limit allows another buffer now. It is a threshold, not a reservation: the last request
    /// admitted may pass it, as in Kafka's SimpleMemoryPool.</summary>
    public bool HasRoom => RentedBytesMax < 0 || RentedBytes < RentedBytesMax;

    public ReceiveBuffer Rent(int bytes)
    {
        int log = Math.Max(SmallestLog, 32 - BitOperations.LeadingZeroCount((uint)bytes - 1));
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
        buffer.Rented();
        Interlocked.Add(ref _rentedBytes, buffer.Length);
        return buffer;
    }

    internal void Return(ReceiveBuffer buffer)
    {
        bool wasFull = !HasRoom;
        Interlocked.Add(ref _rentedBytes, -buffer.Length);
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
            RoomAgain?.Invoke();
        }
    }
}
