using Broker.Client;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Controller;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Groups;

/// <summary>What clients are told while a group's coordinator moves from one broker to another, and that nothing of the group is lost on
/// the way.</summary>
public sealed class CoordinatorMoveTests
{
    private const string Group = "g";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Coordinator_StopsAndComesBack_OthersRefuse_AndTheNextLoadsBeforeItAnswers()
    {
        var disk = new FaultingDisk();
        await using TestCluster cluster = await TestCluster.StartAsync(
            brokers: 3, overrides: ["log.dirs=/disk", "auto.leader.rebalance.enable=false"], disk: disk);
        await CreateOrdersAsync(cluster);
        int first = await CoordinatorAsync(cluster, away: -1);
        await ReplicatedCluster.UntilAsync(() => cluster.Brokers.All(b => b.Server!.Groups.PartitionFor(Group) >= 0));   // all have heard of the topic
        int partition = cluster.Server(first).Groups.PartitionFor(Group);
        var offsets = new TestTopic(InternalTopics.ConsumerOffsets, cluster.Server().Metadata.Current.Topic(InternalTopics.ConsumerOffsets)!.Id);
        await cluster.UntilInSyncAsync(offsets, 3, partition);
        KafkaConnection client = await cluster.ConnectAsync(first);
        JoinGroupResponse member = await GroupCluster.JoinNewAsync(client, Group);
        Assert.Equal(ErrorCode.None, (await GroupCluster.SyncAsync(client, Group, member)).ErrorCode);
        Assert.Equal(ErrorCode.None, await GroupCluster.CommitAsync(client, Group, 42, member));
        foreach (int other in (int[])[(first + 1) % 3, (first + 2) % 3])
        {
            Assert.Equal(Enumerable.Repeat(ErrorCode.NotCoordinator, 4), await AskAllAsync(cluster, other, member));
        }

        using var readable = new ManualResetEventSlim();
        disk.OnRead = (path, _) =>
        {
            if (path.Contains($"{InternalTopics.ConsumerOffsets}-{partition}/", StringComparison.Ordinal)
                && path.EndsWith(".log", StringComparison.Ordinal))
            {
                readable.Wait(Token);
            }
        };
        int next;
        try
        {
            await cluster.Brokers[first].StopAsync();
            next = await CoordinatorAsync(cluster, away: first);
            await ReplicatedCluster.UntilAsync(() => cluster.Server(next).Groups.IsLoading);
            // A member that is merely alive is left in peace (Kafka: GroupCoordinator.handleHeartbeat).
            Assert.Equal(
                [ErrorCode.None, .. Enumerable.Repeat(ErrorCode.CoordinatorLoadInProgress, 3)], await AskAllAsync(cluster, next, member));
            Assert.Equal(Enumerable.Repeat(ErrorCode.NotCoordinator, 4), await AskAllAsync(cluster, 3 - first - next, member));
        }
        finally
        {
            disk.OnRead = null;
            readable.Set();
        }
        await ReplicatedCluster.UntilAsync(() => !cluster.Server(next).Groups.IsLoading);
        client = await cluster.ConnectAsync(next);
        Assert.Equal(ErrorCode.None, await GroupCluster.HeartbeatAsync(client, Group, member));
        Assert.Equal(42, await GroupCluster.CommittedAsync(client, Group));
        Assert.Equal(ErrorCode.None, await GroupCluster.CommitAsync(client, Group, 43, member));

        // It goes back while everybody is there: the one that has it no more says so.
        await cluster.Brokers[first].StartAsync(Token);
        await cluster.UntilInSyncAsync(offsets, 3, partition);
        Assert.Equal(ErrorCode.None, (await ControllerWireTests.ElectAsync(client, offsets, type: 0, partition)).ErrorCode);
        Assert.Equal(first, await CoordinatorAsync(cluster, away: next));
        while (await GroupCluster.HeartbeatAsync(client, Group, member) == ErrorCode.None)
        {
            await Task.Delay(1, Token);   // it is about to hear of it
        }
        Assert.Equal(Enumerable.Repeat(ErrorCode.NotCoordinator, 4), await AskAllAsync(cluster, next, member));
        client = await cluster.ConnectAsync(first);
        await ReplicatedCluster.UntilAsync(() => !cluster.Server(first).Groups.IsLoading);
        Assert.Equal(ErrorCode.None, await GroupCluster.HeartbeatAsync(client, Group, member));
        Assert.Equal(43, await GroupCluster.CommittedAsync(client, Group));
    }

    private static async Task CreateOrdersAsync(TestCluster cluster)
    {
        var request = new CreateTopicsRequest { TimeoutMs = 20_000 };
        request.Topics.Add(new() { Name = "orders", NumPartitions = 1, ReplicationFactor = 3 });
        CreateTopicsResponse made = await (await cluster.ConnectAsync()).CallAsync<CreateTopicsRequest, CreateTopicsResponse>(request, 7);
        Assert.Equal(ErrorCode.None, made.Topics[0].ErrorCode);
    }

    /// <summary>What a broker answers to a heartbeat, a commit, a join and a question for offsets.</summary>
    private static async Task<ErrorCode[]> AskAllAsync(TestCluster cluster, int broker, JoinGroupResponse member)
    {
        KafkaConnection client = await cluster.ConnectAsync(broker);
        var offsets = new OffsetFetchRequest();
        offsets.Groups.Add(new() { GroupId = Group, Topics = null });
        return
        [
            await GroupCluster.HeartbeatAsync(client, Group, member),
            await GroupCluster.CommitAsync(client, Group, 1, member),
            (await GroupCluster.JoinAsync(client, GroupCluster.JoinRequest(Group, member.MemberId))).ErrorCode,
            (await client.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(offsets, 8)).Groups[0].ErrorCode,
        ];
    }

    private static async Task<int> CoordinatorAsync(TestCluster cluster, int away)
    {
        KafkaConnection any = await cluster.ConnectAsync(cluster.Brokers.First(b => b.Id != away && b.Server is { IsServing: true }).Id);
        while (true)
        {
            FindCoordinatorResponse found = await any.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(new() { Key = Group }, 2);
            if (found.ErrorCode == ErrorCode.None && found.NodeId != away)
            {
                return found.NodeId;
            }
            await Task.Delay(5, Token);
        }
    }
}
