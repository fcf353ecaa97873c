using Broker.Engine;
using Broker.Engine.Configuration;
using Broker.Engine.Diagnostics;
using Broker.Engine.Tests.Storage;
using Microsoft.Extensions.Logging;

namespace Simulation.World;

/// <summary>A broker's place: its machine with its disk, and the processes that live there one after the other.
/// Not thread-safe.</summary>
internal sealed class SimBroker(SimCluster cluster, int id, BrokerConfig config)
{
    private readonly SimWorld _world = cluster.World;
    private int _lives;
    private bool _isTorn;
    private string _operation = "";

    public int Id => id;

    public int Machine => id;

    public int Port => SimCluster.FirstPort + id;

    public FaultingDisk Disk { get; private set; } = new() { MayLosePower = cluster.MayLosePower };

    /// <summary>The process that lives now, or null.</summary>
    public SimProcess? Process { get; private set; }

    public BrokerServer? Server { get; private set; }

    public bool IsUp => Process is { IsDead: false };

    /// <summary>Whether the start has come to its end.</summary>
    public bool IsStarted { get; private set; }

    /// <summary>Whether the last process died in the midst of what it did with its disk.</summary>
    public bool IsTorn => _isTorn || Process?.HasFailedDisk == true;

    /// <summary>How many disk operations the machine is from its death, or negative.</summary>
    public int OperationsToLive { get; set; } = -1;

    /// <summary>Whether that death takes the power with it.</summary>
    public bool LosesPower { get; set; }

    /// <summary>How long a sync of the disk takes, milliseconds.</summary>
    public double SyncMs { get; set; }

    public long WallSkew { get; set; }

    /// <summary>Whether it is a check that reads the disk now, to which nothing happens.</summary>
    public bool IsLookedAt { get; set; }

    /// <summary>How its disk fails now.</summary>
    public DiskFault Fault { get; set; }

    public void Start()
    {
        if (IsUp || _isTorn)
        {
            return;
        }
        IsStarted = false;
        var process = new SimProcess(_world, $"broker-{id}.{++_lives}", Machine) { Broker = this, WallSkew = WallSkew };
        Process = process;
        process.Died += () => cluster.Network.StopListening(Port);
        _world.Log($"{process.Name} starts");
        cluster.Opening?.Invoke(this);
        Watch(process);
        var time = new SimTime(_world, process);
        var environment = new BrokerEnvironment(
            new SimStore(cluster.Network, process, () => (cluster.StoreProcess, cluster.Store)), SimCluster.ClusterId, Disk, time,
            () => new Random(_world.Random.Next()), new SimLogs(_world, process, cluster.LeastLevel) { OnError = cluster.OnError },
            new LogLevels(LogLevel.Information))
        {
            Dialer = new SimDialer(_world, cluster.Network, process, cluster.ProcessAt),
            NewTransport = (options, _) => new SimTransport(_world, cluster.Network, process, options)
            {
                Starting = () => cluster.Opened?.Invoke(this),
            },
            EventLoop = new SimLoop(_world, process),
        };
        Server = new BrokerServer(config, environment) { Failed = reason => Fail(process, reason) };
        _ = StartAsync(process, Server);
    }

    private async Task StartAsync(SimProcess process, BrokerServer server)
    {
        try
        {
            await server.StartAsync(CancellationToken.None);
            IsStarted |= Process == process && !process.IsDead;
            _world.Log($"{process.Name} has started");
        }
        catch (Exception e)
        {
            if (e is not (BrokerStartException or Broker.Engine.Coordination.CoordinationException or IOException))
            {
                cluster.OnError($"{process.Name} threw as it started: {e.GetType().Name}: {e.Message}", e);
            }
            Fail(process, e.Message);
        }
    }

    /// <summary>The process ends by itself; whoever watches over it starts it again.</summary>
    private void Fail(SimProcess process, string reason)
    {
        if (!process.IsDead)
        {
            _world.Log($"{process.Name} ends: {reason}");
            Die(process);
            _world.ScheduleMs(null, 1500, Start);
        }
    }

