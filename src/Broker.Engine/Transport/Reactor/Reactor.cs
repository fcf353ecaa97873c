using System.Diagnostics;
using System.Runtime.InteropServices;
using Broker.Engine.Timing;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Wire;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Transport.Reactor;

/// <summary>
/// One network thread: waits with epoll, gives every ready connection one receive a round, runs its frames to completion,
/// sends what they answered, and runs the work that other threads post. Work is posted by one compare-and-swap, and
/// the thread is woken, by eventfd, only when it sleeps: once a drain.
/// All state belongs to the thread; <see cref="Post"/> is thread-safe.
/// </summary>
internal sealed unsafe partial class Reactor : IDisposable
{
    /// <summary>Bytes that a round can receive without renting a buffer.</summary>
    public const int ScratchBytes = 128 * 1024;

    private const int EventsMax = 256;
    private const long WakeData = -1;

    /// <summary>Where counting the posted work ends.</summary>
    private const int QueuedWorkMax = 10_000;

    [ThreadStatic]
    private static Reactor? t_current;

    private readonly ReactorTransport _transport;
    private readonly ILogger _logger;
    private readonly WorkQueue _work = new();
    private readonly Thread _thread;
    private readonly int _epoll;
    private readonly int _wakeFd;
    private readonly byte* _events;
    private ReactorConnection?[] _slots = new ReactorConnection?[64];
    private int _slotsUsed;
    private int _freeSlot = -1;
    private int[] _nextFree = new int[64];
    private readonly Queue<ReactorConnection> _starved = new();
    private int _sleeping;
    private volatile bool _stopping;
    private long _waitedTicks;
    private long _sleepBegan;

    internal Reactor(ReactorTransport transport, int index, BufferPool pool, MonotonicClock clock, ILogger logger)
    {
        _transport = transport;
        _logger = logger;
        Index = index;
        Pool = pool;
        Clock = clock;
        Accepted = new long[transport.Options.Listeners.Count];
        Closed = new long[transport.Options.Listeners.Count];
        _epoll = Check(Native.epoll_create1(Native.EpollCloexec), "epoll_create1");
        _wakeFd = Check(Native.eventfd(0, Native.EfdNonblock | Native.EfdCloexec), "eventfd");
        Check(Native.Control(_epoll, Native.EpollCtlAdd, _wakeFd, Native.EpollIn, WakeData), "epoll_ctl");
        _events = (byte*)NativeMemory.AllocZeroed(EventsMax, (nuint)Native.EventBytes);
        Scratch = pool.Rent(ScratchBytes, isRequest: false);
        _thread = new Thread(Run) { Name = $"{transport.Options.Name}-network-{index}", IsBackground = true };
    }

    internal int Index { get; }

    internal BufferPool Pool { get; }

    internal MonotonicClock Clock { get; }

    /// <summary>Where connections without a partial frame receive.</summary>
    internal ReceiveBuffer Scratch { get; private set; }

    /// <summary>Where the handlers of this thread write answers.</summary>
    internal KafkaWriter Output { get; } = new(16 * 1024);

    internal IdleList Idle { get; } = new();

    internal int Connections;
    internal long Expired;
    internal long Rounds;

    /// <summary>Connections that came, and that ended, by listener.</summary>
    internal readonly long[] Accepted;
    internal readonly long[] Closed;

    internal static Reactor? Current => t_current;

    internal int FrameBytesMax => _transport.Options.FrameBytesMax;

    internal Action<string, IOException>? ReadFailed => _transport.Options.ReadFailed;

    internal void Start() => _thread.Start();

    /// <summary>Runs <paramref name="work"/> on this thread.</summary>
    internal void Post(ConnectionWork work)
    {
        _work.Push(work);
        // The push above and the read below are both full fences on the poster's side; the thread raises the flag, then
        // looks at the queue. One of the two sees the other.
        if (Volatile.Read(ref _sleeping) != 0 && Interlocked.Exchange(ref _sleeping, 0) != 0)
        {
            Native.Signal(_wakeFd);
        }
    }

    internal void StopAndJoin()
    {
        _stopping = true;
        Native.Signal(_wakeFd);
        if (_thread.IsAlive)
        {
            _thread.Join();
        }
    }

    public void Dispose()
    {
        StopAndJoin();
        _ = Native.close(_wakeFd);
        _ = Native.close(_epoll);
        NativeMemory.Free(_events);
        Scratch.Release();
    }

    private void Run()
    {
        t_current = this;
        while (!_stopping)
        {
            int ready = Wait();
            for (int i = 0; i < ready; i++)
            {
                byte* at = _events + (i * Native.EventBytes);
                long data = *(long*)(at + Native.EventDataAt);
                if (data == WakeData)
                {
                    Native.Drain(_wakeFd);
                }
                else if (_slots[data] is { } connection)
                {
                    ServeReady(connection, *(uint*)at);
                }
            }
            RunWork();
            if (_starved.Count > 0)
            {
                RoomAgain();
            }
            CloseIdle();
        }
        RunWork();   // connections that are on their way in
        for (int i = 0; i < _slotsUsed; i++)
        {
            _slots[i]?.Close("the broker stops");
        }
        RunWork();
    }

