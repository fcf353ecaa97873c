using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Requests;

/// <summary>
/// The threads for whatever may block (num.io.threads): flushes, rolls, recovery, the coordinators' storage, every request
/// that is not produce or fetch. Threads are made as work piles up and then stay, asleep without polling or spinning.
/// Thread-safe.
/// </summary>
internal sealed partial class WorkerThreads : IDisposable
{
    private readonly object _gate = new();
    private readonly Queue<Action> _queue = new();
    private readonly List<Thread> _threads = [];
    private readonly string _name;
    private int _threadsMax;
    private int _made;
    private readonly ILogger _logger;
    private readonly IEventLoop? _loop;
    private int _idle;
    private long _busySince;
    private long _busyTicks;
    private bool _stopped;

    /// <param name="name">The threads' name.</param>
    /// <param name="threadsMax">How many there may be.</param>
    /// <param name="logger">Where failures go.</param>
    /// <param name="loop">Runs the work in place of threads, where it is given.</param>
    public WorkerThreads(string name, int threadsMax, ILogger logger, IEventLoop? loop = null)
    {
        _name = name;
        _loop = loop;
        _threadsMax = threadsMax;
        _logger = logger;
    }

    /// <summary>Work that waits for a thread.</summary>
    public int QueueLength
    {
        get
        {
            lock (_gate)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>Threads at work and threads there may be.</summary>
    public (int Busy, int Max) Load
    {
        get
        {
            lock (_gate)
            {
                return (Busy, _threadsMax);
            }
        }
    }

    /// <summary>Time that threads were at work since the start, all together, in units of <see cref="Stopwatch"/>.</summary>
    public long BusyTicks
    {
        get
        {
            lock (_gate)
            {
                Book();
                return _busyTicks;
            }
        }
    }

    public int ThreadsMax => _threadsMax;

    /// <summary>Threads at work. Under the gate.</summary>
    private int Busy => _threads.Count - _idle;

    /// <summary>Books the time since the last change in how many are at work, before the next one. Under the gate.</summary>
    private void Book()
    {
        long now = Stopwatch.GetTimestamp();
        _busyTicks += Busy * (now - _busySince);
        _busySince = now;
    }

    /// <summary>Sets how many threads there may be; those beyond end with the work they have.</summary>
    public void Resize(int threadsMax)
    {
        lock (_gate)
        {
            _threadsMax = threadsMax;
            for (int waiting = _loop is null ? _queue.Count - _idle : 0; waiting > 0 && _threads.Count < _threadsMax; waiting--)
            {
                Add();
            }
            Monitor.PulseAll(_gate);
        }
    }

    private void Add()
    {
        var thread = new Thread(Loop) { Name = $"{_name}-{_made++}", IsBackground = true };
        try
        {
            thread.Start();
        }
        catch (OutOfMemoryException e)
        {
            // The process is out of threads or descriptors. The work stays in the queue for the threads that there are, and
            // the next work tries again.
            LogNoThread(_name, _threads.Count, e.Message);
            return;
        }
        Book();
        _threads.Add(thread);
    }

    /// <summary>Runs <paramref name="work"/> on one of the threads; after <see cref="Dispose"/> it is dropped.</summary>
    /// <returns>False when the threads have stopped.</returns>
    public bool Run(Action work)
    {
        lock (_gate)
        {
            if (_stopped)
            {
                return false;
            }
            _queue.Enqueue(work);
            if (_loop is not null)
            {
                _loop.Post(_name, () => RunNext());
            }
            else if (_queue.Count > _idle && _threads.Count < _threadsMax)
            {
                Add();
            }
            else
            {
                Monitor.Pulse(_gate);
            }
            return true;
        }
    }

    /// <summary>Lets the work at hand and the queue finish, then ends the threads.</summary>
    public void Dispose()
    {
        Thread[] threads;
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
            threads = [.. _threads];
        }
        while (_loop is not null && RunNext())
        {
        }
        foreach (Thread thread in threads)
        {
            if (thread != Thread.CurrentThread)
            {
                thread.Join();
            }
        }
    }

    private void Loop()
    {
        while (Take() is { } work)
        {
            Guard(work);
        }
    }

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogWorkFailed(_name, e);
        }
    }

    /// <summary>For an event loop, which is one thread.</summary>
    private bool RunNext()
    {
        if (!_queue.TryDequeue(out Action? work))
        {
            return false;
        }
        Guard(work);
        return true;
    }

    private Action? Take()
    {
        lock (_gate)
        {
            while (_queue.Count == 0 || _threads.Count > _threadsMax)
            {
                if (_threads.Count > _threadsMax || _stopped)
                {
                    Book();
                    _threads.Remove(Thread.CurrentThread);
                    Monitor.Pulse(_gate);   // the wake-up that it took may have been for work
                    return null;
                }
                Book();
                _idle++;
                Monitor.Wait(_gate);
                Book();
                _idle--;
            }
            return _queue.Dequeue();
        }
    }

    [LoggerMessage(2019, LogLevel.Error, "no thread can be started for {Name}, which has {Count}: {Reason}", EventName = "NoThread")]
    private partial void LogNoThread(string name, int count, string reason);

    [LoggerMessage(2001, LogLevel.Error, "work on thread pool {Name} failed", EventName = "WorkerFailed")]
    private partial void LogWorkFailed(string name, Exception exception);
}
