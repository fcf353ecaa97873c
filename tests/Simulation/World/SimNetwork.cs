using Broker.Client;

namespace Simulation.World;

/// <summary>
/// Machines and what lies between them. Each direction of a connection keeps its order; between connections messages overtake
/// each other. A direction between two machines can be cut: what is sent into it waits, as TCP would send it again and again,
/// until it is healed or the connection is given up. Not thread-safe.
/// </summary>
internal sealed class SimNetwork(SimWorld world)
{
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly Dictionary<int, Action<SimConnection>> _listeners = [];
    private readonly List<SimConnection> _connections = [];
    private int _numbers;

    /// <summary>Least and most time that a message takes, milliseconds.</summary>
    public (double Low, double High) Delay { get; set; } = (0.05, 1.0);

    /// <summary>Machines whose messages take longer, and how many times.</summary>
    public Dictionary<int, double> Slow { get; } = [];

    public bool IsCut(int from, int to) => _cut.Contains((from, to));

    public void Cut(int from, int to) => _cut.Add((from, to));

    public void Heal(int from, int to)
    {
        if (_cut.Remove((from, to)))
        {
            foreach (SimConnection connection in _connections.ToArray())
            {
                connection.Healed(from, to);
            }
        }
    }

    public void HealAll()
    {
        foreach ((int from, int to) in _cut.Order().ToArray())
        {
            Heal(from, to);
        }
    }

    public void Listen(int port, Action<SimConnection> accept) => _listeners[port] = accept;

    public void StopListening(int port, Action<SimConnection> accept)
    {
        if (_listeners.TryGetValue(port, out Action<SimConnection>? current) && current == accept)
        {
            _listeners.Remove(port);
        }
    }

    /// <summary>Whoever listened there is dead.</summary>
    public void StopListening(int port) => _listeners.Remove(port);

    public Action<SimConnection>? ListenerOf(int port) => _listeners.GetValueOrDefault(port);

    public SimConnection Connect(SimProcess from, SimProcess to)
    {
        var connection = new SimConnection(world, this, from, to, ++_numbers);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>A connection that no fault resets.</summary>
    public SimConnection ConnectReliably(SimProcess from, SimProcess to)
    {
        var connection = new SimConnection(world, this, from, to, ++_numbers) { IsReliable = true };
        _connections.Add(connection);
        return connection;
    }

    internal void Ended(SimConnection connection) => _connections.Remove(connection);

    /// <summary>Breaks some connection of a machine.</summary>
    public void ResetOne(int machine)
    {
        SimConnection[] open = [.. _connections.Where(c => !c.IsReliable && (c.Near.Machine == machine || c.Far.Machine == machine))];
        if (open.Length > 0)
        {
            SimConnection one = world.Pick(open);
            world.Log($"net: connection {one.Number} of {one.Near.Name} and {one.Far.Name} is reset");
            one.Reset();
        }
    }

    public double DelayMs(int from, int to)
    {
        double factor = Slow.GetValueOrDefault(from, 1) * Slow.GetValueOrDefault(to, 1);
        return from == to ? 0.01 : world.Between(Delay.Low, Delay.High) * factor;
    }
}

/// <summary>Two ends, two directions. What is sent is an action at the receiver. Not thread-safe.</summary>
internal sealed class SimConnection
{
    private readonly SimWorld _world;
    private readonly SimNetwork _network;
    private readonly Direction _there;
    private readonly Direction _back;

    public SimConnection(SimWorld world, SimNetwork network, SimProcess near, SimProcess far, int number)
    {
        _world = world;
        _network = network;
        Near = near;
        Far = far;
        Number = number;
        _there = new Direction(near, far);
        _back = new Direction(far, near);
        near.Opened(this);
        far.Opened(this);
    }

    public int Number { get; }

    /// <summary>Whoever opened it.</summary>
    public SimProcess Near { get; }

    public SimProcess Far { get; }

    public bool IsClosed { get; private set; }

    /// <summary>Whether no fault resets it: a session's line, which its client library opens anew by itself.</summary>
    public bool IsReliable { get; init; }

    /// <summary>The objects at either end.</summary>
    public object? Tag { get; set; }

    public object? FarTag { get; set; }

    /// <summary>What either end does when the connection breaks.</summary>
    public Action? NearReset { get; set; }

    public Action? FarReset { get; set; }

