using System.Collections.Concurrent;
using System.Collections.Immutable;
using Broker.Client;
using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Engine.Controller;
using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Engine.Groups;
using Broker.Engine.Handlers;
using Broker.Engine.Handlers.Fetch;
using Broker.Engine.Handlers.Produce;
using Broker.Engine.Metadata;
using Broker.Engine.Network;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Cleaning;
using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Moving;
using Broker.Engine.Timing;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Reactor;
using Broker.Engine.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Broker.Engine;

/// <summary>What a broker shares with the others of its host.</summary>
internal sealed record BrokerEnvironment(
    ICoordinationStore Store, string ClusterId, Disk Disk, TimeProvider Time, Func<Random> NewRandom, ILoggerFactory Loggers,
    LogLevels LogLevels)
{
    /// <summary>Whether to use the portable sockets where the reactor could run.</summary>
    public bool PortableTransport { get; init; }

    /// <summary>Opens the broker's connections to others.</summary>
    public Dialer Dialer { get; init; } = Dialer.System;

    /// <summary>Called after a broker has heard of a change of the cluster, on the thread that heard; must not block.</summary>
    public Action? PictureChanged { get; init; }

    /// <summary>Makes the transport in place of the machine's sockets: for a simulation.</summary>
    public Func<TransportOptions, MonotonicClock, ITransport>? NewTransport { get; init; }

    /// <summary>Runs what the broker's threads would, in place of them: for a simulation.</summary>
    public IEventLoop? EventLoop { get; init; }
}

