using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage.Cleaning;

/// <summary>The cleaner's threads (log.cleaner.threads): each cleans until nothing is dirty enough, then rests for
/// log.cleaner.backoff.ms. Their number may change while they run. Where an event loop is given, a timer looks in their place.</summary>
internal sealed partial class LogCleaner
{
    private readonly ManualResetEvent _stopping = new(initialState: false);
    private readonly List<Thread> _threads = [];
    private readonly IEventLoop? _loop;
    private readonly TimeProvider _time;
    private ITimer? _timer;
    private int _wanted;
    private bool _isStopped;

    /// <summary>Takes the configuration as it is now, and makes or ends threads.</summary>
    public void Configure(string threadName)
    {
        Configuration.BrokerConfig config = _config();
        Throttle.BytesPerSecond = config.Double("log.cleaner.io.max.bytes.per.second");
        if (_loop is not null)
        {
            TimeSpan backoff = TimeSpan.FromMilliseconds(Math.Clamp(config.Long("log.cleaner.backoff.ms"), 1, int.MaxValue));
            _timer?.Dispose();
            _timer = _time.CreateTimer(_ => _loop.Post(threadName, CleanAll), null, backoff, backoff);
            return;
        }
        lock (_states)
        {
            _wanted = _isStopped ? 0 : config.Int("log.cleaner.threads");
            _threads.RemoveAll(t => !t.IsAlive && t.ThreadState != ThreadState.Unstarted);
            while (_threads.Count < _wanted)
            {
                int number = _threads.Count;
                var thread = new Thread(() => Run(number)) { IsBackground = true, Name = $"{threadName}-{number}" };
                _threads.Add(thread);
                thread.Start();
            }
            Monitor.PulseAll(_states);
        }
    }

    /// <summary>Threads there should be and are not (MBean DeadThreadCount).</summary>
    public int DeadThreads
    {
        get
        {
            lock (_states)
            {
                return Math.Max(0, _wanted - _threads.Count(t => t.IsAlive));
            }
        }
    }

    private void Run(int number)
    {
        while (!_isStopped && number < Volatile.Read(ref _wanted))
        {
            if (!TryClean())
            {
                Rest(number);
            }
        }
    }

    private bool TryClean()
    {
#pragma warning disable CA1031 // The thread outlives whatever goes wrong in one look.
        try
        {
            return CleanFilthiest();
        }
        catch (Exception e)
        {
            LogLookFailed(e);
            return false;
        }
#pragma warning restore CA1031
    }

    /// <summary>What a thread does between two rests.</summary>
    private void CleanAll()
    {
        while (!_isStopped && TryClean())
        {
        }
    }

    private void Rest(int number)
    {
        lock (_states)
        {
            if (!_isStopped && number < _wanted)
            {
                long backoff = Math.Clamp(_config().Long("log.cleaner.backoff.ms"), 1, int.MaxValue);
                Monitor.Wait(_states, (int)backoff);
            }
        }
    }

    /// <summary>Aborts what is under way and ends the threads.</summary>
    public void Dispose()
    {
        Thread[] threads;
        _timer?.Dispose();
        lock (_states)
        {
            _isStopped = true;
            _wanted = 0;
            threads = [.. _threads];
            _stopping.Set();
            Monitor.PulseAll(_states);
        }
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }

    [LoggerMessage(3044, LogLevel.Error, "looking for logs to clean failed", EventName = "CleanerLookFailed")]
    private partial void LogLookFailed(Exception error);
}