    private void Watch(SimProcess process)
    {
        FaultingDisk disk = Disk;
        disk.OnOperation = (what, path) =>
        {
            if (IsLookedAt)
            {
                return;
            }
            if (process.IsDead)
            {
                throw new IOException("the process is dead");
            }
            _operation = what;
            _world.Trace.Add(path);
            if (Fault.Hits(what) && _world.Chance(Fault.Probability))
            {
                Hit(process, what, path);
                throw new IOException($"Input/output error : '{path}'");
            }
            if (what == "sync" && SyncMs > 0)
            {
                process.BusyUntil = Math.Max(process.BusyUntil, _world.Now) + (long)(_world.Between(0, SyncMs) * SimWorld.TicksPerMs);
            }
        };
        disk.Changing = () =>
        {
            if (process.IsDead)
            {
                throw new IOException("the process is dead");
            }
            _isTorn = OperationsToLive == 0;
            OperationsToLive--;
            if (_isTorn && _operation is not ("write" or "replace"))
            {
                DieHere(process, $"before the disk's {_operation}");
                throw new IOException("the process is dead");
            }
        };
        disk.OnWrite = (path, length) =>
        {
            if (!_isTorn && Fault.Kind == DiskFaultKind.Full)
            {
                Hit(process, "write", path);
                return _world.Random.Next(length);
            }
            if (!_isTorn)
            {
                return length;
            }
            int some = _world.Random.Next(length + 1);
            DieHere(process, $"when {some} of {length} bytes of {path} are written");
            return some;
        };
    }

    /// <summary>The disk fails under a process: with its one log directory gone it ends, as Kafka does.</summary>
    private void Hit(SimProcess process, string what, string path)
    {
        _world.Log($"{process.Name}: the disk fails in a {what} of {path}");
        process.HasFailedDisk = true;
        // A look that fails is followed by a read, which may not: then there was no harm.
        bool mayGoOn = Fault.Kind == DiskFaultKind.Read && Fault.Probability < 1;
        _world.ScheduleMs(process, 1000, () =>
        {
            if (!mayGoOn || Server?.Logs.Directories.All(d => !d.IsOnline) == true)
            {
                cluster.OnError($"{process.Name} goes on, though a {what} of {path} failed", null);
            }
        });
    }

    /// <summary>In the middle of what it does: nothing that it does from here on is to be seen.</summary>
    private void DieHere(SimProcess process, string where)
    {
        _world.Log($"{process.Name} dies {where}");
        _world.Schedule(null, 0, () => Kill(LosesPower));
        _world.ScheduleMs(null, _world.Between(100, 10_000), Start);
        process.Die();
    }

    /// <summary>kill -9, or the machine's power fails.</summary>
    public void Kill(bool losesPower)
    {
        if (Process is { } process && (!process.IsDead || _isTorn))
        {
            _world.Log($"{process.Name} is killed{(losesPower ? " by a power failure" : "")}");
            if (losesPower)
            {
                cluster.LosingPower?.Invoke(id);
            }
            Die(process);
            _isTorn = false;
            Disk = losesPower ? Disk.LosePower(_world.Random) : Disk.Crash();
        }
    }

    private void Die(SimProcess process)
    {
        OperationsToLive = -1;
        process.Die();
        if (Process == process)
        {
            IsStarted = false;
            cluster.Died?.Invoke(this);
            Server = null;
        }
    }

    /// <summary>Stops cleanly.</summary>
    public async Task StopAsync()
    {
        if (Process is { IsDead: false } process && Server is { } server && IsStarted)
        {
            _world.Log($"{process.Name} stops");
            IsStarted = false;
            try
            {
                await server.StopAsync(new HashSet<int>());
                _world.Log($"{process.Name} has stopped");
            }
            catch (Exception e)
            {
                if (!process.IsDead)
                {
                    cluster.OnError($"{process.Name} threw as it stopped: {e.GetType().Name}: {e.Message}", e);
                }
            }
            Die(process);
            _world.ScheduleMs(null, _world.Between(100, 10_000), Start);
        }
    }

    public void SetWallSkew(long ticks)
    {
        WallSkew = ticks;
        if (Process is { } process)
        {
            process.WallSkew = ticks;
        }
    }
}
