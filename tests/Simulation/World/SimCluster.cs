using Broker.Engine.Configuration;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Simulation.Checks;

namespace Simulation.World;

/// <summary>All brokers, their store and the network between them. Not thread-safe.</summary>
internal sealed class SimCluster
{
    public const int FirstPort = 9092;
    public const string ClusterId = "c2ltdWxhdGVkLWNsdXN0";

    /// <summary>The machine of the store; clients' are above it.</summary>
    public const int StoreMachine = 50;

    private static readonly Dictionary<int, IReadOnlyList<BrokerConfig>> s_configs = [];
    private FaultingDisk _storeDisk;

    public SimCluster(
        SimWorld world, int brokers, IEnumerable<KeyValuePair<string, string>> overrides, bool mayLosePower,
        Action<string, Exception?> onError)
    {
        World = world;
        MayLosePower = mayLosePower;
        _storeDisk = new FaultingDisk { MayLosePower = mayLosePower };
        Network = new SimNetwork(world);
        OnError = onError;
        KeyValuePair<string, string>[] own = [.. overrides];
        Brokers = [.. Configs(brokers).Select((c, i) => new SimBroker(this, i, c.With(own)))];
        StoreProcess = null!;
        Store = null!;
        StartStore();
    }

    public SimWorld World { get; }

    public SimNetwork Network { get; }

    /// <summary>Whether a machine may lose its power.</summary>
    public bool MayLosePower { get; }

    public IReadOnlyList<SimBroker> Brokers { get; }

    public SimProcess StoreProcess { get; private set; }

    public EmbeddedStore Store { get; private set; }

    /// <summary>Sees the tree without a network between.</summary>
    public ICoordinationSession Eye { get; private set; } = null!;

    /// <summary>What brokers log into the trace.</summary>
    public LogLevel LeastLevel { get; init; } = LogLevel.Information;

    /// <summary>Called with each error that a broker logs.</summary>
    public Action<string, Exception?> OnError { get; }

    /// <summary>Called with a broker's id just before its machine loses its power.</summary>
    public Action<int>? LosingPower { get; set; }

    /// <summary>Called before a broker opens what is on its disk, and after it.</summary>
    public Action<SimBroker>? Opening { get; set; }

    public Action<SimBroker>? Opened { get; set; }

    /// <summary>Called when a broker's process has ended, before its server is forgotten.</summary>
    public Action<SimBroker>? Died { get; set; }

    private static IReadOnlyList<BrokerConfig> Configs(int brokers)
    {
        if (!s_configs.TryGetValue(brokers, out IReadOnlyList<BrokerConfig>? configs))
        {
            var loader = new ConfigLoader(NullLogger.Instance);
            loader.Add(Fixed(), "simulation");
            s_configs[brokers] = configs = loader.Build(brokers, FirstPort, "/data");
        }
        return configs;
    }

    private static Dictionary<string, string> Fixed() => new(StringComparer.Ordinal)
    {
        ["zookeeper.session.timeout.ms"] = "6000",
        ["controller.socket.timeout.ms"] = "10000",
        ["num.recovery.threads.per.data.dir"] = "1",
        ["log.cleaner.backoff.ms"] = "700",
        ["log.cleaner.dedupe.buffer.size"] = "1048576",
        ["log.cleaner.io.buffer.size"] = "65536",
        ["log.cleaner.min.cleanable.ratio"] = "0.1",
        ["offsets.topic.num.partitions"] = "2",
        ["offsets.topic.replication.factor"] = "3",
        ["replica.lag.time.max.ms"] = "4000",
        ["replica.socket.timeout.ms"] = "5000",
        ["log.initial.task.delay.ms"] = "1000",
        ["log.flush.scheduler.interval.ms"] = "2000",
        ["log.flush.offset.checkpoint.interval.ms"] = "3000",
        ["log.flush.start.offset.checkpoint.interval.ms"] = "3000",
        ["replica.high.watermark.checkpoint.interval.ms"] = "2500",
        ["log.retention.check.interval.ms"] = "20000",
        ["log.index.size.max.bytes"] = "4096",
    };

    private void StartStore()
    {
        StoreProcess = new SimProcess(World, "store", StoreMachine);
        Store = new EmbeddedStore(
            _storeDisk, "/data/coordination", new MonotonicClock(new SimTime(World, StoreProcess)),
            new SimLogs(World, StoreProcess, World.Trace.IsKept ? LogLevel.Information : LogLevel.Error) { OnError = OnError }.CreateLogger("store"));
        // An eye that never closes: its session outlasts every simulation.
        Eye = Store.OpenSessionAsync(TimeSpan.FromDays(1), CancellationToken.None).Result;
    }

    /// <summary>Everything dies at once, as when one host runs it all.</summary>
    public void KillAll(bool losesPower)
    {
        foreach (SimBroker broker in Brokers)
        {
            broker.Kill(losesPower);
        }
        StoreProcess.Die();
        _storeDisk = losesPower ? _storeDisk.LosePower(World.Random) : _storeDisk.Crash();
        StartStore();
    }

    public SimProcess? ProcessAt(int port) => port - FirstPort is var id && id >= 0 && id < Brokers.Count ? Brokers[id].Process : null;

    /// <summary>The partitions in the tree.</summary>
    public IEnumerable<TopicPart> Partitions()
    {
        foreach (string topic in Eye.GetChildrenAsync(ClusterPaths.Topics, CancellationToken.None).Result.Children)
        {
            GetResult node = Eye.GetAsync(ClusterPaths.Topic(topic), CancellationToken.None).Result;
            foreach (int partition in ClusterJson.ReadTopic(node.Data).Partitions.Keys)
            {
                yield return new TopicPart(topic, partition);
            }
        }
    }

    /// <summary>The replicas that a partition is assigned to.</summary>
    public IReadOnlyList<int> ReplicasOf(TopicPart part)
    {
        GetResult node = Eye.GetAsync(ClusterPaths.Topic(part.Topic), CancellationToken.None).Result;
        return node.Error == CoordinationError.None
            && ClusterJson.ReadTopic(node.Data).Partitions.TryGetValue(part.Partition, out var replicas) ? replicas : [];
    }

    /// <summary>The transaction that registered a broker, or -1 where none is registered.</summary>
    public long RegistrationOf(int broker)
    {
        StatResult found = Eye.ExistsAsync(ClusterPaths.Broker(broker), CancellationToken.None).Result;
        return found.Error == CoordinationError.None ? found.Stat.Czxid : -1;
    }

    /// <summary>The tree's state of a partition, or null.</summary>
    public PartitionStateNode? StateOf(string topic, int partition)
    {
        GetResult found = Eye.GetAsync(ClusterPaths.PartitionState(topic, partition), CancellationToken.None).Result;
        return found.Error == CoordinationError.None ? ClusterJson.ReadPartitionState(found.Data, found.Stat.Version) : null;
    }
}
