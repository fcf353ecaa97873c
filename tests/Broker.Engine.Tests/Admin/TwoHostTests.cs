using Broker.Client;
using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted;
using Broker.Engine.Tests.Coordination;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Interop;

namespace Broker.Engine.Tests.Admin;

/// <summary>Two hosts on one tree: each one's door shows what the other's broker leads and holds, and can change it.</summary>
public sealed partial class TwoHostTests : IAsyncLifetime
{
    private const int Here = 0;
    private const int There = 5;
    private CutWire _wire = null!;
    private TestCluster _here = null!;
    private TestCluster _there = null!;
    private ClusterAdmin _admin = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        int port = FreePorts.InARow(1);
        string[] common = ["replica.fetch.wait.max.ms=100", "offsets.topic.replication.factor=1"];
        _here = await TestCluster.StartAsync(overrides: [$"zookeeper.server.port={port}", .. common]);
        _wire = new CutWire(port);
        _there = await TestCluster.StartAsync(overrides: [$"zookeeper.connect={_wire.Address}", $"broker.id={There}", .. common]);
        _admin = new ClusterAdmin(_here.Hosted);
        foreach (TestCluster host in (TestCluster[])[_here, _there])
        {
            Assert.True(await host.Server().Waits.WaitAsync(i => i.Brokers.Count == 2, 20_000, "both are known"));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        await _there.DisposeAsync();
        await _here.DisposeAsync();
        await _wire.DisposeAsync();
    }

    [Fact]
    public async Task Topic_LedByBoth_ShowsEndsSizesAndEveryReplica()
    {
        await _admin.CreateTopicAsync(new NewTopic("both", 2, 2), Token);
        await ProduceAsync("both", 2, 30);

        TopicDetail topic = await ReadAsync(() => _admin.Topic("both"), t => t.Summary is { UnknownPartitions: 0, Messages: 60 });
        Assert.Equal([Here, There], topic.Partitions.Select(p => p.Leader).Order());
        Assert.All(topic.Partitions, p => Assert.Equal((0L, 30L, 30L, null), (p.LogStartOffset, p.HighWatermark, p.LogEndOffset, p.Unknown)));
        Assert.All(topic.Partitions, p => Assert.True(p.SizeBytes > 0 && p.LogDirectory is not null));
        Assert.Equal((1, topic.Partitions.Sum(p => p.SizeBytes)), (topic.Summary.LedElsewhere, topic.Summary.SizeBytes));

        Page<PartitionReplicas> replicas = await ReadAsync(
            () => _admin.Replicas("both", 0, 10), p => p.Items.SelectMany(i => i.Replicas).All(r => r is { LogEndOffset: 30, HighWatermark: 30 }));
        Assert.All(replicas.Items.SelectMany(p => p.Replicas).Where(r => !r.IsLeader), r => Assert.Equal(0, r.Lag));
        PartitionReplicas far = Assert.Single(replicas.Items, p => p.Leader == There);
        Assert.Equal(ReplicaSource.Asked, far.Replicas.Single(r => r.IsLeader).Source);
        Assert.Equal(ReplicaSource.Replica, far.Replicas.Single(r => !r.IsLeader).Source);

        ClusterOverview overview = _admin.Overview();
        Assert.Empty(overview.Silent);
        Assert.False(overview.IsWhole);
        BrokerDetail broker = _admin.Broker(There);
        Assert.True(broker.Summary.LogBytes > 0 && broker.LogDirectories.Single().Partitions > 0);
        Assert.Equal(overview.LogBytes, broker.Summary.LogBytes + _admin.Broker(Here).Summary.LogBytes);
        SegmentsView segments = _admin.Segments("both", far.Partition);   // the follower here
        Assert.Equal((Here, false, 30), (segments.BrokerId, segments.IsLeader, segments.LogEndOffset));
    }

    [Fact]
    public async Task Replicas_HeldByTheOtherHostOnly_AreAskedThere()
    {
        await _admin.CreateTopicAsync(new NewTopic("far", 4, 1), Token);
        await ProduceAsync("far", 4, 5);

        Page<PartitionReplicas> replicas = await ReadAsync(
            () => _admin.Replicas("far", 0, 10), p => p.Items.All(i => i.Replicas[0] is { LogEndOffset: 5, HighWatermark: 5 }));
        Assert.Equal(2, replicas.Items.Count(p => p.Replicas[0] is { BrokerId: There, Source: ReplicaSource.Asked }));
        RebalanceProposal proposal = await ReadAsync(
            () => _admin.ProposeRebalance(new RebalanceOptions(["far"], [There])), p => p.Moves.All(m => m.Bytes > 0));
        Assert.Equal((2, proposal.Moves.Sum(m => m.Bytes)), (proposal.Moves.Count, proposal.BytesToMove));
    }

    [Fact]
    public async Task DeleteRecords_OfAPartitionLedThere_MovesItsStart_AndRefusesWhatItsLeaderRefuses()
    {
        await _admin.CreateTopicAsync(new NewTopic("cut", 2, 1), Token);
        await ProduceAsync("cut", 2, 10);
        int far = _admin.Topic("cut").Partitions.Single(p => p.Leader == There).Partition;

        Assert.Equal(4, await _admin.DeleteRecordsAsync("cut", far, 4, Token));

        TopicDetail topic = await ReadAsync(() => _admin.Topic("cut"), t => t.Partitions[far].LogStartOffset == 4);
        Assert.Equal(16, topic.Summary.Messages);
        AdminException refused = await Assert.ThrowsAsync<AdminException>(() => _admin.DeleteRecordsAsync("cut", far, 11, Token));
        Assert.Equal("OFFSET_OUT_OF_RANGE", refused.Error);
        Assert.Equal(10, await _admin.DeleteRecordsAsync("cut", far, -1, Token));
    }

