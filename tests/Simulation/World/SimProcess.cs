namespace Simulation.World;

/// <summary>
/// One life of a process: what is scheduled for it runs only while it lives, and waits while it is paused (as by SIGSTOP) or
/// busy with its disk. Not thread-safe.
/// </summary>
internal sealed class SimProcess(SimWorld world, string name, int machine)
{
    private readonly Queue<Action> _held = new();
    private readonly List<SimConnection> _connections = [];
    private bool _isPaused;

    public string Name { get; } = name;

    /// <summary>The machine it runs on: what a network partition divides.</summary>
    public int Machine { get; } = machine;

    /// <summary>The broker whose life it is, if it is one's.</summary>
    public SimBroker? Broker { get; init; }

    public bool IsDead { get; private set; }

    /// <summary>Whether its disk has failed under it: what it says then is no failure of its own.</summary>
    public bool HasFailedDisk { get; set; }

    public bool IsPaused => _isPaused;

    /// <summary>Whether it does at once whatever comes.</summary>
    public bool IsFree => !IsDead && !_isPaused && _held.Count == 0 && BusyUntil <= world.Now;

    /// <summary>Until when it waits for its disk.</summary>
    public long BusyUntil { get; set; }

    /// <summary>How far the wall clock of its machine is off, in ticks.</summary>
    public long WallSkew { get; set; }

    /// <summary>Called once as it dies.</summary>
    public event Action? Died;

    public void Opened(SimConnection connection) => _connections.Add(connection);

    public void Closed(SimConnection connection)
    {
        if (!IsDead)
        {
            _connections.Remove(connection);
        }
    }

    public bool Admits(Action work)
    {
        if (IsDead)
        {
            return false;
        }
        if (_isPaused || _held.Count > 0)
        {
            _held.Enqueue(work);
            return false;
        }
        if (BusyUntil > world.Now)
        {
            _held.Enqueue(work);
            world.Schedule(null, BusyUntil - world.Now, Release);
            return false;
        }
        return true;
    }

    public void Pause() => _isPaused = true;

    public void Resume()
    {
        _isPaused = false;
        world.Schedule(null, 0, Release);
    }

    /// <summary>Runs one thing that waited, and the others after it.</summary>
    private void Release()
    {
        if (IsDead || _isPaused || _held.Count == 0)
        {
            return;
        }
        if (BusyUntil > world.Now)
        {
            world.Schedule(null, BusyUntil - world.Now, Release);
            return;
        }
        Action work = _held.Dequeue();
        if (_held.Count > 0)
        {
            world.Schedule(null, 0, Release);
        }
        work();
    }

    public void Die()
    {
        if (IsDead)
        {
            return;
        }
        IsDead = true;
        _held.Clear();
        Died?.Invoke();
        foreach (SimConnection connection in _connections)
        {
            connection.Killed(this);
        }
        _connections.Clear();
    }
}
