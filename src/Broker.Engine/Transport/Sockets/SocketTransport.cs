using System.Net;
using System.Net.Sockets;
using Broker.Engine.Timing;
using Broker.Engine.Transport.Buffers;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Transport.Sockets;

/// <summary>
/// The transport of platforms without epoll, on .NET's asynchronous sockets. Connections have no thread of their own, so no
/// thread owns partitions: the log's lock is what orders appends. Thread-safe.
/// </summary>
internal sealed partial class SocketTransport : ITransport
{
    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly HashSet<SocketConnection> _connections = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly MonotonicClock _clock;
    private readonly ILogger _logger;
    private ConnectionFactory? _factory;
    private ITimer? _idleTimer;
    private long _accepted;
    private long _closed;
    private long _expired;

    public SocketTransport(TransportOptions options, MonotonicClock clock, ILogger logger)
    {
        Options = options;
        Quotas = new ConnectionQuotas(options);
        Pool = new BufferPool(options.RequestBytesMax) { RoomAgain = RoomAgain };
        _clock = clock;
        _logger = logger;
    }

    internal TransportOptions Options { get; }

    internal ConnectionQuotas Quotas { get; }

    public BufferPool Pool { get; }

    internal MonotonicClock Clock => _clock;

    public int OwnerThreads => 0;

    public int CurrentOwnerThread => -1;

    public IReadOnlyList<IPEndPoint> EndPoints => [.. _listeners.Select(l => (IPEndPoint)l.LocalEndPoint!)];

    public void Bind()
    {
        foreach (ListenerOptions options in Options.Listeners)
        {
            var socket = new Socket(options.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(options.EndPoint);
                socket.Listen(options.Backlog);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
            _listeners.Add(socket);
        }
    }

    public void Start(ConnectionFactory connections)
    {
        _factory = connections;
        for (int i = 0; i < _listeners.Count; i++)
        {
            _accepting.Add(AcceptAsync(_listeners[i], Options.Listeners[i].Name));
        }
        if (Options.IdleMsMax >= 0)
        {
            var period = TimeSpan.FromMilliseconds(Math.Clamp(Options.IdleMsMax / 4, 100, 60_000));
            _idleTimer = _clock.Time.CreateTimer(_ => CloseIdle(), null, period, period);
        }
    }

    public void Post(int ownerThread, ConnectionWork work) =>
        throw new NotSupportedException("no thread of this transport owns partitions");

    public void Migrate(TransportConnection connection, int ownerThread) =>
        throw new NotSupportedException("connections of this transport have no thread");

    private async Task AcceptAsync(Socket listener, string name)
    {
        while (!_stopping.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                await Task.Run(() => Quotas.WaitForRoom(() => _stopping.IsCancellationRequested)).ConfigureAwait(false);
                socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                LogAcceptFailed(name, e.Message);
                continue;
            }
            Take(socket, name);
        }
    }

    private void Take(Socket socket, string listener)
    {
        var remote = (IPEndPoint)socket.RemoteEndPoint!;
        if (!Quotas.TryEnter(remote.Address))
        {
            socket.Dispose();
            return;
        }
        socket.NoDelay = true;
        if (Options.SendBufferBytes > 0)
        {
            socket.SendBufferSize = Options.SendBufferBytes;
        }
        if (Options.ReceiveBufferBytes > 0)
        {
            socket.ReceiveBufferSize = Options.ReceiveBufferBytes;
        }
        var connection = new SocketConnection(this, socket, listener, (IPEndPoint)socket.LocalEndPoint!, remote);
        if (_factory!(connection) is not { } handler)
        {
            socket.Dispose();
            Quotas.Leave(remote.Address);
            return;
        }
        Interlocked.Increment(ref _accepted);
        lock (_connections)
        {
            _connections.Add(connection);
        }
        connection.Start(handler);
    }

    internal void Ended(SocketConnection connection)
    {
        Interlocked.Increment(ref _closed);
        Quotas.Leave(connection.Remote.Address);
        lock (_connections)
        {
            _connections.Remove(connection);
        }
    }

    private SocketConnection[] Connections()
    {
        lock (_connections)
        {
            return [.. _connections];
        }
    }

    private void CloseIdle()
    {
        long oldest = _clock.NowMs - Options.IdleMsMax;
        foreach (SocketConnection connection in Connections().Where(c => c.LastActiveMs < oldest))
        {
            Interlocked.Increment(ref _expired);
            connection.RequestClose("idle for longer than connections.max.idle.ms");
        }
    }

    private void RoomAgain() => Array.ForEach(Connections(), c => c.Nudge());

    public TransportSnapshot Snapshot() => new(
        [new NetworkThreadSnapshot(0, Connections().Length, Interlocked.Read(ref _accepted), Interlocked.Read(ref _closed), 1)],
        Interlocked.Read(ref _expired), Pool.RentedBytes);

    public void Dispose()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }
        _stopping.Cancel();
        _idleTimer?.Dispose();
        Quotas.Wake();
        _listeners.ForEach(l => l.Dispose());
        Task.WaitAll([.. _accepting]);
        SocketConnection[] open = Connections();
        Array.ForEach(open, c => c.RequestClose("the broker stops"));
        Task.WaitAll([.. open.Select(c => c.Ended)]);
        _stopping.Dispose();
    }

    [LoggerMessage(1030, LogLevel.Warning, "listener {Listener}: accept failed: {Reason}", EventName = "SocketAcceptFailed")]
    private partial void LogAcceptFailed(string listener, string reason);
}
