using System.Buffers.Binary;
using System.Net;
using Broker.Engine.Storage.Files;
using Broker.Engine.Timing;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Wire;

namespace Simulation.World;

/// <summary>A broker's side of the simulated network. Its network threads own partitions, as the reactor's do; work for one of
/// them runs as an event of its own, in order. Not thread-safe.</summary>
internal sealed class SimTransport : ITransport
{
    private const int Threads = 2;

    private readonly SimWorld _world;
    private readonly SimNetwork _network;
    private readonly SimProcess _process;
    private readonly TransportOptions _options;
    private readonly long[] _lastWork = new long[Threads];
    private readonly List<SimSocket> _sockets = [];
    private readonly Action<SimConnection> _accept;
    private ConnectionFactory? _factory;
    private int _next;

    public SimTransport(SimWorld world, SimNetwork network, SimProcess process, TransportOptions options)
    {
        _world = world;
        _network = network;
        _process = process;
        _options = options;
        Quotas = new ConnectionQuotas(options);
        Pool = new BufferPool(-1);
        _accept = Accept;
    }

    public int OwnerThreads => Threads;

    public ConnectionQuotas Quotas { get; }

    public BufferPool Pool { get; }

    public IReadOnlyList<IPEndPoint> EndPoints => [.. _options.Listeners.Select(l => l.EndPoint)];

    public int CurrentOwnerThread { get; private set; } = -1;

    public void Bind()
    {
    }

    public void Start(ConnectionFactory connections)
    {
        _factory = connections;
        foreach (ListenerOptions listener in _options.Listeners)
        {
            _network.Listen(listener.EndPoint.Port, _accept);
        }
    }

    private void Accept(SimConnection connection)
    {
        var socket = new SimSocket(
            this, connection, _world, _options.Listeners[0].Name, _next++ % Threads,
            new IPEndPoint(IPAddress.Loopback, _options.Listeners[0].EndPoint.Port), new IPEndPoint(IPAddress.Loopback, connection.Number));
        _sockets.Add(socket);
        socket.Start(_factory!(socket)!);
    }

    public void Post(int ownerThread, ConnectionWork work)
    {
        // Small, and in order for each thread.
        long at = Math.Max(_world.Now + _world.Random.Next(0, (int)(SimWorld.TicksPerMs / 20)), _lastWork[ownerThread] + 1);
        _lastWork[ownerThread] = at;
        _world.Schedule(_process, at - _world.Now, () => On(ownerThread, work.Run));
    }

    /// <summary>Runs something as if on a network thread.</summary>
    public void On(int thread, Action work)
    {
        int before = CurrentOwnerThread;
        CurrentOwnerThread = thread;
        try
        {
            work();
        }
        finally
        {
            CurrentOwnerThread = before;
        }
    }

    public void Migrate(TransportConnection connection, int ownerThread) => ((SimSocket)connection).MigrateSoon(ownerThread);

    internal void Ended(SimSocket socket) => _sockets.Remove(socket);

    public TransportSnapshot Snapshot() => new([], 0, Pool.RentedBytes);

    public void Dispose()
    {
        foreach (ListenerOptions listener in _options.Listeners)
        {
            _network.StopListening(listener.EndPoint.Port, _accept);
        }
        foreach (SimSocket socket in _sockets.ToArray())
        {
            On(socket.NetworkThread, () => socket.Close("the broker stops"));
        }
    }
}

/// <summary>The far end of a connection, at a broker. Not thread-safe.</summary>
internal sealed class SimSocket : TransportConnection
{
    private readonly SimTransport _transport;
    private readonly SimConnection _connection;
    private readonly SimWorld _world;
    private readonly KafkaWriter _output = new(512);
    private IConnectionHandler _handler = null!;
    private byte[] _received = [];
    private int _thread;
    private int _migrateTo = -1;
    private bool _paused;
    private bool _delivering;
    private bool _peerClosed;
    private bool _closed;

