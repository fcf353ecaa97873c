using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Broker.Engine.Timing;
using Broker.Engine.Transport.Buffers;
using Broker.Engine.Transport.Reactor;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Transport.Sockets;

/// <summary>
/// The transport of platforms without epoll, on .NET's asynchronous sockets. Connections have no thread of their own, so no
/// thread owns partitions: the log's lock is what orders appends. Thread-safe.
/// </summary>
internal sealed partial class SocketTransport : ITransport
{
    /// <summary>How long accepting rests when it fails.</summary>
    private static readonly TimeSpan FailedRest = TimeSpan.FromMilliseconds(100);

    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly HashSet<SocketConnection> _connections = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly MonotonicClock _clock;
    private readonly ILogger _logger;
    private ConnectionFactory? _factory;
    private ITimer? _idleTimer;
    private readonly long[] _accepted;
    private readonly long[] _closed;
    private long _expired;
    private int _failing;

    public SocketTransport(TransportOptions options, MonotonicClock clock, ILogger logger)
    {
        Options = options;
        _accepted = new long[options.Listeners.Count];
        _closed = new long[options.Listeners.Count];
        Quotas = new ConnectionQuotas(options);
        Pool = new BufferPool(options.RequestBytesMax, options.QueuedRequestsMax) { RoomAgain = RoomAgain };
        _clock = clock;
        _logger = logger;
    }

    internal TransportOptions Options { get; }

    public ConnectionQuotas Quotas { get; }

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
                if (options.EndPoint.AddressFamily == AddressFamily.InterNetworkV6)
                {
                    socket.DualMode = true;
                }
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
                if (!OperatingSystem.IsWindows() && Native.AreDescriptorsShort((int)listener.Handle))
                {
                    throw new SocketException((int)SocketError.TooManyOpenSockets);   // who connects waits in the backlog
                }
                socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                await RestAsync(name, e).ConfigureAwait(false);
                continue;
            }
            Interlocked.Exchange(ref _failing, 0);
            try
            {
                Take(socket, name);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                socket.Dispose();   // its peer is gone already
            }
        }
    }

    /// <summary>Accepting fails, for want of a descriptor say, and would fail again at once: rest, and say so once.</summary>
    private async Task RestAsync(string listener, SocketException e)
    {
        if (Interlocked.Exchange(ref _failing, 1) == 0)
        {
            LogAcceptFailed(listener, e.Message);
        }
        await Task.Delay(FailedRest, _clock.Time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Take(Socket socket, string listener)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        if (Options.SendBufferBytes > 0)
        {
            socket.SendBufferSize = Options.SendBufferBytes;
        }
        if (Options.ReceiveBufferBytes > 0)
        {
            socket.ReceiveBufferSize = Options.ReceiveBufferBytes;
        }
        IPEndPoint remote = Plain((IPEndPoint)socket.RemoteEndPoint!);
        var connection = new SocketConnection(this, socket, listener, Plain((IPEndPoint)socket.LocalEndPoint!), remote);
        if (!Quotas.TryEnter(remote.Address))
        {
            socket.Dispose();
            return;
        }
        if (_factory!(connection) is not { } handler)
        {
            socket.Dispose();
            Quotas.Leave(remote.Address);
            return;
        }
        Interlocked.Increment(ref _accepted[IndexOf(listener)]);
        lock (_connections)
        {
            _connections.Add(connection);
        }
        connection.Start(handler);
    }

    /// <summary>An IPv4 address that came through IPv6 is IPv4.</summary>
    private static IPEndPoint Plain(IPEndPoint point) =>
        point.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(point.Address.MapToIPv4(), point.Port) : point;

    internal void Ended(SocketConnection connection)
    {
        Interlocked.Increment(ref _closed[IndexOf(connection.Listener)]);
        Quotas.Leave(connection.Remote.Address);
        lock (_connections)
        {
            _connections.Remove(connection);
        }
    }

    private int IndexOf(string listener)
    {
        for (int i = 0; i < Options.Listeners.Count; i++)
        {
            if (Options.Listeners[i].Name == listener)
            {
                return i;
            }
        }
        return 0;
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
        [
            new NetworkThreadSnapshot(
                0, Connections().Length, [.. _accepted], [.. _closed], Interlocked.Read(ref _expired), 0, Stopwatch.GetTimestamp(),
                Stopwatch.GetTimestamp(), 0),
        ],
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

    [LoggerMessage(1031, LogLevel.Error, "serving a connection failed; it is closed", EventName = "SocketConnectionFailed")]
    internal partial void LogFailed(Exception exception);
}