    public void SendToFar(Action arrival) => Send(_there, arrival);

    public void SendToNear(Action arrival) => Send(_back, arrival);

    private void Send(Direction way, Action arrival)
    {
        if (IsClosed || way.From.IsDead)
        {
            return;
        }
        if (way.Waiting.Count > 0 || _network.IsCut(way.From.Machine, way.To.Machine))
        {
            way.Waiting.Enqueue(arrival);
            return;
        }
        Carry(way, arrival);
    }

    private void Carry(Direction way, Action arrival)
    {
        long delay = (long)(_network.DelayMs(way.From.Machine, way.To.Machine) * SimWorld.TicksPerMs);
        way.LastArrival = Math.Max(_world.Now + delay, way.LastArrival + 1);
        _world.Schedule(way.To, way.LastArrival - _world.Now, () =>
        {
            if (!IsClosed)
            {
                arrival();
            }
        });
    }

    internal void Healed(int from, int to)
    {
        foreach (Direction way in (Direction[])[_there, _back])
        {
            if (way.From.Machine == from && way.To.Machine == to)
            {
                while (way.Waiting.TryDequeue(out Action? arrival))
                {
                    Carry(way, arrival);
                }
            }
        }
    }

    /// <summary>One end is gone: its system tells the other, when it can.</summary>
    internal void Killed(SimProcess dead)
    {
        SimProcess left = dead == Near ? Far : Near;
        if (IsClosed || left.IsDead)
        {
            Close();
            return;
        }
        Direction way = dead == Near ? _there : _back;
        Action tell = () =>
        {
            Close();
            (left == Near ? NearReset : FarReset)?.Invoke();
        };
        if (_network.IsCut(dead.Machine, left.Machine))
        {
            way.Waiting.Enqueue(tell);
        }
        else
        {
            Carry(way, tell);
        }
    }

    /// <summary>Both ends learn, each after a moment, that it is broken; what is under way is lost.</summary>
    public void Reset()
    {
        if (!IsClosed)
        {
            Close();
            _world.ScheduleMs(Near, _world.Between(0, 1), () => NearReset?.Invoke());
            _world.ScheduleMs(Far, _world.Between(0, 1), () => FarReset?.Invoke());
        }
    }

    public void Close()
    {
        if (!IsClosed)
        {
            IsClosed = true;
            Near.Closed(this);
            Far.Closed(this);
            _network.Ended(this);
        }
    }

    private sealed class Direction(SimProcess from, SimProcess to)
    {
        public SimProcess From { get; } = from;

        public SimProcess To { get; } = to;

        public long LastArrival { get; set; }

        public Queue<Action> Waiting { get; } = new();
    }
}

/// <summary>Connections of one process to brokers, by their port.</summary>
internal sealed class SimDialer(SimWorld world, SimNetwork network, SimProcess process, Func<int, SimProcess?> processAt)
    : Dialer(new SimTime(world, process))
{
    /// <summary>Whether anybody is there; where nobody is, opening takes <see cref="RefusalAsync"/> and fails.</summary>
    public bool Reaches(int port) => processAt(port) is { IsDead: false };

    /// <summary>The time after which it is known that nobody is there.</summary>
    public Task RefusalAsync(CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromMilliseconds(world.Between(0.1, 2)), Time, cancellationToken);

    public override async Task<Stream> OpenAsync(string host, int port, CancellationToken cancellationToken)
    {
        if (processAt(port) is not { IsDead: false } target)
        {
            await RefusalAsync(cancellationToken);
            throw new IOException("Connection refused");
        }
        var opened = new TaskCompletionSource<Stream>();
        SimConnection connection = network.Connect(process, target);
        connection.NearReset = () => opened.TrySetException(new IOException("Connection refused"));
        connection.SendToFar(() =>
        {
            if (network.ListenerOf(port) is not { } accept)
            {
                connection.SendToNear(() =>
                {
                    connection.Close();
                    opened.TrySetException(new IOException("Connection refused"));
                });
                return;
            }
            var stream = new SimStream(world, connection);
            accept(connection);
            connection.SendToNear(() => opened.TrySetResult(stream));
        });
        using CancellationTokenRegistration given = cancellationToken.Register(() =>
        {
            connection.Close();
            opened.TrySetCanceled(cancellationToken);
        });
        return await opened.Task;
    }
}
