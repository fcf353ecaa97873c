using Broker.Client;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication.Fetching;

/// <summary>
/// Drives a <see cref="ReplicaFetcher"/>: a thread that asks one leader, waits in the socket, and hands the answer over. The
/// fetcher's lock is held while an answer is taken in, not while it is waited for. After Kafka's ReplicaFetcherThread.
/// Thread-safe.
/// </summary>
internal sealed partial class ReplicaFetcherThread : IDisposable
{
    /// <summary>Milliseconds that an end waits for the thread.</summary>
    private const int JoinMs = 2_000;

    private readonly Lock _lock = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly ReplicaFetcher _fetcher;
    private readonly FetcherOptions _options;
    private readonly Func<int, BrokerEndpoint?> _endpointOf;
    private readonly string _clientId;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly FetchResponse _fetched = new();
    private volatile BlockingConnection? _connection;
    private volatile bool _stopping;
    private volatile bool _isUnreachable;
    private volatile bool _isHeld;
    private long _requests;
    private long _bytes;

    /// <param name="source">The leader's broker id.</param>
    /// <param name="index">Which of the fetchers from it.</param>
    /// <param name="fetcher">What it drives.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="endpointOf">Where a broker is reached; null while that is not known.</param>
    /// <param name="time">For the rates.</param>
    /// <param name="logger">The broker's log.</param>
    /// <param name="dialer">Where it is given there is no thread, but a loop over connections of its own (a simulation).</param>
    public ReplicaFetcherThread(
        int source, int index, ReplicaFetcher fetcher, FetcherOptions options, Func<int, BrokerEndpoint?> endpointOf, TimeProvider time,
        ILogger logger, Dialer? dialer = null)
    {
        _dialer = dialer;
        Source = source;
        Index = index;
        _fetcher = fetcher;
        _options = options;
        _endpointOf = endpointOf;
        _logger = logger;
        RequestMeter = new CountMeter(time, "requests", () => Requests);
        ByteMeter = new CountMeter(time, "bytes", () => Bytes);
        _clientId = $"broker-{options.BrokerId}-fetcher-{index}";
        _thread = new Thread(Run) { IsBackground = true, Name = $"broker-{options.BrokerId}-fetcher-{source}-{index}" };
    }

    public int Source { get; }

    public int Index { get; }

    /// <summary>Fetches answered since the start.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Bytes appended since the start.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public Meter RequestMeter { get; }

    public Meter ByteMeter { get; }

    public bool IsDead => _dialer is null && !_thread.IsAlive && !_stopping;

