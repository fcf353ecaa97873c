using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Jute;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Coordination.Server;

/// <summary>
/// Serves the host's own tree by ZooKeeper's protocol, so that what speaks to a ZooKeeper works on a host that has none: its
/// tools, Kafka's older ones, even brokers of other kinds. Access lists hold for all who come this way, not for the host's own brokers.
/// Thread-safe.
/// </summary>
internal sealed partial class TreeServer : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, ServedSession> _sessions = [];
    private readonly HashSet<TreeConnection> _connections = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly TcpListener _listener;
    private readonly ILogger _logger;
    private Task _accepting = Task.CompletedTask;
    private readonly long _startedAt;
    private ITimer? _containers;

    /// <param name="store">The tree.</param>
    /// <param name="options">Where and how.</param>
    /// <param name="time">For timeouts.</param>
    /// <param name="logger">The host's log.</param>
    public TreeServer(EmbeddedStore store, TreeServerOptions options, TimeProvider time, ILogger logger)
    {
        Store = store;
        Options = options;
        Time = time;
        _logger = logger;
        _listener = new TcpListener(options.EndPoint);
        _startedAt = time.GetTimestamp();
        Watches = new ServedWatches(store);
    }

    public EmbeddedStore Store { get; }

    public TreeServerOptions Options { get; }

    public TimeProvider Time { get; }

    public ServedWatches Watches { get; }

    /// <summary>Where it listens, once started.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    public ServedFigures Figures { get; } = new();

    /// <summary>How long it serves.</summary>
    public TimeSpan Uptime => Time.GetElapsedTime(_startedAt);

    public CancellationToken Stopping => _stopping.Token;

    /// <exception cref="CoordinationStoreException">The port cannot be had.</exception>
    public void Start()
    {
        try
        {
            _listener.Start();
        }
        catch (SocketException e)
        {
            throw new CoordinationStoreException($"cannot serve ZooKeeper's protocol on {Options.EndPoint}: {e.Message}", e);
        }
        Store.Committed = Watches.OnChange;
        _containers = Time.CreateTimer(
            _ => Store.DeleteEmptyContainers(), null, TreeServerOptions.ContainerCheckPeriod, TreeServerOptions.ContainerCheckPeriod);
        _accepting = Task.Run(AcceptAsync);
        LogListening(EndPoint);
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Socket socket = await _listener.AcceptSocketAsync(_stopping.Token).ConfigureAwait(false);
                socket.NoDelay = true;
                var connection = new TreeConnection(this, socket, _logger);
                if (TryAdd(connection))
                {
                    _ = connection.RunAsync();
                }
                else
                {
                    LogTooMany(connection.Address);
                    Figures.OnRejected();
                    socket.Dispose();
                }
            }
            catch (Exception e) when (e is OperationCanceledException || (e is ObjectDisposedException && _stopping.IsCancellationRequested))
            {
                return;   // the listener may be gone before it is asked again
            }
            catch (SocketException e)
            {
                // One that is gone before it was taken, or no descriptor left: the next may do better.
                LogNotAccepted(e.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), Time, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private bool TryAdd(TreeConnection connection)
    {
        lock (_lock)
        {
            int max = Options.ConnectionsPerAddressMax;
            return _connections.Count < TreeServerOptions.ConnectionsMax
                && (max == 0 || _connections.Count(c => c.Address.Equals(connection.Address)) < max)
                && _connections.Add(connection);
        }
    }

    public void Remove(TreeConnection connection)
    {
        Watches.Remove(connection);
        lock (_lock)
        {
            _connections.Remove(connection);
        }
        Figures.OnDropped();
    }

    /// <summary>The connections now.</summary>
    public TreeConnection[] Connections()
    {
        lock (_lock)
        {
            return [.. _connections];
        }
    }

    public void OnServed(bool isWrite, double ms)
    {
        Figures.All.Record(ms);
        (isWrite ? Figures.Writes : Figures.Reads).Record(ms);
    }

    /// <summary>Sessions that clients of this protocol have open.</summary>
    public int SessionCount
    {
        get
        {
            lock (_lock)
            {
                return _sessions.Count;
            }
        }
    }

    /// <summary>Opens a session or goes on with one.</summary>
    /// <returns>Null where the session has expired, or is not the asker's.</returns>
    public async ValueTask<ServedSession?> OpenAsync(ConnectRequest request, TreeConnection connection)
    {
        ServedSession? session;
        TreeConnection? before = null;
        if (request.SessionId != 0)
        {
            lock (_lock)
            {
                if (!_sessions.TryGetValue(request.SessionId, out session)
                    || !CryptographicOperations.FixedTimeEquals(session.Password, request.Password))
                {
                    return null;
                }
                before = session.Connection;
                session.Connection = connection;
            }
            before?.Close();   // a session has one connection
            return Store.Heartbeat(session.Session) == CoordinationError.None ? session : null;
        }
        int timeoutMs = Math.Clamp(request.TimeoutMs, Options.SessionTimeoutMsMin, Options.SessionTimeoutMsMax);
        ICoordinationSession opened = await Store.OpenSessionAsync(TimeSpan.FromMilliseconds(timeoutMs), Stopping).ConfigureAwait(false);
        session = new ServedSession((EmbeddedSession)opened, RandomNumberGenerator.GetBytes(ConnectRequest.PasswordBytes)) { Connection = connection };
        lock (_lock)
        {
            _sessions.Add(session.Id, session);
        }
        session.Session.Ended.UnsafeRegister(_ => Forget(session), null);
        return session;
    }

    /// <summary>Ends a session at its client's wish; the connection stays for the answer.</summary>
    public ValueTask CloseAsync(ServedSession session)
    {
        lock (_lock)
        {
            session.Connection = null;
        }
        return session.Session.DisposeAsync();
    }

    private void Forget(ServedSession session)
    {
        TreeConnection? connection;
        lock (_lock)
        {
            _sessions.Remove(session.Id);
            connection = session.Connection;
        }
        connection?.CloseOnceSent();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _containers?.Dispose();
        _listener.Stop();
        await _accepting.ConfigureAwait(false);
        Store.Committed = null;
        foreach (TreeConnection connection in Connections())
        {
            connection.Close();
        }
    }

    [LoggerMessage(7070, LogLevel.Information, "the cluster's state is served by ZooKeeper's protocol on {EndPoint}", EventName = "TreeServed")]
    private partial void LogListening(IPEndPoint endPoint);

    [LoggerMessage(7071, LogLevel.Warning, "too many connections to the served tree from {Address}; one more is refused", EventName = "TreeTooMany")]
    private partial void LogTooMany(IPAddress address);

    [LoggerMessage(7072, LogLevel.Warning, "a connection to the served tree could not be taken: {Reason}", EventName = "TreeNotAccepted")]
    private partial void LogNotAccepted(string reason);
}

/// <summary>A session that was opened by ZooKeeper's protocol.</summary>
internal sealed class ServedSession(EmbeddedSession session, byte[] password)
{
    public EmbeddedSession Session { get; } = session;

    public long Id => Session.Id;

    public byte[] Password { get; } = password;

    /// <summary>The connection that it has, or had last.</summary>
    public TreeConnection? Connection { get; set; }
}
