using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Admin.Hosted.Replicas;
using Broker.Engine.Configuration;
using Broker.Engine.Metadata;
using Broker.Engine.Replication;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Replicas, their leaders, and how evenly they lie.</summary>
internal sealed partial class ClusterAdmin
{
    private const int ExamplesMax = 10;

    /// <summary>How old a leader's word may be to be the cause of what has just been seen, milliseconds.</summary>
    private const long CauseAgeMsMax = 30_000;

    /// <summary>How long after a change pictures of the cluster are compared: changes seldom come alone.</summary>
    private static readonly TimeSpan s_observe = TimeSpan.FromMilliseconds(200);

    private int _isObservationDue;

    private Census Census => _census.Of(Image);

    public ReplicationOverview ReplicationTotals()
    {
        Census census = Census;
        Counts counts = census.Counts;
        return new ReplicationOverview
        {
            ControllerId = census.Image.ControllerId,
            ControllerEpoch = ControllerEpoch(),
            Partitions = counts.Partitions,
            Replicas = counts.Replicas,
            Offline = counts.Offline,
            UnderReplicated = counts.UnderReplicated,
            UnderMinIsr = counts.UnderMinIsr,
            AtMinIsr = counts.AtMinIsr,
            NotPreferred = counts.NotPreferred,
            Reassigning = _reassignments.Count,
            ThrottleBytesPerSec = Throttle(),
            Skew = census.Skew,
            Brokers = [.. KnownBrokers(census).Order().Select(census.Share)],
        };
    }

    /// <summary>Brokers that are registered, those that hold replicas, and those of this host.</summary>
    private IEnumerable<int> KnownBrokers(Census census) =>
        census.Image.Brokers.Keys.Union(census.Brokers.Keys).Union(_cluster.Brokers.Select(b => b.Id));

    /// <summary>The epoch of the controller that brokers of this host have heard of last; -1 for none.</summary>
    private int ControllerEpoch() => Running().Select(b => b.Replicas?.ControllerEpoch ?? 0).DefaultIfEmpty(0).Max() is var epoch && epoch > 0
        ? epoch : -1;

    public Page<PartitionStatus> PartitionStates(PartitionQuery query)
    {
        string? search = query.Search is { Length: > 0 } given ? given : null;
        List<PartitionState> found =
        [
            .. Census.Partitions.Where(p => p.Is(query.Filter)
                && (search is null || p.Topic.Contains(search, StringComparison.OrdinalIgnoreCase))
                && (query.Broker is not { } broker || p.Image.Replicas.Contains(broker))).OrderByDescending(p => p.Severity),
        ];
        int skip = Math.Clamp(query.Skip, 0, found.Count);
        return new Page<PartitionStatus>(
            [.. found.Skip(skip).Take(Math.Clamp(query.Take, 0, TakeMax)).Select(Describe)], found.Count, skip);
    }

    private PartitionStatus Describe(PartitionState state) => new()
    {
        Topic = state.Topic,
        Partition = state.Partition,
        Leader = state.Image.Leader,
        LeaderEpoch = state.Image.LeaderEpoch,
        Replicas = [.. state.Image.Replicas],
        InSyncReplicas = [.. state.Image.InSyncReplicas],
        MinInSyncReplicas = state.MinInSync,
        IsOffline = state.IsOffline,
        IsUnderReplicated = state.IsUnderReplicated,
        IsUnderMinIsr = state.IsUnderMinIsr,
        IsAtMinIsr = state.IsAtMinIsr,
        IsOnPreferred = state.IsOnPreferred,
        LastDeparture = state.IsUnderReplicated
            ? _journal.Departure(state.Topic, state.Partition, state.Image.Replicas.AsSpan(), state.Image.InSyncReplicas.AsSpan()) : null,
    };

    public Page<IsrEvent> IsrHistory(IsrQuery query) => _journal.Read(query);

    public SkewView Skew(string topic)
    {
        TopicImage known = Known(topic);
        return SkewFormulae.Of(known.Partitions.OfType<PartitionImage>(), Image.Brokers.Count);
    }

