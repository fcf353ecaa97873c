using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Admin.Hosted.Replicas;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Storage;

namespace Broker.Engine.Admin.Hosted;

/// <summary>The door over the brokers of a host. Thread-safe.</summary>
internal sealed partial class ClusterAdmin : IClusterAdmin, IDisposable
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private readonly HostedCluster _cluster;
    private readonly TrafficSampler _traffic = new();
    private readonly ITimer _sampling;
    private readonly ITimer _observing;
    private readonly LiveFeeds _feeds;
    private readonly ClusterCensus _census;
    private readonly IsrJournal _journal;

    public ClusterAdmin(HostedCluster cluster)
    {
        _cluster = cluster;
        _feeds = new LiveFeeds(cluster.Time);
        _census = new ClusterCensus(cluster.Time, MinInSync);
        _journal = new IsrJournal(CauseOf);
        _observing = cluster.Time.CreateTimer(_ => Observe(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Observe();
        cluster.PictureChanged += ObserveSoon;
        _remote = new RemoteBrokers(() => Image, cluster.Time);
        _remoteGroups = new RemoteGroups(_remote, Remote, LeaderOf, ReadHere, cluster.Time);
        _remoteLogs = new RemoteLogs(_remote, () => Image, Remote, cluster.Time);
        _remoteConfigs = new RemoteConfigs(_remote, cluster.Time);
        _sampling = cluster.Time.CreateTimer(_ => Tick(), null, s_second, s_second);
    }

    private void Tick()
    {
        _traffic.Sample(Running(), _cluster.Time.GetUtcNow());
        Observe();   // the broker whose picture it is may be another one now
    }

    public IDisposable Subscribe(LiveSubject subject, Action changed) => _feeds.Subscribe(subject, changed);

    public void Dispose()
    {
        _cluster.PictureChanged -= ObserveSoon;
        _sampling.Dispose();
        _observing.Dispose();
        _feeds.Dispose();
        _ = _remoteGroups.DisposeAsync().AsTask();
        _ = _remoteLogs.DisposeAsync().AsTask();
        _ = _remote.DisposeAsync().AsTask();
    }

    private IEnumerable<BrokerServer> Running() => _cluster.Brokers.Select(b => b.Server).OfType<BrokerServer>();

    /// <summary>The broker whose picture of the cluster is taken: the controller's, or any that serves.</summary>
    private BrokerServer? Informed() =>
        Running().FirstOrDefault(b => b.Membership.Controller is { IsActive: true } && b.IsServing) ?? Running().FirstOrDefault(b => b.IsServing);

    private MetadataImage Image => Informed()?.Metadata.Current ?? MetadataImage.Empty;

    /// <summary>A broker of this host that can change the cluster.</summary>
    private BrokerServer Able() => Informed() ?? throw new AdminException("BROKER_NOT_AVAILABLE", "No broker of this host serves.");

    /// <summary>The replica of a partition on the broker that leads it.</summary>
    private (BrokerServer Broker, Partition Partition)? Leader(TopicPartition id)
    {
        foreach (BrokerServer broker in Running())
        {
            if (broker.Replicas?.Partitions.Find(id) is { } partition && partition.Role.IsLeader)
            {
                return (broker, partition);
            }
        }
        return null;
    }

    public ClusterOverview Overview()
    {
        _remoteLogs.Look();
        Census census = Census;
        MetadataImage image = census.Image;
        Counts counts = census.Counts;
        List<int> remote = Remote();
        List<HealthFinding> findings = Findings(image, counts);
        return new ClusterOverview
        {
            ClusterId = _cluster.ClusterId,
            Version = typeof(ClusterAdmin).Assembly.GetName().Version!.ToString(3),
            ControllerId = image.ControllerId,
            ControllerEpoch = ControllerEpoch(),
            BrokersOnline = image.Brokers.Count,
            BrokersKnown = KnownBrokers(census).Count(),
            Topics = image.Topics.Count,
            Partitions = counts.Partitions,
            OfflinePartitions = counts.Offline,
            UnderReplicatedPartitions = counts.UnderReplicated,
            NotPreferredPartitions = counts.NotPreferred,
            Skew = census.Skew,
            Groups = Running().Sum(b => b.Groups?.Groups.Count ?? 0) + _remoteGroups.Groups.Count(g => Coordinator(g.Described.GroupId) is null),
            UnknownGroups = UnknownGroups(),
            LogBytes = Running().Sum(b => b.Logs.Logs.Sum(l => l.SizeBytes)) + remote.Sum(b => _remoteLogs.Directories(b, out _)?.LogBytes ?? 0),
            Silent = [.. remote.Select(Silent).OfType<SilentBroker>()],
            IsWhole = remote.Count == 0,
            Connections = Running().Sum(b => b.Connections.Count),
            Rates = _traffic.Cluster,
            Health = findings.Count == 0 ? HealthLevel.Healthy : findings.Max(f => f.Level),
            Findings = [.. findings.OrderByDescending(f => f.Level)],
            History = _traffic.ClusterHistory,
            StartedAt = _cluster.StartedAt,
        };
    }

    private SilentBroker? Silent(int broker) =>
        _remoteLogs.Directories(broker, out string? unknown) is null ? new SilentBroker(broker, unknown!) : null;

    private List<HealthFinding> Findings(MetadataImage image, Counts counts)
    {
        var findings = new List<HealthFinding>();
        foreach (HostedBroker broker in _cluster.Brokers.Where(b => !b.IsServing))
        {
            findings.Add(new HealthFinding(
                HealthLevel.Degraded, $"Broker {broker.Id} is {broker.State.ToString().ToLowerInvariant()}{Why(broker)}.",
                $"/brokers/{broker.Id}"));
        }
        AddStore(findings);
        AddElsewhere(findings, image);
        AddReplication(findings, counts);
        if (image.ControllerId < 0)
        {
            findings.Add(new HealthFinding(HealthLevel.Down, "There is no controller.", "/brokers"));
        }
        foreach (LogDirectory directory in Running().SelectMany(b => b.Logs.Directories).Where(d => !d.IsOnline))
        {
            findings.Add(new HealthFinding(HealthLevel.Down, $"Log directory {directory.Path} is out of service: {directory.OfflineReason}", "/brokers"));
        }
        return findings;
    }

    /// <summary>Why brokers of this host cannot reach the store; null while they can.</summary>
    private string? StoreFailure => Running().Select(b => b.Membership.StoreFailure).FirstOrDefault(f => f is not null);

    private void AddStore(List<HealthFinding> findings)
    {
        if (StoreFailure is { } failure)
        {
            findings.Add(new HealthFinding(
                HealthLevel.Degraded,
                $"ZooKeeper cannot be reached ({failure}). Brokers go on with what they knew: until it is back nobody is elected, "
                    + "and no topic or configuration changes.",
                null));
        }
    }

    private void AddElsewhere(List<HealthFinding> findings, MetadataImage image)
    {
        foreach (int broker in KnownBrokers(_census.Of(image)).Where(b => !IsHere(b)).Order())
        {
            if (!image.IsAlive(broker))
            {
                findings.Add(new HealthFinding(
                    HealthLevel.Degraded, $"Broker {broker} is not there: it holds replicas, but is not registered.", $"/brokers/{broker}"));
            }
            else if (_remoteLogs.Silence(broker) is { } silence)
            {
                findings.Add(new HealthFinding(
                    HealthLevel.Degraded,
                    $"{silence.TrimEnd('.')}. Figures of what it leads and coordinates are not known."
                        + (broker == image.ControllerId ? " It is the controller: until it answers, or its session expires, nobody is elected." : ""),
                    $"/brokers/{broker}"));
            }
        }
    }

    private void AddReplication(List<HealthFinding> findings, Counts counts)
    {
        if (counts.Offline > 0)
        {
            findings.Add(new HealthFinding(
                HealthLevel.Down, $"{Partitions(counts.Offline)} no leader: neither written nor read.", "/replication?filter=Offline"));
        }
        if (counts.UnderMinIsr > counts.Offline)
        {
            findings.Add(new HealthFinding(
                HealthLevel.Degraded, $"{Partitions(counts.UnderMinIsr)} fewer in-sync replicas than min.insync.replicas: acks=all is refused.",
                "/replication?filter=UnderMinIsr"));
        }
        if (counts.UnderReplicated > 0)
        {
            findings.Add(new HealthFinding(
                HealthLevel.Degraded, $"{Partitions(counts.UnderReplicated)} replicas that are not in sync.", "/replication?filter=UnderReplicated"));
        }
        if (_reassignments.Count == 0 && Throttle() is not null)
        {
            findings.Add(new HealthFinding(
                HealthLevel.Degraded, "Replication is throttled although no reassignment is under way.", "/replication?tab=reassignments"));
        }
    }

    private static string Partitions(int count) => count == 1 ? "1 partition has" : $"{count} partitions have";

    private static string Why(HostedBroker broker) => broker.Failure is { } failure ? $": {failure}"
        : broker.Recovery is { } recovery
            ? $": {recovery.RemainingLogs} logs and {recovery.RemainingSegments} segments of {recovery.Directory} are still to be read" : "";

    public IReadOnlyList<BrokerSummary> Brokers()
    {
        _remoteLogs.Look();
        Census census = Census;
        return [.. KnownBrokers(census).Order().Select(id => Summary(id, census))];
    }

    private BrokerSummary Summary(int id, Census census)
    {
        BrokerShare share = census.Share(id);
        HostedBroker? hosted = _cluster.Brokers.FirstOrDefault(b => b.Id == id);
        BrokerServer? server = hosted?.Server;
        BrokerImage? known = census.Image.Brokers.GetValueOrDefault(id);
        return new BrokerSummary
        {
            Id = id,
            State = hosted?.State ?? (known is null ? BrokerState.Absent
                : _remoteLogs.Silence(id) is null ? BrokerState.Running : BrokerState.Silent),
            IsLocal = hosted is not null,
            IsController = census.Image.ControllerId == id && known is not null,
            Endpoints = [.. (server?.Endpoints ?? known?.Endpoints ?? []).Select(e => $"{e.Listener}://{e.Host}:{e.Port}")],
            Rack = known?.Rack ?? hosted?.Config.Rack,
            Partitions = share.Replicas,
            Leaders = share.Leaders,
            Share = share,
            LogBytes = hosted is null ? _remoteLogs.Directories(id, out _)?.LogBytes ?? -1 : server?.Logs.Logs.Sum(l => l.SizeBytes) ?? 0,
            Connections = hosted is null ? -1 : server?.Connections.Count ?? 0,
            Rates = hosted is null ? RemoteRates(id) : server is null ? TrafficRates.None : _traffic.Broker(id),
            NetworkIdle = hosted is null ? -1 : server is null ? 1 : _traffic.NetworkIdle(id),
            Failure = hosted is null ? _remoteLogs.Silence(id) : hosted.Failure,
        };
    }

    public BrokerDetail Broker(int brokerId)
    {
        Census census = Census;
        HostedBroker? hosted = _cluster.Brokers.FirstOrDefault(b => b.Id == brokerId);
        _remoteLogs.Look();
        if (hosted is null && !KnownBrokers(census).Contains(brokerId))
        {
            throw new AdminException("RESOURCE_NOT_FOUND", $"There is no broker {brokerId}.");
        }
        BrokerServer? server = hosted?.Server;
        return new BrokerDetail
        {
            Summary = Summary(brokerId, census),
            LogDirectories = hosted is null ? _remoteLogs.Directories(brokerId, out _)?.Items ?? []
                : server is null ? [] : [.. server.Logs.Directories.Select(d => Describe(server, d))],
            Connections =
            [
                .. (server?.Connections ?? []).Select(c => new ConnectionView(
                    c.Transport.Remote.ToString(), c.ClientId, c.ClientSoftwareName, c.ClientSoftwareVersion, c.Transport.Listener,
                    c.Transport.NetworkThread)),
            ],
            Requests = server is null ? [] : [.. server.Metrics.Requests.Apis().Where(a => a.Name != "Fetch").Select(Describe)],
            History = _traffic.BrokerHistory(brokerId),
        };
    }

    private static RequestRateView Describe(RequestApi api)
    {
        HistogramFigures total = Read(RequestFigure.TotalTimeMs);
        return new RequestRateView(
            api.Name, api.All.OneMinuteRate, api.All.Count, total.P50, total.P99, Read(RequestFigure.LocalTimeMs).P99,
            Read(RequestFigure.RemoteTimeMs).P99, api.Failures);
        HistogramFigures Read(RequestFigure figure) => api.Find(figure)?.Read() ?? default;
    }

    private static LogDirectoryView Describe(BrokerServer server, LogDirectory directory)
    {
        List<PartitionLog> logs = [.. server.Logs.Logs.Where(l => l.ParentDirectory == directory.Path)];
        (long total, long free) = directory.IsOnline ? directory.Disk.Volume(directory.Path) : (0, 0);
        return new LogDirectoryView(
            directory.Path, directory.IsOnline, directory.OfflineReason, logs.Count, logs.Sum(l => l.SizeBytes), total, free);
    }

    public async Task StartBrokerAsync(int brokerId, CancellationToken cancellationToken)
    {
        try
        {
            await Hosted(brokerId).StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BrokerStartException e)
        {
            throw new AdminException("BROKER_NOT_AVAILABLE", e.Message);
        }
    }

    public Task StopBrokerAsync(int brokerId, bool hard, CancellationToken cancellationToken) =>
        hard ? Hosted(brokerId).KillAsync() : Hosted(brokerId).StopAsync();

    private HostedBroker Hosted(int id) => _cluster.Brokers.FirstOrDefault(b => b.Id == id)
        ?? throw new AdminException(
            "RESOURCE_NOT_FOUND",
            IsRemote(id) ? $"Broker {id} runs in another host: it is stopped and started there, by that host's console or REST API, or by its process."
                : $"This host has no broker {id}.");
}
