using System.Net;
using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Server;
using Broker.Engine.Coordination.ZooKeeper;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Engine.Storage.Files;
using Broker.Engine.Timing;
using Broker.Engine.Transport.Reactor;
using Microsoft.Extensions.Logging;

namespace Broker.Engine;

/// <summary>
/// The brokers of one host and the coordination store they share. Each broker can be stopped and started on its own; the store
/// lives as long as the host. Thread-safe.
/// </summary>
public sealed class HostedCluster : IAsyncDisposable
{
    /// <summary>How long the start waits for the brokers to see each other, milliseconds; it goes on all the same then.</summary>
    private const long SeesAllWaitMs = 10_000;

    private static readonly TimeSpan s_idleFilesPeriod = TimeSpan.FromMinutes(1);

    private readonly IReadOnlyList<BrokerConfig> _configs;
    private readonly string _dataDirectory;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly bool _portable;
    private readonly Disk _disk;
    private readonly LogLevels _logLevels;
    private readonly ZooKeeperOptions? _ensemble;
    private ICoordinationStore? _store;
    private TreeServer? _served;
    private ITimer? _idleFiles;
    private HostedBroker[] _brokers = [];

    private HostedCluster(
        IReadOnlyList<BrokerConfig> configs, string dataDirectory, ClusterSettings settings, TimeProvider time, ILoggerFactory loggers)
    {
        _portable = settings.PortableTransport;
        _disk = settings.Disk;
        _logLevels = settings.LogLevels;
        _configs = configs;
        _ensemble = ZooKeeperSetup.Read(configs[0]);
        _dataDirectory = dataDirectory;
        _time = time;
        _loggers = loggers;
    }

    internal IReadOnlyList<HostedBroker> Brokers => _brokers;

    internal TimeProvider Time => _time;

    /// <summary>A broker of this host has heard of a change of the cluster. Called on the thread that heard; must not block.</summary>
    internal event Action? PictureChanged;

    /// <summary>When the host began, for uptime.</summary>
    internal DateTimeOffset StartedAt { get; private set; }

    public string ClusterId { get; private set; } = "";

    /// <summary>Completes when a broker cannot go on, with the reason: the host must end.</summary>
    public Task<string> Failure => _failure.Task;