    public Page<PartitionReplicas> Replicas(string topic, int skip, int take)
    {
        _remoteLogs.Look();
        MetadataImage image = Image;
        TopicImage known = Known(topic);
        int least = MinInSync(topic);
        int from = Math.Clamp(skip, 0, known.Partitions.Length);
        return new Page<PartitionReplicas>(
        [
            .. Enumerable.Range(from, Math.Min(Math.Clamp(take, 0, TakeMax), known.Partitions.Length - from))
                .Where(i => known.Partitions[i] is not null)
                .Select(i => Describe(new PartitionState(topic, i, known.Partitions[i]!, Math.Min(least, known.Partitions[i]!.Replicas.Length)), image)),
        ], known.Partitions.Length, from);
    }

    private PartitionReplicas Describe(PartitionState state, MetadataImage image)
    {
        var id = new TopicPartition(state.Topic, state.Partition);
        Partition? leader = Leader(id)?.Partition;
        if (state.Image.Replicas.Any(IsRemote))
        {
            _remoteLogs.LookAt(id);
        }
        var about = new About(
            id, state.Image, image, leader, leader?.Log.LogEndOffset ?? LogOf(id, state.Image.Leader).End,
            leader is null ? _reassignments.Find(id) : null);
        return new PartitionReplicas
        {
            Partition = state.Partition,
            Leader = state.Image.Leader,
            LeaderEpoch = state.Image.LeaderEpoch,
            IsOnPreferred = state.IsOnPreferred,
            IsUnderReplicated = state.IsUnderReplicated,
            MinInSyncReplicas = state.MinInSync,
            Replicas = [.. state.Image.Replicas.Select(replica => Describe(about, replica))],
        };
    }

    /// <summary>A partition whose replicas are described.</summary>
    /// <param name="Id">Which.</param>
    /// <param name="State">As the controller published it.</param>
    /// <param name="Image">The cluster.</param>
    /// <param name="Leader">Its leader, where that is in this process.</param>
    /// <param name="End">The leader's end, wherever that is; -1 when it is not known.</param>
    /// <param name="Moving">Its reassignment, where only the controller's list tells of it.</param>
    private sealed record About(
        TopicPartition Id, PartitionImage State, MetadataImage Image, Partition? Leader, long End, Reassignment? Moving);

    /// <summary>A replica by itself where it is in this process, else by what its leader here knows of it, else by its own broker's
    /// word.</summary>
    private ReplicaView Describe(About about, int replica)
    {
        Partition? own = Held(replica, about.Id);
        FollowerState? known = about.Leader?.Role.Follower(replica);
        bool isLeader = replica == about.State.Leader;
        bool isAlive = about.Image.IsAlive(replica) && !about.State.OfflineReplicas.Contains(replica);
        bool isTold = known is { LogEndOffset: >= 0 };
        string? unknown = null;
        RemoteLog? asked = own is null && known is not { LogEndOffset: >= 0, ToldHighWatermark: >= 0 }
            ? Asked(about.Id, replica, isLeader, out unknown) : null;
        long end = own?.Log.LogEndOffset ?? (isTold ? known!.LogEndOffset : asked?.End ?? -1);
        long? lag = isLeader || end < 0 || about.End < 0 ? null : Math.Max(0, about.End - end);
        return new ReplicaView
        {
            BrokerId = replica,
            IsLeader = isLeader,
            IsInSync = about.State.InSyncReplicas.Contains(replica),
            IsAlive = isAlive,
            IsAdding = about.Leader?.Role.AddingReplicas.Contains(replica) ?? about.Moving?.Adding.Contains(replica) ?? false,
            IsRemoving = about.Leader?.Role.RemovingReplicas.Contains(replica) ?? about.Moving?.Removing.Contains(replica) ?? false,
            Source = own is not null ? ReplicaSource.Replica : isTold ? ReplicaSource.Leader
                : asked is not null ? ReplicaSource.Asked : ReplicaSource.Unknown,
            LogEndOffset = end,
            HighWatermark = own?.HighWatermark ?? asked?.HighWatermark ?? known?.ToldHighWatermark ?? -1,
            Lag = lag,
            CaughtUpMsAgo = lag == 0 && isAlive && known is null or { WasCaughtUp: true } ? 0
                : !isLeader && known is { WasCaughtUp: true } ? about.Leader!.SinceCaughtUpMs(known) : null,
            Unknown = end >= 0 ? null : unknown,
        };
    }