    public void Start()
    {
        _fetcher.Appended += (_, bytes) => Interlocked.Add(ref _bytes, bytes);
        if (_dialer is null)
        {
            _thread.Start();
        }
        else
        {
            _ = LoopAsync(_dialer);
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _fetcher.Count;
            }
        }
    }

    /// <summary>The partitions and how far each is behind.</summary>
    public IReadOnlyList<(Partition Partition, long Lag)> Lags
    {
        get
        {
            lock (_lock)
            {
                return [.. _fetcher.Partitions.Select(p => (p.Partition, p.Lag))];
            }
        }
    }

    /// <exception cref="IOException">The log could not be brought to where following begins.</exception>
    public void Add(Partition partition, int leaderEpoch)
    {
        lock (_lock)
        {
            _fetcher.Add(partition, leaderEpoch);
        }
        Wake();
    }

    public bool Has(Partition partition)
    {
        lock (_lock)
        {
            return _fetcher.Find(partition) is not null;
        }
    }

    /// <summary>When it returns, the partition's log is not touched any more.</summary>
    public bool Remove(Partition partition)
    {
        lock (_lock)
        {
            return _fetcher.Remove(partition);
        }
    }

    /// <summary>Sends nothing until <see cref="Release"/>; what has been sent is waited for and taken in.</summary>
    public void Hold() => _isHeld = true;

    public void Release()
    {
        _isHeld = false;
        Wake();
    }

    private bool HasNothingToSend => _isHeld || Count == 0;

    /// <summary>The picture of the cluster has changed: the leader may be reachable now.</summary>
    public void Hurry()
    {
        if (_isUnreachable)
        {
            lock (_lock)
            {
                _fetcher.Hurry();
            }
            Wake();
        }
    }

    private void Run()
    {
        while (!_stopping)
        {
            try
            {
                Step();
            }
            catch (IOException e)
            {
                OnFailed(e.Message);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                LogBroken(Source, Index, e);
                OnFailed(e.Message);
            }
        }
        Disconnect();
    }

    private void Step()
    {
        if (HasNothingToSend)
        {
            _wake.WaitOne(_options.BackoffMs);
            return;
        }
        BlockingConnection connection = _connection ?? Connect();
        FetcherStep step;
        lock (_lock)
        {
            step = _fetcher.Next(connection.VersionOf<FetchRequest>());
        }
        switch (step)
        {
            case FetcherStep.Idle:
                _wake.WaitOne((int)Math.Clamp(_fetcher.IdleMs, 1, _options.BackoffMs));
                break;
            case FetcherStep.Offsets:
                var offsets = new ListOffsetsResponse();
                connection.Call(_fetcher.Offsets, connection.VersionOf<ListOffsetsRequest>(), offsets);
                lock (_lock)
                {
                    if (!_stopping)
                    {
                        _fetcher.OnOffsets(offsets);
                    }
                }
                break;
            default:
                connection.Call(_fetcher.Fetch, _fetcher.FetchVersion, _fetched);
                lock (_lock)
                {
                    if (!_stopping)
                    {
                        _fetcher.OnFetched(_fetched);
                    }
                }
                connection.Release();
                Interlocked.Increment(ref _requests);
                break;
        }
    }

    private BlockingConnection Connect()
    {
        if (_endpointOf(Source) is not { } endpoint)
        {
            throw new IOException("its address is not known");
        }
        BlockingConnection connection = BlockingConnection.Connect(
            endpoint.Host, endpoint.Port, _clientId, _options.SocketTimeoutMs, _options.ReceiveBufferBytes);
        if (connection.VersionOf<FetchRequest>() < ReplicaFetcher.LowestVersion)
        {
            connection.Dispose();
            throw new IOException("it is of a version before Kafka 2.7, whose fetches do not say where logs part");
        }
        _isUnreachable = false;
        _connection = connection;
        if (_stopping)
        {
            connection.Dispose();
        }
        return connection;
    }

    private void OnFailed(string reason)
    {
        if (!_stopping)
        {
            _wake.WaitOne(TakeFailure(reason));
        }
    }

    /// <returns>How long to wait, milliseconds.</returns>
    private int TakeFailure(string reason)
    {
        if (!_isUnreachable)
        {
            LogUnreachable(Source, reason);
        }
        bool connected = _connection is not null || _line is not null;
        Disconnect();
        _isUnreachable = true;
        long idle;
        lock (_lock)
        {
            if (connected)
            {
                _fetcher.OnFailed();
            }
            else
            {
                _fetcher.DelayAll();
            }
            idle = _fetcher.NextDelayMs();
        }
        return (int)Math.Clamp(idle, 1, _options.BackoffMs);
    }

    private void Disconnect()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            connection.Dispose();
            connection.Release();
        }
    }

    /// <summary>Ends the thread; when it returns no log is touched any more.</summary>
    public void Dispose()
    {
        _stopping = true;
        _ending.Cancel();
        _connection?.Dispose();
        Wake();
        if (!_thread.IsAlive || _thread.Join(JoinMs))
        {
            _wake.Dispose();
            return;
        }
        // It waits for a connection to a host that does not answer. An answer that is being taken in is waited for here; none is
        // taken in after that.
        _lock.Enter();
        _lock.Exit();
    }

    [LoggerMessage(4040, LogLevel.Warning, "broker {Source} cannot be followed: {Reason}; it is tried again", EventName = "LeaderUnreachable")]
    private partial void LogUnreachable(int source, string reason);

    [LoggerMessage(4041, LogLevel.Error, "the fetcher {Index} from broker {Source} failed; it goes on after a pause", EventName = "FetcherBroken")]
    private partial void LogBroken(int source, int index, Exception exception);
}