    private void ServeReady(ReactorConnection connection, uint events)
    {
        try
        {
            connection.OnReady(events);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogWorkFailed(nameof(ReactorConnection), e);
            connection.Abort();
        }
    }

    private int Wait()
    {
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrier();
        bool busy = !_work.IsEmpty || _stopping;
        Rounds++;
        long began = Stopwatch.GetTimestamp();
        Volatile.Write(ref _sleepBegan, began);
        int ready = Native.epoll_wait(_epoll, _events, EventsMax, busy ? 0 : IdleTimeoutMs());
        Volatile.Write(ref _sleeping, 0);
        Volatile.Write(ref _sleepBegan, 0);
        Volatile.Write(ref _waitedTicks, _waitedTicks + Stopwatch.GetTimestamp() - began);
        if (ready < 0 && Marshal.GetLastPInvokeError() != Native.Eintr)
        {
            throw new InvalidOperationException($"epoll_wait failed with errno {Marshal.GetLastPInvokeError()}");
        }
        return Math.Max(0, ready);
    }

    private void RunWork()
    {
        ConnectionWork? work = _work.TakeAll();
        while (work is not null)
        {
            ConnectionWork? next = work.NextWork;
            work.NextWork = null;
            try
            {
                work.Run();
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Work belongs to one connection or request; its bug must not take the others' thread.
                LogWorkFailed(work.GetType().Name, e);
            }
            work = next;
        }
    }

    private int IdleTimeoutMs()
    {
        long idleMax = _transport.Options.IdleMsMax;
        if (idleMax < 0 || Idle.Oldest is not { } oldest)
        {
            return -1;
        }
        return (int)Math.Clamp(oldest.LastActiveMs + idleMax + 1 - Clock.NowMs, 0, int.MaxValue);
    }

    private void CloseIdle()
    {
        long idleMax = _transport.Options.IdleMsMax;
        if (idleMax < 0 || Idle.Oldest is null)
        {
            return;
        }
        long now = Clock.NowMs;
        while (Idle.Oldest is { } oldest && oldest.LastActiveMs + idleMax < now)
        {
            Expired++;
            _transport.CountExpired();
            oldest.Close("idle for longer than connections.max.idle.ms");
        }
    }

    /// <summary>Takes a connection in: a new one, or one that comes from another thread.</summary>
    internal void Attach(ReactorConnection connection)
    {
        int slot = TakeSlot();
        _slots[slot] = connection;
        Connections++;
        connection.Attached(this, slot);
        if (Native.Control(_epoll, Native.EpollCtlAdd, connection.Fd, connection.Interest, slot) < 0)
        {
            connection.Close($"epoll_ctl failed with errno {Marshal.GetLastPInvokeError()}");
        }
    }

    internal void Detach(ReactorConnection connection, int slot)
    {
        _ = Native.Control(_epoll, Native.EpollCtlDel, connection.Fd, 0, 0);
        _slots[slot] = null;
        _nextFree[slot] = _freeSlot;
        _freeSlot = slot;
        Connections--;
    }

    internal void SetInterest(ReactorConnection connection, int slot, uint events) =>
        Native.Control(_epoll, Native.EpollCtlMod, connection.Fd, events, slot);

    /// <summary>Remembers a connection that found no memory for its request.</summary>
    internal void WaitForRoom(ReactorConnection connection) => _starved.Enqueue(connection);

    /// <summary>Lets the connections that waited for memory read again.</summary>
    internal void RoomAgain()
    {
        for (int waiting = _starved.Count; waiting > 0 && Pool.HasRoom; waiting--)
        {
            _starved.Dequeue().RoomAgain();
        }
    }

    /// <summary>Gives this thread another scratch buffer, because requests in the present one went to other threads.</summary>
    internal void ReplaceScratch()
    {
        Scratch.Release();
        Scratch = Pool.Rent(ScratchBytes, isRequest: false);
    }

    internal void ConnectionEnded(ReactorConnection connection)
    {
        Closed[_transport.IndexOf(connection.Listener)]++;
        _transport.ConnectionEnded(connection);
    }

    internal NetworkThreadSnapshot Snapshot()
    {
        long now = Stopwatch.GetTimestamp();
        long sleepBegan = Volatile.Read(ref _sleepBegan);
        long waited = Volatile.Read(ref _waitedTicks) + (sleepBegan == 0 ? 0 : Math.Max(0, now - sleepBegan));   // the sleep at hand counts
        return new NetworkThreadSnapshot(
            Index, Connections, [.. Accepted], [.. Closed], Expired, Rounds, waited, now, _work.CountUpTo(QueuedWorkMax));
    }

    private int TakeSlot()
    {
        if (_freeSlot >= 0)
        {
            int slot = _freeSlot;
            _freeSlot = _nextFree[slot];
            return slot;
        }
        if (_slotsUsed == _slots.Length)
        {
            Array.Resize(ref _slots, _slots.Length * 2);
            Array.Resize(ref _nextFree, _slots.Length);
        }
        return _slotsUsed++;
    }

    private static int Check(int result, string call) => result >= 0
        ? result
        : throw new InvalidOperationException($"{call} failed with errno {Marshal.GetLastPInvokeError()}");

    [LoggerMessage(1001, LogLevel.Error, "work {Work} failed on a network thread", EventName = "NetworkWorkFailed")]
    private partial void LogWorkFailed(string work, Exception exception);
}
