using System.Text;
using Broker.Client;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Controller;

/// <summary>Leaders and replicas that move, on three brokers that replicate.</summary>
public sealed class ControllerWireTests
{
    private const sbyte Preferred = 0;
    private const sbyte Unclean = 1;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ControlledShutdown_OfEveryBrokerInTurn_LosesNothingAndOthersLead()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 3, ("min.insync.replicas", "2"));
        var writer = new AcksAllWriter(cluster, topic);
        Task writing = writer.RunAsync();
        for (int i = 0; i < 3; i++)
        {
            await writer.UntilAcknowledgedAsync(writer.Acknowledged + 50);
            await cluster.Brokers[i].StopAsync();
            // Before it goes, every broker tells clients of the new leader.
            Assert.All(cluster.Brokers.Where(b => b.Server is not null), b => Assert.NotEqual(i, b.Server!.Metadata.Current.Partition(topic.Name, 0)!.Leader));
            _ = await SeenAsync(cluster, image => image.Partition(topic.Name, 0) is { Leader: >= 0 }, p => p.Leader, topic);
            await writer.UntilAcknowledgedAsync(writer.Acknowledged + 50);
            await cluster.Brokers[i].StartAsync(Token);
            await cluster.UntilInSyncAsync(topic, 3);
        }
        writer.Stop();
        await writing;
        await writer.AssertNothingLostAsync();
    }

    [Fact]
    public async Task ElectLeaders_PreferredAfterARestart_GoesBackAndIsThenNotNeeded()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: ["auto.leader.rebalance.enable=false"]);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(3, replicas: 3);
        int preferred = cluster.Server().Metadata.Current.Partition(topic.Name, 0)!.Replicas[0];
        await cluster.Brokers[preferred].StopAsync();
        await cluster.Brokers[preferred].StartAsync(Token);
        await cluster.UntilInSyncAsync(topic, 3);
        Assert.NotEqual(preferred, cluster.LeaderPartition(topic)!.Role.Leader);
        foreach (int asked in new[] { 0, 1 })   // whether it is the controller or not
        {
            KafkaConnection client = await cluster.ConnectAsync(asked);
            ElectLeadersResponse.PartitionResult result = await ElectAsync(client, topic, Preferred);
            Assert.Equal(asked == 0 ? ErrorCode.None : ErrorCode.ElectionNotNeeded, result.ErrorCode);
            Assert.Equal(preferred, cluster.Server(asked).Metadata.Current.Partition(topic.Name, 0)!.Leader);
        }
    }

    [Fact]
    public async Task ElectLeaders_UncleanOrSwitchedOnAtRunTime_TakesTheReplicaThatIsThere()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: ["auto.leader.rebalance.enable=false"]);
        foreach (bool byConfig in new[] { false, true })
        {
            TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 2);
            int[] replicas = [.. cluster.Server().Metadata.Current.Partition(topic.Name, 0)!.Replicas];
            await cluster.Brokers[replicas[1]].StopAsync();
            await SeenAsync(cluster, image => image.Partition(topic.Name, 0) is { InSyncReplicas.Length: 1 }, p => p.Leader, topic);
            await cluster.Brokers[replicas[0]].StopAsync();
            await cluster.Brokers[replicas[1]].StartAsync(Token);
            int asked = replicas[1];
            Assert.Equal(PartitionImage.NoLeader, cluster.Server(asked).Metadata.Current.Partition(topic.Name, 0)!.Leader);
            KafkaConnection client = await cluster.ConnectAsync(asked);
            if (byConfig)
            {
                await AllowUncleanAsync(client, topic);
            }
            else
            {
                Assert.Equal(ErrorCode.PreferredLeaderNotAvailable, (await ElectAsync(client, topic, Preferred)).ErrorCode);
                Assert.Equal(ErrorCode.None, (await ElectAsync(client, topic, Unclean)).ErrorCode);
            }
            await SeenAsync(cluster, image => image.Partition(topic.Name, 0)!.Leader == asked, p => p.Leader, topic);
            await cluster.Brokers[replicas[0]].StartAsync(Token);
            await cluster.UntilInSyncAsync(topic, 2);
        }
    }

    [Fact]
    public async Task PreferredElection_WrittenToTheTree_IsCarriedOutAndTakenOut()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, overrides: ["auto.leader.rebalance.enable=false"]);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 3);
        int preferred = cluster.LeaderOf(topic);
        await cluster.Brokers[preferred].StopAsync();
        await cluster.Brokers[preferred].StartAsync(Token);
        await cluster.UntilInSyncAsync(topic, 3);
        byte[] asked = Encoding.UTF8.GetBytes($$"""{"version":1,"partitions":[{"topic":"{{topic.Name}}","partition":0},{"topic":"no","partition":1}]}""");

        await cluster.Server().Membership.Session.PutAsync(ClusterPaths.PreferredElection, asked, Token);

        await SeenAsync(cluster, image => image.Partition(topic.Name, 0)!.Leader == preferred, p => p.Leader, topic);
        await UntilGoneAsync(cluster, ClusterPaths.PreferredElection);
    }

    [Fact]
    public async Task AllocateProducerIds_OfLiveBrokers_AreBlocksOfTheirOwn()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        BrokerServer controller = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Server!;
        await ReplicatedCluster.UntilAsync(() => controller.Metadata.Current.Brokers.Count == 2);   // by then it knows both lives
        KafkaConnection client = await cluster.ConnectAsync(controller.Id);
        async Task<AllocateProducerIdsResponse> AskAsync(int broker, long epoch) =>
            await client.CallAsync<AllocateProducerIdsRequest, AllocateProducerIdsResponse>(new() { BrokerId = broker, BrokerEpoch = epoch }, 0);
        List<long> firsts = [];
        foreach (int broker in (int[])[0, 1, 0])
        {
            AllocateProducerIdsResponse response = await AskAsync(broker, cluster.Server(broker).Membership.BrokerEpoch);
            Assert.Equal((ErrorCode.None, 1_000), (response.ErrorCode, response.ProducerIdLen));
            firsts.Add(response.ProducerIdStart);
        }
        firsts.Add((await cluster.Server(1 - controller.Id).ProducerIds.NextAsync(Token)).Id);
        Assert.Equal([firsts[0], firsts[0] + 1_000, firsts[0] + 2_000, firsts[0] + 3_000], firsts);

        Assert.Equal(ErrorCode.StaleBrokerEpoch, (await AskAsync(0, 1)).ErrorCode);
        Assert.Equal(ErrorCode.BrokerIdNotRegistered, (await AskAsync(7, 1)).ErrorCode);
        client = await cluster.ConnectAsync(1 - controller.Id);
        Assert.Equal(ErrorCode.NotController, (await AskAsync(0, 1)).ErrorCode);
    }

    [Fact]
    public async Task Balance_AfterARestart_GoesBackByItself()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            brokers: 3, overrides: ["leader.imbalance.check.interval.seconds=1"]);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(6, replicas: 3);
        await cluster.Brokers[2].StopAsync();
        await cluster.Brokers[2].StartAsync(Token);

        await SeenAsync(
            cluster, image => image.Topic(topic.Name)!.Partitions.All(p => p!.Leader == p.Replicas[0]), p => p.Leader, topic, 30_000);
    }

    [Fact]
    public async Task DeadBroker_OfItsInSyncReplicas_IsRemovedAndReturns()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 3);
        int leader = cluster.LeaderOf(topic);
        int follower = (leader + 1) % 3;
        int controller = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Id;
        await cluster.Brokers[follower].KillAsync();
        foreach (HostedBroker other in cluster.Brokers.Where(b => b.Id != follower))
        {
            Assert.True(await other.Server!.Waits.WaitAsync(
                image => image.Partition(topic.Name, 0) is { InSyncReplicas.Length: 2 } p && p.OfflineReplicas.Contains(follower), 30_000, "in-sync"),
                $"follower {follower}, controller {controller}");
        }
        await cluster.Brokers[follower].StartAsync(Token);
        await cluster.UntilInSyncAsync(topic, 3);
    }

    [Fact]
    public async Task AllBrokers_KilledAtOnce_BeginAnotherReignWithEveryReplicaInSync()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 3);
        PartitionImage before = cluster.Server().Metadata.Current.Partition(topic.Name, 0)!;
        await Task.WhenAll(cluster.Brokers.Select(b => b.KillAsync()));
        await Task.WhenAll(cluster.Brokers.Select(b => b.StartAsync(Token)));

        await cluster.UntilInSyncAsync(topic, 3);

        // Whoever leads has had another life: what it has of its old reign may be less than others have.
        Assert.True(cluster.LeaderPartition(topic)!.Role.LeaderEpoch > before.LeaderEpoch);
    }

    internal static async Task<ElectLeadersResponse.PartitionResult> ElectAsync(
        KafkaConnection client, TestTopic topic, sbyte type, int partition = 0)
    {
        var request = new ElectLeadersRequest { ElectionType = type, TimeoutMs = 10_000 };
        var partitions = new ElectLeadersRequest.TopicPartitionsData { Topic = topic.Name };
        partitions.Partitions.Add(partition);
        request.TopicPartitions!.Add(partitions);
        ElectLeadersResponse response = await client.CallAsync<ElectLeadersRequest, ElectLeadersResponse>(request, 2);
        Assert.Equal(ErrorCode.None, response.ErrorCode);
        return response.ReplicaElectionResults[0].PartitionResult[0];
    }

    private static async Task AllowUncleanAsync(KafkaConnection client, TestTopic topic)
    {
        var request = new IncrementalAlterConfigsRequest();
        var resource = new IncrementalAlterConfigsRequest.AlterConfigsResource { ResourceType = 2, ResourceName = topic.Name };
        resource.Configs.Add(new() { Name = "unclean.leader.election.enable", Value = "true" });
        request.Resources.Add(resource);
        IncrementalAlterConfigsResponse response = await client.CallAsync<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(request, 1);
        Assert.Equal(ErrorCode.None, response.Responses[0].ErrorCode);
    }

    /// <summary>Waits until every running broker's picture shows it.</summary>
    internal static async Task<T> SeenAsync<T>(
        TestCluster cluster, Func<MetadataImage, bool> holds, Func<PartitionImage, T> read, TestTopic topic, long withinMs = 20_000)
    {
        BrokerServer[] running = [.. cluster.Brokers.Select(b => b.Server).OfType<BrokerServer>()];
        foreach (BrokerServer server in running)
        {
            if (!await server.Waits.WaitAsync(holds, withinMs, "test"))
            {
                Assert.Fail($"broker {server.Id} sees {string.Join("; ", server.Metadata.Current.Topic(topic.Name)!.Partitions.Select(p => $"{p!.Leader} of [{string.Join(',', p.Replicas)}], in sync [{string.Join(',', p.InSyncReplicas)}]"))}");
            }
        }
        return read(running[0].Metadata.Current.Partition(topic.Name, 0)!);
    }

    internal static Task UntilGoneAsync(TestCluster cluster, string path) => ReplicatedCluster.UntilAsync(() =>
        cluster.Brokers.Select(b => b.Server).OfType<BrokerServer>().First().Membership.Session.ExistsAsync(path, Token).AsTask().Result.Error == CoordinationError.NoNode);
}
