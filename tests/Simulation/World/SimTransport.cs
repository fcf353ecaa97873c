using System.Net;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;

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

    /// <summary>Called when the broker has opened its logs, before it hears of anything.</summary>
    public Action? Starting { get; init; }

    public void Start(ConnectionFactory connections)
    {
        Starting?.Invoke();
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

    internal void ReadFailed(string path, IOException error) => _options.ReadFailed?.Invoke(path, error);

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