    [Fact]
    public async Task Group_WhoseLeadersGo_HasNoLagAgainstAnOldEnd()
    {
        await _admin.CreateTopicAsync(new NewTopic("read", 2, 1), Token);
        await ProduceAsync("read", 2, 10);
        int far = _admin.Topic("read").Partitions.Single(p => p.Leader == There).Partition;
        string readers = await CommitAsync("read", 4);
        await ReadAsync(() => _admin.Group(readers), g => g.Summary is { Lag: 12, UnknownLags: 0 });
        Assert.Equal(2, LagLines(await ScrapeAsync(), readers));   // the far partition's, too

        await _there.Brokers[0].StopAsync();

        GroupDetail group = await ReadAsync(() => _admin.Group(readers), g => g.Summary is { Lag: 6, UnknownLags: 1 });
        Assert.Equal((-1L, null), (group.Partitions[far].LogEndOffset, group.Partitions[far].Lag));
        Assert.Equal(1, LagLines(await ScrapeAsync(), readers));
        TopicDetail topic = _admin.Topic("read");
        Assert.Equal((1, "No broker leads it."), (topic.Summary.UnknownPartitions, topic.Summary.Unknown));
        Assert.Equal(1, Assert.Single(topic.Groups).UnknownLags);
        BrokerSummary absent = Assert.Single(_admin.Brokers(), b => b.Id == There);
        Assert.Equal((BrokerState.Absent, -1L), (absent.State, absent.LogBytes));
        Assert.Contains(_admin.Overview().Findings, f => f.Text.StartsWith("Broker 5 is not there", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Store_OutOfReach_IsTold_AndNobodyWaitsForAChange()
    {
        using var admin = new ClusterAdmin(_there.Hosted);
        _wire.Cut();
        while (admin.Overview().Findings.All(f => !f.Text.StartsWith("ZooKeeper cannot be reached", StringComparison.Ordinal)))
        {
            await Task.Delay(20, Token);
        }
        AdminException refused = await Assert.ThrowsAsync<AdminException>(() => admin.CreateTopicAsync(new NewTopic("no", 1, 1), Token));
        Assert.Equal("BROKER_NOT_AVAILABLE", refused.Error);
        refused = await Assert.ThrowsAsync<AdminException>(() => admin.AlterConfigAsync(
            new ConfigResource(ConfigResourceKind.Broker, ""), new Dictionary<string, string?> { ["num.io.threads"] = "3" }, false, Token));
        Assert.Contains("nothing can be changed", refused.Message, StringComparison.Ordinal);

        _wire.Mend();
        while (admin.Overview().Findings.Any(f => f.Text.StartsWith("ZooKeeper cannot be reached", StringComparison.Ordinal)))
        {
            await Task.Delay(20, Token);
        }
        await admin.CreateTopicAsync(new NewTopic("yes", 1, 1), Token);
    }

    private async Task ProduceAsync(string topic, int partitions, int count)
    {
        for (int i = 0; i < partitions * count; i++)
        {
            await _admin.ProduceAsync(new NewMessage { Topic = topic, Partition = i % partitions, Value = new byte[100] }, Token);
        }
    }

    /// <summary>Commits the same offset for both partitions of a topic, by a group that this host coordinates.</summary>
    private async Task<string> CommitAsync(string topic, long offset)
    {
        KafkaConnection client = await _here.ConnectAsync();
        string group = await GroupOfAsync(client, Here);
        await CommitAsync(client, group, topic, offset);
        return group;
    }

    private static async Task CommitAsync(KafkaConnection client, string group, string topic, long offset)
    {
        var commit = new OffsetCommitRequest { GroupId = group };
        var named = new OffsetCommitRequest.OffsetCommitRequestTopic { Name = topic };
        named.Partitions.Add(new() { PartitionIndex = 0, CommittedOffset = offset });
        named.Partitions.Add(new() { PartitionIndex = 1, CommittedOffset = offset });
        commit.Topics.Add(named);
        ErrorCode error;
        do
        {
            error = (await client.CallAsync<OffsetCommitRequest, OffsetCommitResponse>(commit, 7)).Topics[0].Partitions[0].ErrorCode;
        }
        while (error is ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable or ErrorCode.NotCoordinator);
        Assert.Equal(ErrorCode.None, error);
    }

    /// <summary>A group's name is by its hash one of a partition of __consumer_offsets: some fall to each host.</summary>
    private static async Task<string> GroupOfAsync(KafkaConnection client, int coordinator)
    {
        for (int i = 0; ; i++)
        {
            FindCoordinatorResponse found = await client.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
                new FindCoordinatorRequest { Key = $"readers-{i}" }, 2);
            if (found.ErrorCode == ErrorCode.None && found.NodeId == coordinator)
            {
                return $"readers-{i}";
            }
            await Task.Delay(10, Token);
        }
    }

    /// <summary>Reads as a caller who wants fresh figures does, until they are as they should be.</summary>
    private async Task<T> ReadAsync<T>(Func<T> read, Func<T, bool> holds)
        where T : class
    {
        T? last = null;
        for (int i = 0; i < 100; i++)
        {
            await _admin.FreshAsync(Token);
            try
            {
                last = read();
                if (holds(last))
                {
                    return last;
                }
            }
            catch (AdminException e) when (e.Error == "GROUP_ID_NOT_FOUND")
            {
                // not looked at yet
            }
            await Task.Delay(100, Token);
        }
        Assert.Fail($"it stays at {last}");
        return last!;
    }
}