    private readonly TaskCompletionSource<string> _failure = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Reads the tables of configuration keys, so that <see cref="Configure"/> finds them there: for a host that has
    /// another thing to do meanwhile.</summary>
    public static void Prepare() => System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(ConfigCatalog).TypeHandle);

    /// <summary>Checks the configuration; nothing is opened yet.</summary>
    /// <param name="settings">What the operator gave.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Where logs go.</param>
    /// <exception cref="ConfigException">Something given cannot stand; every problem is named.</exception>
    public static HostedCluster Configure(ClusterSettings settings, TimeProvider time, ILoggerFactory loggers)
    {
        var loader = new ConfigLoader(loggers.CreateLogger("Configuration"));
        foreach ((string origin, IEnumerable<KeyValuePair<string, string>> pairs) in settings.Layers)
        {
            loader.Add(pairs, origin);
        }
        IReadOnlyList<BrokerConfig> configs = loader.Build(settings.Brokers, settings.Port ?? -1, settings.DataDirectory);
        foreach (BrokerConfig config in configs)
        {
            _ = TransportSetup.Options(config, ListenerConfig.Read(config));
        }
        return new HostedCluster(configs, Path.GetFullPath(settings.DataDirectory), settings, time, loggers);
    }

    /// <summary>Starts every broker; returns when all serve.</summary>
    /// <exception cref="ClusterStartException">One line for the operator.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        StartedAt = _time.GetUtcNow();
        ILogger logger = _loggers.CreateLogger("Cluster");
        try
        {
            _idleFiles = _time.CreateTimer(_ => _disk.CloseIdleFiles(), null, s_idleFilesPeriod, s_idleFilesPeriod);
            _store = OpenStore(logger);
            ServeTree(logger);
            ClusterId = await ReadClusterIdAsync(cancellationToken).ConfigureAwait(false);
            var environment = new BrokerEnvironment(
                _store, ClusterId, _disk, _time, NewRandom, _loggers, _logLevels)
            {
                PortableTransport = _portable,
                Dialer = new Broker.Client.Dialer(_time),
                PictureChanged = () => PictureChanged?.Invoke(),
            };
            _brokers = [.. _configs.Select(c => new HostedBroker(c, environment, reason => _failure.TrySetResult(reason)))];
            await Task.WhenAll(_brokers.Select(b => b.StartAsync(cancellationToken))).ConfigureAwait(false);
            await Task.WhenAll(_brokers.Select(SeesAllAsync)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BrokerStartException or CoordinationStoreException or CoordinationException or ConfigException)
        {
            throw new ClusterStartException(e.Message, e);
        }
    }

    private ICoordinationStore OpenStore(ILogger logger) => _ensemble is { } ensemble
        ? new ZooKeeperStore(ensemble, _time, NewRandom(), logger)
        : new EmbeddedStore(_disk, Path.Combine(_dataDirectory, "coordination"), new MonotonicClock(_time), logger);

    /// <summary>Serves the host's own tree by ZooKeeper's protocol, where that is configured.</summary>
    private void ServeTree(ILogger logger)
    {
        BrokerConfig config = _configs[0];
        if (_store is EmbeddedStore embedded && config.Int("zookeeper.server.port") is >= 0 and int port)
        {
            if (!IPAddress.TryParse(config.Text("zookeeper.server.host"), out IPAddress? address))
            {
                throw new ConfigException([$"zookeeper.server.host: '{config.Text("zookeeper.server.host")}' is not an address"]);
            }
            var options = new TreeServerOptions(new IPEndPoint(address, port))
            {
                ConnectionsPerAddressMax = config.Int("zookeeper.server.max.client.cnxns"),
                DescriptorsMax = OperatingSystem.IsWindows() ? -1 : Native.DescriptorsMax(),
                SuperDigest = config.Text("zookeeper.server.super.digest"),
                Words = [.. config.List("zookeeper.server.4lw.commands.whitelist")],
            };
            _served = new TreeServer(embedded, options, _time, logger);
            _served.Start();
        }
    }

    // Ids that must differ between clusters: the system seeds it.
    private static Random NewRandom() => new();

    private async Task<string> ReadClusterIdAsync(CancellationToken cancellationToken)
    {
        ICoordinationSession session = await _store!.OpenSessionAsync(
            TimeSpan.FromMilliseconds(_configs[0].Int("zookeeper.session.timeout.ms")), cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            GetResult found = await session.GetAsync(ClusterPaths.ClusterId, cancellationToken).ConfigureAwait(false);
            if (found.Error == CoordinationError.None)
            {
                return ClusterJson.ReadClusterId(found.Data);
            }
            var adoption = new LogAdoption(_disk, _loggers.CreateLogger("Cluster"));
            if (_ensemble is null)
            {
                // A new store beside log directories that hold topics: they are taken over. The id goes last: it says that all is
                // there. An ensemble's hosts each see their own directories only: none of them can speak for the cluster.
                adoption.Find(_configs);
                await adoption.WriteAsync(session, NewRandom(), cancellationToken).ConfigureAwait(false);
            }
            string made = adoption.ClusterId ?? Uuids.Format(Uuids.New(NewRandom()));
            await session.EnsurePathAsync(NodePath.Parent(ClusterPaths.ClusterId), cancellationToken).ConfigureAwait(false);
            CreateResult created = await session.CreateAsync(
                ClusterPaths.ClusterId, ClusterJson.ClusterId(made), CreateMode.Persistent, cancellationToken).ConfigureAwait(false);
            if (created.Error == CoordinationError.NodeExists)
            {
                // Another host of the ensemble was quicker.
                found = await session.GetAsync(ClusterPaths.ClusterId, cancellationToken).ConfigureAwait(false);
                found.Error.ThrowIfFailed(ClusterPaths.ClusterId);
                return ClusterJson.ReadClusterId(found.Data);
            }
            created.Error.ThrowIfFailed(ClusterPaths.ClusterId);
            return made;
        }
    }

    /// <summary>A topic made at once must spread over all brokers, whichever of them is asked.</summary>
    private Task SeesAllAsync(HostedBroker broker) => broker.Server is { } server
        ? server.Waits.WaitAsync(SeesAll, SeesAllWaitMs, $"broker {broker.Id} sees the others") : Task.CompletedTask;

    private bool SeesAll(MetadataImage image) => Array.TrueForAll(_brokers, b => image.IsAlive(b.Id));

    /// <summary>Whether every broker serves and sees the others.</summary>
    public bool IsReady => _brokers.Length > 0
        && Array.TrueForAll(_brokers, b => b.IsServing && b.Server is { } server && SeesAll(server.Metadata.Current));

    /// <summary>Stops every broker cleanly. Where no broker of another host is left to take over, nothing changes hands: all are in
    /// sync as they stop, and any of them can lead when the host starts again.</summary>
    public async Task StopAsync()
    {
        HashSet<int> ids = [.. _brokers.Select(b => b.Id)];
        if (!_brokers.Any(b => b.Server is { } server && server.Metadata.Current.Brokers.Keys.Any(id => !ids.Contains(id))))
        {
            await Task.WhenAll(_brokers.Select(b => b.Server?.Membership.StandDownAsync() ?? Task.CompletedTask)).ConfigureAwait(false);
        }
        await Task.WhenAll(_brokers.Select(b => b.StopAsync(ids))).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        if (_idleFiles is not null)
        {
            await _idleFiles.DisposeAsync().ConfigureAwait(false);
        }
        if (_served is not null)
        {
            await _served.DisposeAsync().ConfigureAwait(false);
        }
        if (_store is not null)
        {
            await _store.DisposeAsync().ConfigureAwait(false);
        }
    }
}

/// <summary>What the operator gave for a host.</summary>
public sealed record ClusterSettings
{
    public required int Brokers { get; init; }

    /// <summary>Port of the first broker where it was given; it then wins over a configured one.</summary>
    public int? Port { get; init; }

    public required string DataDirectory { get; init; }

    /// <summary>Whether to use the portable sockets where the reactor could run.</summary>
    internal bool PortableTransport { get; init; }

    /// <summary>The disk; tests put one in its place that fails.</summary>
    internal Disk Disk { get; init; } = PhysicalDisk.Instance;

    /// <summary>What decides which loggers write.</summary>
    public LogLevels LogLevels { get; init; } = new(LogLevel.Information);

    /// <summary>Configuration by origin; later layers win.</summary>
    public required IReadOnlyList<(string Origin, IEnumerable<KeyValuePair<string, string>> Pairs)> Layers { get; init; }

    /// <summary>Reads a server.properties file.</summary>
    public static IEnumerable<KeyValuePair<string, string>> ParseProperties(string text) => PropertiesText.Parse(text);
}

/// <summary>The host cannot start; the message is one line for the operator.</summary>
public sealed class ClusterStartException(string message, Exception? inner = null) : Exception(message, inner);
