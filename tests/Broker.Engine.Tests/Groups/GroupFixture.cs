using Broker.Engine.Configuration;
using Broker.Engine.Groups;
using Broker.Engine.Metadata;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Files;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Groups;

/// <summary>A coordinator over a real offsets log of one partition, on a clock that stands until it is moved.</summary>
internal sealed class GroupFixture : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly WorkerThreads _workers = new("test", 2, NullLogger.Instance);
    private readonly EngineTimer _rebalances;
    private readonly EngineTimer _heartbeats;
    private readonly LogManager _logs;
    private readonly MonotonicClock _clock;

    public GroupFixture(GroupOptions? options = null)
    {
        _clock = new MonotonicClock(_time);
        _rebalances = new EngineTimer("Rebalance", _clock);
        _heartbeats = new EngineTimer("Heartbeat", _clock);
        _logs = new LogManager(
            new LogManagerOptions { BrokerId = 0, ClusterId = "AAAAAAAAAAAAAAAAAAAAAA", Directories = [_directory.Root] },
            PhysicalDisk.Instance, _ => LogConfig.Default, _clock, new Background(), new Random(1), NullLogger.Instance);
        _logs.Open();
        Replicas = new ReplicaManager(new ReplicationContext(0, _clock), _logs, 0, NullLogger.Instance);
        MakeTopic(InternalTopics.ConsumerOffsets);
        MakeTopic("orders");
        Options = options ?? new GroupOptions { InitialRebalanceDelayMs = 0 };
        Coordinator = New();
    }

    public GroupOptions Options { get; private set; }

    public ReplicaManager Replicas { get; }

    public MetadataCache Metadata { get; } = new();

    public GroupCoordinator Coordinator { get; private set; }

    /// <summary>Another coordinator takes over: what it knows it read from the log.</summary>
    public void MoveCoordinator(GroupOptions? options = null)
    {
        Options = options ?? Options;
        Coordinator = New();
    }

    /// <summary>The broker leads the offsets partition no more.</summary>
    public void Resign() => Coordinator.OnResigned(new TopicPartition(InternalTopics.ConsumerOffsets, 0));

    private GroupCoordinator New()
    {
        var coordinator = new GroupCoordinator(
            Options, Replicas, Metadata, _workers, new DelayedOperationPurgatory("Rebalance", _rebalances),
            new DelayedOperationPurgatory("Heartbeat", _heartbeats), _clock, new Random(1), NullLogger.Instance);
        coordinator.OnBecameLeader(Replicas.Partitions.Find(new TopicPartition(InternalTopics.ConsumerOffsets, 0))!);
        SpinWait.SpinUntil(() => coordinator.Offsets("any", out _) == ErrorCode.None, TimeSpan.FromSeconds(10));
        return coordinator;
    }

    private void MakeTopic(string name)
    {
        var id = new Guid(name.Length, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
        var roles = new LeaderAndIsrRequest.LeaderAndIsrTopicState { TopicName = name, TopicId = id };
        var role = new LeaderAndIsrRequest.LeaderAndIsrPartitionState { Leader = 0 };
        role.Replicas.Add(0);
        role.Isr.Add(0);
        roles.PartitionStates.Add(role);
        var lead = new LeaderAndIsrRequest { ControllerEpoch = 1 };
        lead.TopicStates.Add(roles);
        Replicas.Apply(lead);
        var shown = new UpdateMetadataRequest.UpdateMetadataTopicState { TopicName = name, TopicId = id };
        shown.PartitionStates.Add(new() { Leader = 0 });
        var update = new UpdateMetadataRequest { ControllerEpoch = 1 };
        update.TopicStates.Add(shown);
        update.LiveBrokers.Add(new() { Id = 0 });
        Metadata.Apply(update);
    }

    /// <summary>Moves the clock and lets what is due run.</summary>
    public void Advance(int ms)
    {
        for (int passed = 0; passed < ms; passed += 100)
        {
            _time.Advance(TimeSpan.FromMilliseconds(Math.Min(100, ms - passed)));
            _rebalances.Advance(_clock.NowMs);
            _heartbeats.Advance(_clock.NowMs);
            Settle();
        }
    }

    /// <summary>Waits until the workers have done what was given to them.</summary>
    private void Settle()
    {
        using var done = new CountdownEvent(2);
        using var gate = new Barrier(2);
        for (int i = 0; i < 2; i++)
        {
            _workers.Run(() =>
            {
                gate.SignalAndWait(TimeSpan.FromSeconds(10));
                done.Signal();
            });
        }
        done.Wait(TimeSpan.FromSeconds(10));
    }

    public Task<JoinGroupResponse> Join(
        string member = "", string? instance = null, short version = 9, string protocol = "range", int sessionMs = 10_000)
    {
        var request = new JoinGroupRequest
        {
            GroupId = "g",
            MemberId = member,
            GroupInstanceId = instance,
            SessionTimeoutMs = sessionMs,
            RebalanceTimeoutMs = 20_000,
            ProtocolType = "consumer",
        };
        request.Protocols.Add(new() { Name = protocol });
        return Coordinator.JoinAsync(request, version, "client", "/127.0.0.1").AsTask();
    }

    /// <summary>Joins as a dynamic member, the handshake included.</summary>
    public async Task<Task<JoinGroupResponse>> JoinNew()
    {
        JoinGroupResponse asked = await Join();
        Assert.Equal(ErrorCode.MemberIdRequired, asked.ErrorCode);
        return Join(asked.MemberId);
    }

    public Task<SyncGroupResponse> Sync(JoinGroupResponse joined, params (string Member, byte Assignment)[] assignments)
    {
        var request = new SyncGroupRequest
        {
            GroupId = "g",
            GenerationId = joined.GenerationId,
            MemberId = joined.MemberId,
            ProtocolType = joined.ProtocolType,
            ProtocolName = joined.ProtocolName,
        };
        foreach ((string member, byte assignment) in assignments)
        {
            request.Assignments.Add(new() { MemberId = member, Assignment = new[] { assignment } });
        }
        return Coordinator.SyncAsync(request).AsTask();
    }

    public ErrorCode Heartbeat(JoinGroupResponse joined, string? instance = null) => Coordinator.Heartbeat(new HeartbeatRequest
    {
        GroupId = "g",
        GenerationId = joined.GenerationId,
        MemberId = joined.MemberId,
        GroupInstanceId = instance,
    });

    public ErrorCode Commit(long offset, int generation = -1, string member = "", string topic = "orders", string metadata = "",
        long retentionMs = -1)
    {
        var request = new OffsetCommitRequest
        {
            GroupId = "g",
            GenerationIdOrMemberEpoch = generation,
            MemberId = member,
            RetentionTimeMs = retentionMs,
        };
        var asked = new OffsetCommitRequest.OffsetCommitRequestTopic { Name = topic };
        asked.Partitions.Add(new() { CommittedOffset = offset, CommittedMetadata = metadata, CommittedLeaderEpoch = 3 });
        request.Topics.Add(asked);
        Task<OffsetCommitResponse> committed = Coordinator.CommitAsync(request, 9).AsTask();
        Assert.True(committed.IsCompletedSuccessfully);   // with one replica there is nothing to wait for
        return committed.Result.Topics[0].Partitions[0].ErrorCode;
    }

    public CommittedOffset? Committed()
    {
        Assert.Equal(ErrorCode.None, Coordinator.Offsets("g", out IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets));
        return offsets.GetValueOrDefault(new TopicPartition("orders", 0));
    }

    public void Dispose()
    {
        _workers.Dispose();
        _logs.Dispose();
        _directory.Dispose();
    }

    private sealed class Background : LogBackground
    {
        public override void Run(Action work) => work();

        public override void RunLater(Action work, long delayMs) { }

        public override void Failed(string logDirectory, IOException error) => throw error;
    }
}