    /// <summary>What the broker of another host tells of its replica; null with the reason where that is not known.</summary>
    private RemoteLog? Asked(TopicPartition id, int replica, bool isLeader, out string? unknown)
    {
        if (IsHere(replica))
        {
            unknown = $"Broker {replica} of this host does not hold it now.";
            return null;
        }
        if (!Image.IsAlive(replica))
        {
            unknown = $"Broker {replica} is not there.";
            return null;
        }
        return isLeader ? _remoteLogs.Led(replica, id, out unknown) : _remoteLogs.Followed(replica, id, out unknown);
    }

    /// <summary>A replica on a broker of this host that runs.</summary>
    private Partition? Held(int broker, TopicPartition id) =>
        Running().FirstOrDefault(b => b.Id == broker)?.Replicas?.Partitions.Find(id);

    private int MinInSync(string topic) => Informed() is { } broker
        && LogConfig.Effective(broker.Config.Current, broker.Config.Topic(topic), "min.insync.replicas") is { } value
        && int.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out int least) ? least : 1;

    public ShutdownPreview PreviewShutdown(int brokerId)
    {
        Census census = Census;
        if (!KnownBrokers(census).Contains(brokerId))
        {
            throw new AdminException("RESOURCE_NOT_FOUND", $"There is no broker {brokerId}.");
        }
        var handovers = new SortedDictionary<int, int>();
        var examples = new List<TopicPartition>();
        (int leaders, int offline, int under) = (0, 0, 0);
        foreach (PartitionState state in census.Partitions)
        {
            if (!state.Image.InSyncReplicas.Contains(brokerId))
            {
                continue;
            }
            bool leads = state.Image.Leader == brokerId;
            leaders += leads ? 1 : 0;
            int left = state.Image.InSyncReplicas.Count(r => r != brokerId && census.Image.IsAlive(r));
            int next = state.Image.Replicas.FirstOrDefault(
                r => r != brokerId && state.Image.InSyncReplicas.Contains(r) && census.Image.IsAlive(r), PartitionImage.NoLeader);
            bool goesOffline = leads && next < 0;
            bool fallsUnder = !goesOffline && left < state.MinInSync && !state.IsUnderMinIsr;
            offline += goesOffline ? 1 : 0;
            under += fallsUnder ? 1 : 0;
            if (leads && next >= 0)
            {
                handovers[next] = handovers.GetValueOrDefault(next) + 1;
            }
            if ((goesOffline || fallsUnder) && examples.Count < ExamplesMax)
            {
                examples.Add(new TopicPartition(state.Topic, state.Partition));
            }
        }
        return new ShutdownPreview
        {
            BrokerId = brokerId,
            Leaders = leaders,
            Handovers = [.. handovers.Select(h => new Handover(h.Key, h.Value))],
            GoOffline = offline,
            FallUnderMinIsr = under,
            Examples = examples,
        };
    }

    /// <summary>Has the pictures compared a moment after a change; those that come meanwhile go with it.</summary>
    private void ObserveSoon()
    {
        if (Interlocked.Exchange(ref _isObservationDue, 1) == 0)
        {
            _observing.Change(s_observe, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Compares the cluster's picture with the last one, and asks for reassignments while somebody looks.</summary>
    private void Observe()
    {
        Volatile.Write(ref _isObservationDue, 0);
        if (Image is { Version: > 0 } image)
        {
            _journal.Observe(image, _cluster.Time.GetUtcNow());
        }
        RefreshReassignments();
    }

    /// <summary>The leader's own word on the last change of its in-sync replicas that concerns a broker.</summary>
    private string? CauseOf(TopicPartition id, int broker, bool joined)
    {
        if (Leader(id)?.Partition.IsrHistory is not { Count: > 0 } history)
        {
            return null;
        }
        IsrChange last = history.LastOrDefault(c => c.BrokerId == broker && c.Joined == joined);
        long age = _cluster.Time.GetUtcNow().ToUnixTimeMilliseconds() - last.AtUnixMs;
        return last.Cause is { } cause && age < CauseAgeMsMax && !Partition.CameWithARole(cause) ? cause : null;
    }
}
