namespace Broker.Engine.Admin;

/// <summary>Bytes and requests a second, averaged over the last seconds.</summary>
public sealed record TrafficRates(
    double MessagesInPerSec, double BytesInPerSec, double BytesOutPerSec, double ProduceRequestsPerSec, double FetchRequestsPerSec)
{
    public static readonly TrafficRates None = new(0, 0, 0, 0, 0);

    /// <summary>Of a broker of another host: -1 stands for what is not known.</summary>
    public static readonly TrafficRates Unknown = new(-1, -1, -1, -1, -1);
}

public enum HealthLevel
{
    Healthy,
    Degraded,
    Down,
}

/// <summary>One thing that is not as it should be, in a sentence, and where to look.</summary>
public sealed record HealthFinding(HealthLevel Level, string Text, string? Link);

/// <summary>The cluster at one instant.</summary>
public sealed record ClusterOverview
{
    public required string ClusterId { get; init; }
    public required string Version { get; init; }

    /// <summary>-1 when there is none.</summary>
    public required int ControllerId { get; init; }
    public required int ControllerEpoch { get; init; }
    public required int BrokersOnline { get; init; }
    public required int BrokersKnown { get; init; }
    public required int Topics { get; init; }
    public required int Partitions { get; init; }
    public required int OfflinePartitions { get; init; }
    public required int UnderReplicatedPartitions { get; init; }

    /// <summary>Partitions that another than the preferred replica leads.</summary>
    public required int NotPreferredPartitions { get; init; }

    /// <summary>All partitions taken as one topic's.</summary>
    public required SkewView Skew { get; init; }
    public required int Groups { get; init; }

    /// <summary>Why there may be more groups; empty where all are known.</summary>
    public required IReadOnlyList<string> UnknownGroups { get; init; }

    /// <summary>What is known of it: without that of <see cref="Silent"/> brokers.</summary>
    public required long LogBytes { get; init; }

    /// <summary>Brokers of other hosts that have not told of their logs, and why.</summary>
    public required IReadOnlyList<SilentBroker> Silent { get; init; }

    /// <summary>Of this host's brokers.</summary>
    public required int Connections { get; init; }

    /// <summary>Of this host's brokers, as the history is.</summary>
    public required TrafficRates Rates { get; init; }

    /// <summary>Whether all brokers run in this host.</summary>
    public required bool IsWhole { get; init; }
    public required HealthLevel Health { get; init; }
    public required IReadOnlyList<HealthFinding> Findings { get; init; }

    /// <summary>The last minutes, one point a second, oldest first.</summary>
    public required IReadOnlyList<TrafficPoint> History { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
}

/// <summary>A broker of another host that does not tell of its logs.</summary>
public sealed record SilentBroker(int Id, string Reason);

public sealed record TrafficPoint(DateTimeOffset At, TrafficRates Rates);

public enum BrokerState
{
    Stopped,
    Starting,
    Recovering,
    Running,
    Stopping,
    Failed,

    /// <summary>Of another host: registered, but it does not answer.</summary>
    Silent,

    /// <summary>Of another host: it holds replicas, but is not registered.</summary>
    Absent,
}

/// <summary>A broker in a list.</summary>
public sealed record BrokerSummary
{
    public required int Id { get; init; }
    public required BrokerState State { get; init; }

    /// <summary>Whether it runs in this process, so that it can be started and stopped here.</summary>
    public required bool IsLocal { get; init; }
    public required bool IsController { get; init; }
    public required IReadOnlyList<string> Endpoints { get; init; }
    public string? Rack { get; init; }
    public required int Partitions { get; init; }
    public required int Leaders { get; init; }

    /// <summary>Its share of the cluster's replicas and leaders.</summary>
    public required BrokerShare Share { get; init; }

    /// <summary>-1 when it is not known.</summary>
    public required long LogBytes { get; init; }

    /// <summary>-1 for a broker of another host.</summary>
    public required int Connections { get; init; }

    /// <summary>Of a broker of another host what its logs grow by, and -1 for the rest.</summary>
    public required TrafficRates Rates { get; init; }

    /// <summary>Share of time that the network threads waited, 0 to 1; -1 for a broker of another host.</summary>
    public required double NetworkIdle { get; init; }

    /// <summary>Why it failed or does not answer, or null.</summary>
    public string? Failure { get; init; }
}

/// <summary>A broker with what lies inside it.</summary>
public sealed record BrokerDetail
{
    public required BrokerSummary Summary { get; init; }
    public required IReadOnlyList<LogDirectoryView> LogDirectories { get; init; }
    public required IReadOnlyList<ConnectionView> Connections { get; init; }
    public required IReadOnlyList<RequestRateView> Requests { get; init; }
    public required IReadOnlyList<TrafficPoint> History { get; init; }
}

/// <summary>A log directory; the volume's bytes are -1 when they are not known.</summary>
public sealed record LogDirectoryView(
    string Path, bool IsOnline, string? OfflineReason, int Partitions, long LogBytes, long VolumeBytes, long VolumeFreeBytes);

public sealed record ConnectionView(
    string Client, string ClientId, string SoftwareName, string SoftwareVersion, string Listener, int NetworkThread);

/// <summary>One API's traffic on a broker; times in milliseconds over the last minutes.</summary>
public sealed record RequestRateView(
    string Api, double PerSecond, long Total, double TotalMsP50, double TotalMsP99, double LocalMsP99, double RemoteMsP99, long Errors);