    public SimSocket(
        SimTransport transport, SimConnection connection, SimWorld world, string listener, int thread, IPEndPoint local, IPEndPoint remote)
        : base(listener, local, remote)
    {
        _transport = transport;
        _connection = connection;
        _world = world;
        _thread = thread;
        connection.FarTag = this;
        connection.FarReset = () => _transport.On(_thread, () => Close("reset by the peer"));
    }

    public override int NetworkThread => _thread;

    public override KafkaWriter Output => _output;

    public override bool IsCurrentThread => _transport.CurrentOwnerThread == _thread;

    public void Start(IConnectionHandler handler) => _handler = handler;

    public void Arrive(byte[] bytes)
    {
        _world.Trace.Add(bytes);
        _received = _received.Length == 0 ? bytes : [.. _received, .. bytes];
        _transport.On(_thread, Deliver);
    }

    public void PeerClosed()
    {
        _peerClosed = true;
        _transport.On(_thread, () =>
        {
            if (_paused)
            {
                _handler.OnPeerClosing();
            }
            else
            {
                Close("closed by the peer");
            }
        });
    }

    private void Deliver()
    {
        if (_delivering)
        {
            return;
        }
        _delivering = true;
        bool close = false;
        int at = 0;
        while (!close && !_paused && !_closed && _received.Length - at >= 4)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(_received.AsSpan(at));
            if (_received.Length - at - 4 < length)
            {
                break;
            }
            ReceiveBuffer buffer = _transport.Pool.Rent(length + 4);
            _received.AsSpan(at, length + 4).CopyTo(buffer.Array);
            at += length + 4;
            FrameVerdict verdict = _handler.OnFrame(buffer, 4, length);
            buffer.Release();
            _paused = verdict == FrameVerdict.Pause;
            close = verdict == FrameVerdict.Close;
        }
        _received = _received[at..];
        _delivering = false;
        Send();
        if (close || (_peerClosed && !_paused))
        {
            Close("closed");
        }
        MaybeMigrate();
    }

    public override void Post(ConnectionWork work) => _transport.Post(_thread, work);

    public override void Flush()
    {
        if (!_delivering)
        {
            Send();
            MaybeMigrate();
        }
    }

    public override void Resume()
    {
        _paused = false;
        if (!_delivering)
        {
            Deliver();
        }
    }

    public override void RequestClose(string reason) => Post(new CloseWork(this, reason));

    public void MigrateSoon(int thread) => _migrateTo = thread;

    private void MaybeMigrate()
    {
        if (_migrateTo >= 0 && !_closed && !_paused && _handler.IsIdle)
        {
            _thread = _migrateTo;
            _migrateTo = -1;
        }
    }

    private void Send()
    {
        if (_output.Length == 0)
        {
            return;
        }
        if (!_closed && _connection.Tag is SimStream near)
        {
            byte[] bytes = Gather();
            _connection.SendToNear(() => near.Arrive(bytes));
            _handler.OnSent();
        }
        foreach (RecordsSplice splice in _output.Splices)
        {
            ((FileRegion)splice.Region).ReleaseReference();
        }
        _output.Reset();
    }

    private byte[] Gather()
    {
        byte[] bytes = new byte[_output.Length];
        int to = 0;
        int from = 0;
        foreach (RecordsSplice splice in _output.Splices)
        {
            _output.Buffer.AsSpan(from, splice.At - from).CopyTo(bytes.AsSpan(to));
            to += splice.At - from;
            from = splice.At;
            int read = ((FileRegion)splice.Region).Read(bytes.AsSpan(to, splice.Length), splice.Position);
            if (read < splice.Length)
            {
                throw new InvalidOperationException("a log file is shorter than its index says");
            }
            to += splice.Length;
        }
        _output.Buffer.AsSpan(from, _output.Position - from).CopyTo(bytes.AsSpan(to));
        return bytes;
    }

    public void Close(string reason)
    {
        if (_closed)
        {
            return;
        }
        _closed = true;
        if (_connection.Tag is SimStream near)
        {
            _connection.SendToNear(near.End);
        }
        _transport.Ended(this);
        _handler.OnClosed(reason);
        Send();
    }

    private sealed class CloseWork(SimSocket socket, string reason) : ConnectionWork
    {
        protected internal override void Run() => socket.Close(reason);
    }
}
