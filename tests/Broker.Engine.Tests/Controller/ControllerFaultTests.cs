using System.Net;
using System.Net.Sockets;
using Broker.Engine.Controller;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Controller;

/// <summary>A controller that meets what it did not expect, brokers that shut down while others come and go, and brokers that move
/// while they run.</summary>
public sealed class ControllerFaultTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Event_ThatFailsUnexpectedly_CostsTheOfficeUntilAllIsReadAnew()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        ICoordinationSession session = cluster.Server().Membership.Session;
        int before = await EpochAsync(session);
        string unreadable = $"{ClusterPaths.BrokerIds}/77";

        await session.CreateAsync(unreadable, "no broker"u8.ToArray(), CreateMode.Persistent, Token);

        await ReplicatedCluster.UntilAsync(() => EpochAsync(session).Result > before);
        await session.DeleteAsync(unreadable, CoordinationOperation.AnyVersion, Token);
        await cluster.NewReplicatedTopicAsync(2, replicas: 2);   // one controller knows all there is
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Topic_ThatCannotBeRead_KeepsItsLogsAndHoldsNobodyUp(bool isState)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 2);
        await (await cluster.ConnectAsync(cluster.LeaderOf(topic))).ProduceAsync(topic, Calls.Batch(10));
        string path = isState ? ClusterPaths.PartitionState(topic.Name, 0) : ClusterPaths.Topic(topic.Name);
        BrokerServer controller = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Server!;
        ICoordinationSession session = cluster.Server(1 - controller.Id).Membership.Session;
        byte[] before = (await session.GetAsync(path, Token)).Data.ToArray();
        await session.SetAsync(path, "garbage"u8.ToArray(), CoordinationOperation.AnyVersion, Token);

        await cluster.Brokers[controller.Id].StopAsync();
        await cluster.Brokers[controller.Id].StartAsync(Token);   // a newcomer to a controller that knows nothing of the topic

        await cluster.NewReplicatedTopicAsync(1, replicas: 2);
        Assert.Equal(10, cluster.Server(controller.Id).Logs.Find(new TopicPartition(topic.Name, 0))!.LogEndOffset);
        await session.SetAsync(path, before, CoordinationOperation.AnyVersion, Token);
        byte[] node = (await session.GetAsync(ClusterPaths.Topic(topic.Name), Token)).Data.ToArray();
        await session.SetAsync(ClusterPaths.Topic(topic.Name), node, CoordinationOperation.AnyVersion, Token);   // the controller looks again
        await cluster.UntilInSyncAsync(topic, 2);
        Assert.Equal(10, cluster.LeaderPartition(topic)!.Log.LogEndOffset);
    }

    [Fact]
    public async Task Request_ThatFailsBeforeAnythingIsChanged_IsAnsweredAndCostsNoOffice()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 1);
        ClusterController controller = cluster.Server().Membership.Controller!;
        await ReplicatedCluster.UntilAsync(() => controller.IsActive);
        int epoch = controller.Epoch;
        var request = new ElectLeadersRequest();
        var named = new ElectLeadersRequest.TopicPartitionsData { Topic = null! };
        named.Partitions.Add(0);
        request.TopicPartitions!.Add(named);

        ElectLeadersResponse response = await controller.ElectAsync(request);

        Assert.Equal(ErrorCode.UnknownServerError, response.ErrorCode);
        await cluster.NewTopicAsync();
        Assert.True(controller.IsActive);
        Assert.Equal(epoch, controller.Epoch);
    }

    [Fact]
    public async Task LeaderThatShutsDown_WithNobodyToHandOverTo_LeadsOnAsOthersComeAndGo()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: ["auto.leader.rebalance.enable=false"]);
        await ReplicatedCluster.UntilAsync(() => cluster.Brokers.Any(b => b.Server!.Membership.Controller!.IsActive));
        BrokerServer leader = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Server!;
        ClusterController controller = leader.Membership.Controller!;
        TestTopic topic = await cluster.NewReplicatedTopicAsync(3, replicas: 3);
        int led = Enumerable.Range(0, 3).First(p => cluster.LeaderOf(topic, p) == leader.Id);
        HostedBroker[] others = [.. cluster.Brokers.Where(b => b.Id != leader.Id)];
        foreach (HostedBroker other in others)
        {
            await other.StopAsync();
        }
        await SeenAsync(leader, image => image.Partition(topic.Name, led) is { InSyncReplicas.Length: 1 });

        ControlledShutdownResponse remaining = await ShutDownAsync(controller, leader);
        Assert.Contains(remaining.RemainingPartitions, p => p.TopicName == topic.Name && p.PartitionIndex == led);
        await others[0].StartAsync(Token);
        await SeenAsync(leader, image => image.IsAlive(others[0].Id));
        Assert.Equal(leader.Id, leader.Metadata.Current.Partition(topic.Name, led)!.Leader);
        await cluster.UntilInSyncAsync(topic, 2, led);   // its word on who is in sync still counts
        await others[0].StopAsync();
        await SeenAsync(leader, image => image.Partition(topic.Name, led) is { InSyncReplicas.Length: 1 });
        Assert.Equal(leader.Id, leader.Metadata.Current.Partition(topic.Name, led)!.Leader);

        await others[0].StartAsync(Token);
        await cluster.UntilInSyncAsync(topic, 2, led);
        await ShutDownAsync(controller, leader);
        await SeenAsync(leader, image => image.Partition(topic.Name, led)!.Leader == others[0].Id);
    }

    [Fact]
    public async Task FollowerThatShutsDown_IsNotToldToFollowOnceMore()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: ["auto.leader.rebalance.enable=false"]);
        await ReplicatedCluster.UntilAsync(() => cluster.Brokers.Any(b => b.Server!.Membership.Controller!.IsActive));
        ClusterController controller = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Server!.Membership.Controller!;
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 3);
        await cluster.UntilInSyncAsync(topic, 3);
        BrokerServer follower = cluster.Brokers.First(b => b.Id != cluster.LeaderOf(topic)).Server!;
        var id = new TopicPartition(topic.Name, 0);
        Partition held = follower.Replicas.Partitions.Find(id)!;
        int epoch = held.Role.LeaderEpoch;

        await ShutDownAsync(controller, follower);

        await ReplicatedCluster.UntilAsync(() => follower.Replicas.Partitions.Find(id) is null);
        await cluster.UntilInSyncAsync(topic, 2);
        Assert.True(cluster.LeaderPartition(topic)!.Role.LeaderEpoch > epoch);
        Assert.Equal(epoch, held.Role.LeaderEpoch);
    }

    [Fact]
    public async Task Registration_ThatNamesOtherEndpoints_IsToldToAllAndTheControllerGoesThere()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        await ReplicatedCluster.UntilAsync(() => cluster.Brokers.Any(b => b.Server!.Membership.Controller!.IsActive));
        BrokerServer controller = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Server!;
        int moved = 1 - controller.Id;
        using var elsewhere = new TcpListener(IPAddress.Loopback, 0);
        elsewhere.Start();
        int port = ((IPEndPoint)elsewhere.LocalEndpoint).Port;
        BrokerImage image = controller.Metadata.Current.Brokers[moved];
        BrokerImage now = image with { Rack = "elsewhere", Endpoints = [image.Endpoints[0] with { Port = port }] };

        await controller.Membership.Session.SetAsync(
            ClusterPaths.Broker(moved), ClusterJson.Broker(now, 0), CoordinationOperation.AnyVersion, Token);

        using TcpClient line = await elsewhere.AcceptTcpClientAsync(Token).AsTask().WaitAsync(TimeSpan.FromSeconds(20), Token);
        await SeenAsync(controller, picture => picture.Brokers[moved] is { Rack: "elsewhere" } b && b.Endpoints[0].Port == port);
        await controller.Membership.Session.SetAsync(
            ClusterPaths.Broker(moved), ClusterJson.Broker(image, 0), CoordinationOperation.AnyVersion, Token);
        line.Close();
        await SeenAsync(controller, picture => picture.Brokers[moved].Rack is null);
        await SeenAsync(cluster.Server(moved), picture => picture.Brokers[moved].Rack is null);
    }

    private static Task<ControlledShutdownResponse> ShutDownAsync(ClusterController controller, BrokerServer server) =>
        controller.ShutDownAsync(new ControlledShutdownRequest { BrokerId = server.Id, BrokerEpoch = server.Membership.BrokerEpoch });

    private static async Task SeenAsync(BrokerServer server, Func<MetadataImage, bool> holds) =>
        Assert.True(await server.Waits.WaitAsync(holds, 30_000, "test"), $"broker {server.Id} does not see it");

    private static async Task<int> EpochAsync(ICoordinationSession session) => int.Parse(
        (await session.GetAsync(ClusterPaths.ControllerEpoch, Token)).Data.Span, System.Globalization.CultureInfo.InvariantCulture);
}