/// <summary>
/// One broker: the file to read first. It composes what its folders hold and starts and stops it in order: session and
/// configuration, logs, listener, registration; and the other way round. It starts once. Thread-safe.
/// </summary>
internal sealed partial class BrokerServer : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<long, ClientConnection> _connections = new();
    private readonly BrokerEnvironment _environment;
    private readonly ILogger _logger;
    private readonly BrokerBackground _background;
    private readonly LogManagerOptions _logOptions;
    private readonly IReadOnlyList<ListenerConfig> _listeners;
    private readonly Random _random;
    private long _nextConnection;
    private bool _opened;
    private int _stopped;

    public BrokerServer(BrokerConfig config, BrokerEnvironment environment)
    {
        _environment = environment;
        _random = environment.NewRandom();
        _logger = environment.Loggers.CreateLogger($"{LoggerAdministration.BrokerLogger}{config.BrokerId}");
        Id = config.BrokerId;
        Config = new ClusterConfig(config, _logger);
        Clock = new MonotonicClock(environment.Time);
        Timers = new TimerThread($"broker-{Id}-timer", Clock, _logger, environment.EventLoop is not null);
        Workers = new WorkerThreads($"broker-{Id}-io", config.Int("num.io.threads"), _logger, environment.EventLoop);
        ColdReaders = new WorkerThreads($"broker-{Id}-cold-read", FetchHandler.ColdReadThreads, _logger, environment.EventLoop);
        _background = new BrokerBackground(Workers, environment.Time);
        Membership = new ClusterMembership(
            environment.Store, Id, TimeSpan.FromMilliseconds(config.Int("zookeeper.session.timeout.ms")),
            TimeSpan.FromMilliseconds(config.Int("controller.socket.timeout.ms")),
            new ControllerSetup(Config, environment.NewRandom()), environment.Time, environment.Dialer, _logger)
        { SessionOpened = Config.FollowAsync };
        ControllerLine = new ControllerLine(
            Id, () => Membership.Session, Metadata, TimeSpan.FromMilliseconds(config.Int("controller.socket.timeout.ms")),
            environment.Dialer, _logger);
        Membership.ControllerChanged = ControllerLine.Forget;
        ReplicaAdministration = new ReplicaAdministration(() => Membership.Controller, ControllerLine);
        _logOptions = new LogManagerOptions { BrokerId = Id, ClusterId = environment.ClusterId, Directories = config.LogDirectories };
        Logs = new LogManager(
            _logOptions, environment.Disk, topic => Config.LogConfigOf(topic), Clock, _background, _random, _logger);
        _background.Logs = Logs;
        _listeners = ListenerConfig.Read(config);
        TransportOptions options = TransportSetup.Options(config, _listeners) with { ReadFailed = Logs.ReadFailed };
        Transport = environment.NewTransport is { } make ? make(options, Clock)
            : OperatingSystem.IsLinux() && !environment.PortableTransport
            ? new ReactorTransport(options, Clock, _logger) : new SocketTransport(options, Clock, _logger);
        ProducePurgatory = new DelayedOperationPurgatory("Produce", Timers.NewTimer("Produce"));
        FetchPurgatory = new DelayedOperationPurgatory("Fetch", Timers.NewTimer("Fetch"));
        DeleteRecordsPurgatory = new DelayedOperationPurgatory("DeleteRecords", Timers.NewTimer("DeleteRecords"));
        TopicPurgatory = new DelayedOperationPurgatory("topic", Timers.NewTimer("topic"));
        RebalancePurgatory = new DelayedOperationPurgatory("Rebalance", Timers.NewTimer("Rebalance"));
        HeartbeatPurgatory = new DelayedOperationPurgatory("Heartbeat", Timers.NewTimer("Heartbeat"));
        Waits = new MetadataWaits(Metadata, TopicPurgatory);
        Topics = new TopicAdministration(() => Membership.Session, Metadata, Config, environment.NewRandom());
        Configs = new ConfigAdministration(() => Membership.Session, Metadata, Config);
        Loggers = new LoggerAdministration(Id, environment.LogLevels);
        ProducerIds = new ProducerIds(Id, () => Membership.Session);
        AutoCreation = new AutoTopicCreation(Topics, Config, () => Metadata.Current.Brokers.Count, _logger, _stopping.Token);
        Metrics = new BrokerMetrics(this, [.. options.Listeners.Select(l => l.Name)]);
        _background.Synced = Metrics.LogFlush.Record;
        Config.Changed = OnConfigChanged;
    }

    public int Id { get; }

    public ClusterConfig Config { get; }

    public MonotonicClock Clock { get; }

    public TimerThread Timers { get; }

    public WorkerThreads Workers { get; }

    /// <summary>Threads on which fetches of old records wait for the disk.</summary>
    public WorkerThreads ColdReaders { get; }

    public ClusterMembership Membership { get; }

    /// <summary>How this broker asks the controller for something.</summary>
    public ControllerLine ControllerLine { get; }

    public ReplicaAdministration ReplicaAdministration { get; }

    public LogManager Logs { get; }

    public ITransport Transport { get; }

    public DelayedOperationPurgatory ProducePurgatory { get; }

    public DelayedOperationPurgatory FetchPurgatory { get; }

    public DelayedOperationPurgatory DeleteRecordsPurgatory { get; }

    public DelayedOperationPurgatory TopicPurgatory { get; }

    public DelayedOperationPurgatory RebalancePurgatory { get; }

    public DelayedOperationPurgatory HeartbeatPurgatory { get; }

    public MetadataCache Metadata { get; } = new();

    public MetadataWaits Waits { get; }

    public TopicAdministration Topics { get; }

    public ConfigAdministration Configs { get; }

    public LoggerAdministration Loggers { get; }

    public ProducerIds ProducerIds { get; }

    public AutoTopicCreation AutoCreation { get; }

    public BrokerMetrics Metrics { get; }

    /// <summary>The cluster that the broker belongs to.</summary>
    public string ClusterId => _environment.ClusterId;

    /// <summary>The partitions held; from the start of the logs on.</summary>
    public ReplicaManager Replicas { get; private set; } = null!;

    public ProduceHandler Produces { get; internal set; } = null!;

    /// <summary>Cleans compacted logs; from the start of the logs on.</summary>
    public LogCleaner? Cleaner { get; private set; }

    /// <summary>Moves logs to other log directories; from the start of the logs on.</summary>
    public LogMover? Mover { get; private set; }

    public GroupCoordinator Groups { get; private set; } = null!;

    public FetchHandler Fetches { get; internal set; } = null!;

    /// <summary>The clients connected now.</summary>
    public ICollection<ClientConnection> Connections => _connections.Values;

    /// <summary>The same; enumerating them takes no lock.</summary>
    public IEnumerable<ClientConnection> EachConnection => _connections.Select(c => c.Value);

    /// <summary>The listeners as bound and advertised, once started.</summary>
    public ImmutableArray<BrokerEndpoint> Endpoints { get; private set; } = [];

    /// <summary>Called when the broker cannot go on.</summary>
    public Action<string>? Failed { get; set; }

    /// <summary>Whether the controller has told this broker of the cluster, itself included.</summary>
    public bool IsServing => _stopped == 0 && Metadata.Current.IsAlive(Id) && Metadata.Current.ControllerId >= 0;

    /// <summary>Cancelled when the broker begins to stop.</summary>
    internal CancellationToken Stopping => _stopping.Token;

    /// <summary>Brings the broker up; it serves when the controller has told it its roles.</summary>
    /// <exception cref="BrokerStartException">One line for the operator.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await BringUpAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new BrokerStartException($"broker {Id} cannot start: its session with the coordination store has ended", e);
        }
    }

    private async Task BringUpAsync(CancellationToken cancellationToken)
    {
        Bind();
        await Membership.OpenAsync(cancellationToken).ConfigureAwait(false);
        TakeDynamicConfig();
        try
        {
            await Task.Run(Logs.Open, cancellationToken).ConfigureAwait(false);
        }
        catch (LogDirectoryException e)
        {
            throw new BrokerStartException(e.Message, e);
        }
        _opened = true;
        Logs.AllFailed = reason => Failed?.Invoke(reason);   // from here on: what follows reads the directories
        if (Logs.Directories.All(d => !d.IsOnline))
        {
            throw new BrokerStartException($"broker {Id} cannot start: all its log directories have failed");   // as they were opened
        }
        StartReplication();
        Cleaner = new LogCleaner(
            Logs, () => Config.Current, Replicas.HighWatermarkOf, _environment.NewRandom, _environment.Time, _logger,
            _environment.EventLoop);
        Logs.Deleting = Cleaner.Forget;
        Logs.PauseCleaning = Cleaner.TryPause;
        Logs.StopCleaning = Cleaner.AbortAndPause;
        Logs.Cut = Cleaner.Truncated;
        Logs.Moved = (from, to) =>
        {
            Cleaner.Moved(from, to);
            Logs.CheckpointHighWatermarks(Replicas.HighWatermarkToKeep);
        };
        Mover = new LogMover(Logs, $"broker-{Id}-log-mover", _environment.Time, _logger);
        Logs.MoveBegun = Mover.Wake;
        Groups = new GroupCoordinator(
            GroupOptions.From(Config.Static), Replicas, Metadata, Workers, RebalancePurgatory, HeartbeatPurgatory, Clock, _environment.NewRandom(),
            _logger);
        Replicas.BecameLeader = Groups.OnBecameLeader;
        Replicas.ResignedLeader = Groups.OnResigned;
        Metadata.Changed = OnMetadataChanged;
        Logs.DirectoryFailed = directory =>
        {
            Replicas.OnDirectoryFailed(directory);
            _ = Membership.TellOfFailedDirectoryAsync();
        };
        ConnectionFactory connections = Prepare();
        Endpoints =
        [
            .. _listeners.Select((l, i) => new BrokerEndpoint(
                l.Name, l.AdvertisedHost, l.AdvertisedPort == 0 ? Transport.EndPoints[i].Port : l.AdvertisedPort, 0)),
        ];
        var self = new BrokerImage(Id, Config.Static.Rack, Endpoints);
        try
        {
            await Membership.RegisterAsync(self, cancellationToken).ConfigureAwait(false);
        }
        catch (CoordinationException e)
        {
            throw new BrokerStartException($"broker {Id} cannot register: {e.Message} (is another broker of this id running?)", e);
        }
        // Not before: what a controller sends until then is meant for an earlier life of this broker. Connections wait meanwhile.
        Transport.Start(connections);
        foreach (BrokerEndpoint endpoint in Endpoints)
        {
            LogListening(Id, endpoint.Listener, endpoint.Host, endpoint.Port);
        }
    }

    private void Bind()
    {
        try
        {
            Transport.Bind();
        }
        catch (System.Net.Sockets.SocketException e)
        {
            throw new BrokerStartException(
                $"broker {Id} cannot listen on {string.Join(", ", _listeners.Select(l => l.Bind))}: {e.Message}", e);
        }
    }

    private ConnectionFactory Prepare()
    {
        var versions = new ApiVersionsHandler();
        ApiHandler[] handlers = [versions, .. AllHandlers.Of(this)];
        versions.Advertise(handlers);
        var dispatcher = new RequestDispatcher(
            handlers, Workers, Transport.Pool, Metrics.Requests, _logger, _stopping.Token)
        { ConnectionClosed = connection => _connections.TryRemove(connection.Id, out _) };
        Timers.Start();
        StartSchedule();
        ConfigureDiskWork();
        Logs.ResumeMoves();
        return transport =>
        {
            var connection = new ClientConnection(transport, dispatcher, Interlocked.Increment(ref _nextConnection));
            _connections[connection.Id] = connection;
            return connection;
        };
    }

    private void OnMetadataChanged(MetadataImage before, MetadataImage after)
    {
        _environment.PictureChanged?.Invoke();
        Replicas.Fetchers?.Hurry();
        if (before.Brokers.Keys.Any(id => !after.IsAlive(id)))
        {
            Replicas.OnBrokersGone();
        }
        // A topic made again under its name has another id: what was committed of the old one is not of it.
        if (!ReferenceEquals(before.TopicNames, after.TopicNames))
        {
            HashSet<string> gone = [.. before.TopicNames.Where(t => !after.TopicNames.ContainsKey(t.Key)).Select(t => t.Value)];
            if (gone.Count > 0)
            {
                Workers.Run(() => Groups.OnTopicsDeleted(gone));
            }
        }
    }

    private void OnConfigChanged(ConfigChange change)
    {
        if (change.Topic is { } topic)
        {
            Logs.UpdateConfig(topic);
        }
        else
        {
            TakeDynamicConfig();
            Logs.UpdateConfigs();
        }
        Membership.Controller?.OnConfigChanged(change.Topic);
    }

    /// <summary>Lets what does not look at the configuration by itself go by the dynamic values.</summary>
    private void TakeDynamicConfig()
    {
        Workers.Resize(Config.Current.Int("num.io.threads"));
        _logOptions.RecoveryThreads = Config.Current.Int("num.recovery.threads.per.data.dir");
        _logOptions.ProducerExpirationMs = Config.Current.Long("producer.id.expiration.ms");
        TransportSetup.Update(Transport.Quotas, Config.Current);
        TakeReplicationConfig();
        if (_schedule.Count > 0)
        {
            ConfigureDiskWork();
        }
    }

    [LoggerMessage(1, LogLevel.Information, "broker {Id} listens on {Listener}://{Host}:{Port}", EventName = "Listening")]
    private partial void LogListening(int id, string listener, string host, int port);
}

/// <summary>A broker cannot start; the message is one line for the operator.</summary>
internal sealed class BrokerStartException(string message, Exception? inner = null) : Exception(message, inner);
