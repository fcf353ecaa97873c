using System.Net;
using Broker.Engine.Timing;
using Broker.Engine.Transport.Buffers;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Transport.Reactor;

/// <summary>
/// The transport of Linux: an acceptor a listener and num.network.threads reactors, each of which owns its connections and
/// may own partitions. Thread-safe.
/// </summary>
internal sealed class ReactorTransport : ITransport
{
    private readonly ILogger _logger;
    private readonly Reactor[] _reactors;
    private readonly List<Acceptor> _acceptors = [];
    private ConnectionFactory? _connections;
    private uint _next;
    private long _expired;
    private bool _started;
    private bool _disposed;

    public ReactorTransport(TransportOptions options, MonotonicClock clock, ILogger logger)
    {
        Options = options;
        Quotas = new ConnectionQuotas(options);
        _logger = logger;
        Pool = new BufferPool(options.RequestBytesMax, options.QueuedRequestsMax);
        _reactors = [.. Enumerable.Range(0, options.NetworkThreads).Select(i => new Reactor(this, i, Pool, clock, logger))];
        RoomWork[] room = [.. _reactors.Select(r => new RoomWork(r))];
        Pool.RoomAgain = () => Array.ForEach(room, r => r.PostOnce());
    }

    internal TransportOptions Options { get; }

    public ConnectionQuotas Quotas { get; }

    public BufferPool Pool { get; }

    public int OwnerThreads => _reactors.Length;

    public int CurrentOwnerThread => Reactor.Current is { } current && Array.IndexOf(_reactors, current) is var i ? i : -1;

    public IReadOnlyList<IPEndPoint> EndPoints => [.. _acceptors.Select(a => a.EndPoint)];

    public void Bind()
    {
        foreach (ListenerOptions listener in Options.Listeners)
        {
            _acceptors.Add(new Acceptor(this, listener, _logger));
        }
    }

    public void Start(ConnectionFactory connections)
    {
        _connections = connections;
        _started = true;
        foreach (Reactor reactor in _reactors)
        {
            reactor.Start();
        }
        foreach (Acceptor acceptor in _acceptors)
        {
            acceptor.Start();
        }
    }

    public void Post(int ownerThread, ConnectionWork work) => _reactors[ownerThread].Post(work);

    public void Migrate(TransportConnection connection, int ownerThread) =>
        ((ReactorConnection)connection).MigrateSoon(_reactors[ownerThread]);

    /// <summary>Takes an accepted socket in; called by the acceptors.</summary>
    internal void Take(int fd, string listener, IPEndPoint local, IPEndPoint remote)
    {
        Reactor reactor = _reactors[Interlocked.Increment(ref _next) % (uint)_reactors.Length];
        var connection = new ReactorConnection(reactor, fd, listener, local, remote);
        IConnectionHandler? handler = _connections!(connection);
        if (handler is null)
        {
            _ = Native.close(fd);
            Quotas.Leave(remote.Address);
            return;
        }
        connection.SetHandler(handler);
        Interlocked.Increment(ref reactor.Accepted[IndexOf(listener)]);
        reactor.Post(new ReactorConnection.AttachWork(reactor, connection));
    }

    internal void ConnectionEnded(ReactorConnection connection) => Quotas.Leave(connection.Remote.Address);

    internal int IndexOf(string listener)
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

    internal void CountExpired() => Interlocked.Increment(ref _expired);

    public TransportSnapshot Snapshot() => new(
        [.. _reactors.Select(r => r.Snapshot())], Interlocked.Read(ref _expired), Pool.RentedBytes);

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        foreach (Acceptor acceptor in _acceptors)
        {
            acceptor.Dispose();
        }
        _acceptors.Clear();
        if (_started)
        {
            Array.ForEach(_reactors, r => r.StopAndJoin());
        }
        Array.ForEach(_reactors, r => r.Dispose());
    }

    /// <summary>Tells one reactor that memory for requests is to be had again.</summary>
    private sealed class RoomWork(Reactor reactor) : ConnectionWork
    {
        private int _posted;

        internal void PostOnce()
        {
            if (Interlocked.Exchange(ref _posted, 1) == 0)
            {
                reactor.Post(this);
            }
        }

        protected internal override void Run()
        {
            Volatile.Write(ref _posted, 0);
            reactor.RoomAgain();
        }
    }
}
