using Simulation.Checks;
using Simulation.World;

namespace Simulation.Faults;

/// <summary>What goes wrong, by chance: each seed draws which kinds it uses. Not thread-safe.</summary>
internal sealed class Nemesis
{
    private readonly SimCluster _cluster;
    private readonly SimWorld _world;
    private readonly List<(string Name, Action Fault)> _faults = [];
    private bool _isOver;

    public Nemesis(SimCluster cluster, bool losesPower)
    {
        _cluster = cluster;
        _world = cluster.World;
        LosesPower = losesPower;
        (string Name, Action Fault)[] all =
        [
            ("kill", Kill), ("kill in write", KillInWrite), ("stop", Stop), ("pause", Pause), ("cut", Cut), ("cut one way", CutOneWay),
            ("cut from store", CutFromStore), ("reset", Reset), ("slow disk", SlowDisk), ("slow network", SlowNetwork),
            ("clock jump", JumpClock), ("kill controller", KillController), ("pause store", PauseStore), ("kill all", KillAll),
            ("bad disk", BadDisk), ("full disk", FullDisk), ("stop in turn", StopInTurn),
        ];
        foreach ((string Name, Action Fault) fault in all)
        {
            if (_world.Chance(fault.Name == "kill all" ? 0.1 : 0.45))
            {
                _faults.Add(fault);
            }
        }
    }

    public bool LosesPower { get; }

    public string Kinds => string.Join(", ", _faults.Select(f => f.Name));

    public void Begin() => _world.ScheduleMs(null, _world.Between(500, 4000), Next);

    private void Next()
    {
        if (_isOver || _faults.Count == 0)
        {
            return;
        }
        _world.Pick(_faults).Fault();
        _world.ScheduleMs(null, _world.Between(100, 8000), Next);
    }

    /// <summary>Ends all faults and lets everything run.</summary>
    public void End()
    {
        _isOver = true;
        _cluster.Network.HealAll();
        _cluster.Network.Slow.Clear();
        _cluster.StoreProcess.Resume();
        foreach (SimBroker broker in _cluster.Brokers)
        {
            broker.SyncMs = 0;
            broker.OperationsToLive = -1;
            broker.Fault = default;
            broker.SetWallSkew(0);   // where it is off by an hour and more, timestamps are refused
            if (broker.Process is { IsPaused: true } paused)
            {
                paused.Resume();
            }
            broker.Start();
        }
    }

    private SimBroker Any() => _world.Pick(_cluster.Brokers);

    private void Later(double lowMs, double highMs, Action work) => _world.ScheduleMs(null, _world.Between(lowMs, highMs), () =>
    {
        if (!_isOver)
        {
            work();
        }
    });

    private void Kill()
    {
        SimBroker broker = Any();
        broker.Kill(LosesPower);
        Later(50, 15_000, broker.Start);
    }

    private void KillInWrite()
    {
        SimBroker broker = Any();
        if (broker.IsUp)
        {
            broker.LosesPower = LosesPower;
            broker.OperationsToLive = _world.Random.Next(30);
        }
    }

    private void KillController()
    {
        SimBroker? broker = _cluster.Brokers.FirstOrDefault(b => b.Server?.Membership.Controller is { IsActive: true });
        if (broker is not null)
        {
            broker.Kill(LosesPower);
            Later(50, 15_000, broker.Start);
        }
    }

    private void KillAll()
    {
        _cluster.KillAll(LosesPower);
        foreach (SimBroker broker in _cluster.Brokers)
        {
            Later(100, 3000, broker.Start);
        }
    }

    private void Stop()
    {
        _ = Any().StopAsync();
    }

    /// <summary>As for an upgrade: what producers send meanwhile is handed on from one leader to the next.</summary>
    private void StopInTurn()
    {
        double at = 0;
        foreach (SimBroker broker in _cluster.Brokers)
        {
            at += _world.Between(100, 3000);
            Later(at, at, () => _ = broker.StopAsync());
        }
    }

    private void Pause()
    {
        SimBroker broker = Any();
        if (broker.Process is { IsDead: false, IsPaused: false } process)
        {
            _world.Log($"{process.Name} is paused");
            process.Pause();
            Later(100, 15_000, () =>
            {
                _world.Log($"{process.Name} goes on");
                process.Resume();
            });
        }
    }

    private void PauseStore()
    {
        SimProcess store = _cluster.StoreProcess;
        if (!store.IsPaused)
        {
            _world.Log("the store is paused");
            store.Pause();
            Later(100, 9_000, () =>
            {
                _world.Log("the store goes on");
                store.Resume();
            });
        }
    }

    /// <summary>A machine and some of the others, both ways.</summary>
    private void Cut()
    {
        int one = Any().Machine;
        foreach (SimBroker other in _cluster.Brokers.Where(b => b.Machine != one))
        {
            if (_world.Chance(0.7))
            {
                Divide(one, other.Machine);
                Divide(other.Machine, one);
            }
        }
    }

    private void CutOneWay()
    {
        int one = Any().Machine;
        int other = Any().Machine;
        if (one != other)
        {
            Divide(one, other);
        }
    }

    private void CutFromStore()
    {
        int one = Any().Machine;
        if (_world.Chance(0.5))
        {
            Divide(SimCluster.StoreMachine, one);
        }
        Divide(one, SimCluster.StoreMachine);
    }

    private void Divide(int from, int to)
    {
        if (_cluster.Network.IsCut(from, to))
        {
            return;
        }
        _world.Log($"net: nothing passes from {from} to {to}");
        _cluster.Network.Cut(from, to);
        Later(200, 15_000, () =>
        {
            _world.Log($"net: from {from} to {to} is healed");
            _cluster.Network.Heal(from, to);
        });
    }

    private void Reset()
    {
        for (int i = _world.Random.Next(4); i >= 0; i--)
        {
            _cluster.Network.ResetOne(Any().Machine);
        }
    }

    private void SlowDisk()
    {
        SimBroker broker = Any();
        broker.SyncMs = _world.Between(20, 2000);
        _world.Log($"broker {broker.Id}: syncs take up to {broker.SyncMs:0} ms");
        Later(1000, 10_000, () => broker.SyncMs = 0);
    }

    private void BadDisk() => Fail(
        Any(), new DiskFault(_world.Pick([DiskFaultKind.Write, DiskFaultKind.Read, DiskFaultKind.Sync]), _world.Pick([0.02, 0.3, 1])));

    private void FullDisk() => Fail(Any(), new DiskFault(DiskFaultKind.Full, 1));

    /// <summary>The disk fails for a time; the broker ends at the first thing that it is refused, and cannot start meanwhile.</summary>
    private void Fail(SimBroker broker, DiskFault fault)
    {
        _world.Log($"broker {broker.Id}: its disk fails: {fault.Kind}, {fault.Probability}");
        broker.Fault = fault;
        Later(100, 6000, () => broker.Fault = default);
    }

    private void SlowNetwork()
    {
        int machine = Any().Machine;
        _cluster.Network.Slow[machine] = _world.Between(5, 500);
        _world.Log($"net: machine {machine} is slow");
        Later(1000, 10_000, () => _cluster.Network.Slow.Remove(machine));
    }

    private void JumpClock()
    {
        SimBroker broker = Any();
        long ticks = (long)((_world.Random.NextDouble() - 0.5) * 2 * TimeSpan.FromMinutes(_world.Chance(0.5) ? 1 : 600).Ticks);
        _world.Log($"broker {broker.Id}: the wall clock jumps by {TimeSpan.FromTicks(ticks).TotalSeconds:0} s");
        broker.SetWallSkew(ticks);
    }
}
