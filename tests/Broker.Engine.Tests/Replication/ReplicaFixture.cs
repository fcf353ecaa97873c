using Broker.Engine.Configuration;
using Broker.Engine.Replication;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Files;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Tests.Wire;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Replication;

/// <summary>One broker's replicas of topic t on a disk of their own, without sockets, on a clock that stands until it is
/// moved.</summary>
internal sealed class ReplicaFixture : IDisposable
{
    private static readonly Guid s_topicId = new("11111111-2222-3333-4444-555555555555");

    private readonly TempDirectory _directory = new();
    private readonly LogManager _logs;
    private readonly Dictionary<string, string> _topic;

    public ReplicaFixture(int brokerId = 0, FakeTimeProvider? time = null, int minIsr = 1)
    {
        Time = time ?? new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        Clock = new MonotonicClock(Time);
        _topic = new Dictionary<string, string> { ["min.insync.replicas"] = $"{minIsr}" };
        _logs = new LogManager(
            new LogManagerOptions { BrokerId = brokerId, ClusterId = "AAAAAAAAAAAAAAAAAAAAAA", Directories = [_directory.Root] },
            PhysicalDisk.Instance, _ => new LogConfig(new BrokerConfig(new Dictionary<string, string>()), _topic), Clock,
            new TestBackground(), new Random(1), NullLogger.Instance);
        _logs.Open();
        Context = new ReplicationContext(brokerId, Clock)
        {
            Propose = Proposed.Add,
            IsAlive = b => !Dead.Contains(b),
            IsrChanged = joined => IsrChanges.Add(joined),
        };
        Replicas = new ReplicaManager(Context, _logs, 0, NullLogger.Instance);
    }

    public FakeTimeProvider Time { get; }

    public MonotonicClock Clock { get; }

    public ReplicationContext Context { get; }

    public ReplicaManager Replicas { get; }

    public HashSet<int> Dead { get; } = [];

    public List<Partition> Proposed { get; } = [];

    public List<bool> IsrChanges { get; } = [];

    public Partition Partition => Replicas.Partitions.Find(new TopicPartition("t", 0))!;

    public PartitionRole Role => Partition.Role;

    /// <summary>Configures the topic, before its first role.</summary>
    public void Configure(string key, string value) => _topic[key] = value;

    /// <summary>The controller gives a role.</summary>
    public ErrorCode Give(int leader, int leaderEpoch, int[] isr, int[]? replicas = null, int partitionEpoch = 0, int partition = 0)
    {
        var topic = new LeaderAndIsrRequest.LeaderAndIsrTopicState { TopicName = "t", TopicId = s_topicId };
        var state = new LeaderAndIsrRequest.LeaderAndIsrPartitionState
        {
            PartitionIndex = partition,
            Leader = leader,
            LeaderEpoch = leaderEpoch,
            PartitionEpoch = partitionEpoch,
        };
        state.Replicas.AddRange(replicas ?? [0, 1, 2]);
        state.Isr.AddRange(isr);
        topic.PartitionStates.Add(state);
        var request = new LeaderAndIsrRequest { ControllerEpoch = 1 };
        request.TopicStates.Add(topic);
        return Replicas.Apply(request).Topics[0].PartitionErrors[0].ErrorCode;
    }

    public AppendResult Append(int records = 1, short acks = -1, int valueBytes = 10) =>
        Partition.AppendAsLeader(Calls.Batch(records, valueBytes: valueBytes, timestampMs: Clock.UnixMs), 9, Clock.UnixMs, acks);

    /// <summary>A follower asks from an offset.</summary>
    public void Fetched(int follower, long offset, long brokerEpoch = -1) =>
        Partition.OnFollowerFetch(follower, offset, 0, Partition.Log.LogEndOffset, brokerEpoch);

    /// <summary>The controller answers the proposal that is open.</summary>
    public bool Answer(ErrorCode error = ErrorCode.None, int? partitionEpoch = null, int[]? isr = null)
    {
        IsrProposal proposal = Role.Proposal!;
        return Partition.OnProposalAnswered(
            proposal, error, Role.LeaderEpoch, partitionEpoch ?? Role.PartitionEpoch + 1, isr ?? proposal.InSyncReplicas);
    }

    public void Checkpoint() => _logs.CheckpointHighWatermarks(Replicas.HighWatermarkToKeep);

    /// <summary>What a broker knows that has opened these logs and was not given any role yet.</summary>
    public ReplicaManager NextLife() => new(Context, _logs, 0, NullLogger.Instance);

    public void Advance(int ms) => Time.Advance(TimeSpan.FromMilliseconds(ms));

    public void Dispose()
    {
        _logs.Dispose();
        _directory.Dispose();
    }
}
