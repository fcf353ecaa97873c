using System.Text;
using Broker.Client;
using Broker.Engine.Coordination;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Controller;

/// <summary>Replicas that move from broker to broker, on brokers that replicate.</summary>
public sealed class ReassignmentWireTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Reassignment_ToOtherBrokersUnderLoad_EndsThereAndLosesNothing()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 4);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 3);
        var writer = new AcksAllWriter(cluster, topic);
        Task writing = writer.RunAsync();
        await writer.UntilAcknowledgedAsync(100);
        int[] before = [.. cluster.Server().Metadata.Current.Partition(topic.Name, 0)!.Replicas];
        int outside = Enumerable.Range(0, 4).Single(b => !before.Contains(b));
        int[] target = [outside, before[1], before[2]];   // the leader goes

        Assert.Equal(ErrorCode.None, (await ReassignAsync(cluster, topic, target)).ErrorCode);

        await UntilAssignedAsync(cluster, topic, target);
        await writer.UntilAcknowledgedAsync(writer.Acknowledged + 100);
        writer.Stop();
        await writing;
        await writer.AssertNothingLostAsync();
        await ReplicatedCluster.UntilAsync(() =>
            cluster.Server(before[0]).Replicas.Partitions.Find(new TopicPartition(topic.Name, 0)) is null);
        Assert.Empty(await ListAsync(cluster));
        GetResult node = await cluster.Server().Membership.Session.GetAsync(ClusterPaths.Topic(topic.Name), Token);
        Assert.Equal(
            $$$"""{"partitions":{"0":[{{{string.Join(',', target)}}}]},"topic_id":"{{{Uuids.Format(topic.Id)}}}","adding_replicas":{},"removing_replicas":{},"version":3}""",
            Encoding.UTF8.GetString(node.Data.Span));
    }

    [Fact]
    public async Task Reassignment_OfTheReplicationFactor_GrowsAndShrinks()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 1);
        foreach (int[] target in new int[][] { [0, 1, 2], [2, 1], [1] })
        {
            Assert.Equal(ErrorCode.None, (await ReassignAsync(cluster, topic, target)).ErrorCode);
            await UntilAssignedAsync(cluster, topic, target);
        }
        Assert.Equal(ErrorCode.NoReassignmentInProgress, (await ReassignAsync(cluster, topic, null)).ErrorCode);
    }

    [Fact]
    public async Task Reassignment_ToABrokerThatDies_IsListedSurvivesTheControllerAndIsCancelled()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 4);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 2);
        int[] before = [.. cluster.Server().Metadata.Current.Partition(topic.Name, 0)!.Replicas];
        int controller = cluster.Brokers.Single(b => b.Server!.Membership.Controller!.IsActive).Id;
        int target = Enumerable.Range(0, 4).First(b => !before.Contains(b) && b != controller);
        // The new replica cannot follow: its broker is away before it is told.
        await cluster.Brokers[target].StopAsync();
        byte[] asked = Encoding.UTF8.GetBytes(
            $$"""{"version":1,"partitions":[{"topic":"{{topic.Name}}","partition":0,"replicas":[{{before[0]}},{{target}}]}]}""");
        BrokerServer any = cluster.Brokers.Select(b => b.Server).OfType<BrokerServer>().First();
        await any.Membership.Session.PutAsync(ClusterPaths.Reassignment, asked, Token);
        await UntilListedAsync(cluster, 1);
        await cluster.Brokers[controller].KillAsync();
        await UntilListedAsync(cluster, 1);
        await cluster.Brokers[controller].StartAsync(Token);

        ListPartitionReassignmentsResponse.OngoingPartitionReassignment ongoing = (await ListAsync(cluster))[0].Partitions[0];
        Assert.Equal([target], ongoing.AddingReplicas);
        Assert.Equal([before[1]], ongoing.RemovingReplicas);
        Assert.Equal([before[0], target, before[1]], ongoing.Replicas);
        Assert.Equal(ErrorCode.None, (await ReassignAsync(cluster, topic, null)).ErrorCode);

        await UntilAssignedAsync(cluster, topic, before);
        Assert.Empty(await ListAsync(cluster));
        await ControllerWireTests.UntilGoneAsync(cluster, ClusterPaths.Reassignment);
    }

    [Fact]
    public async Task Reassignment_WrittenToTheTree_EndsAndIsTakenOut()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 1);
        int now = cluster.LeaderOf(topic);
        int[] target = [(now + 1) % 3, (now + 2) % 3];
        byte[] asked = Encoding.UTF8.GetBytes(
            $$"""{"version":1,"partitions":[{"topic":"{{topic.Name}}","partition":0,"replicas":[{{target[0]}},{{target[1]}}],"log_dirs":["any","any"]},{"topic":"no","partition":0,"replicas":[1]}]}""");

        await cluster.Server().Membership.Session.PutAsync(ClusterPaths.Reassignment, asked, Token);

        await UntilAssignedAsync(cluster, topic, target);
        await ControllerWireTests.UntilGoneAsync(cluster, ClusterPaths.Reassignment);
    }

    [Fact]
    public async Task Deletion_OfATopicWhoseReplicasMove_EndsTheMove()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 2);
        KafkaConnection client = await cluster.ConnectAsync();
        int[] before = [.. cluster.Server().Metadata.Current.Partition(topic.Name, 0)!.Replicas];
        int third = Enumerable.Range(0, 3).Single(b => !before.Contains(b));
        await ReassignAsync(cluster, topic, [third, before[0]]);
        var request = new DeleteTopicsRequest { TimeoutMs = 10_000 };
        request.TopicNames.Add(topic.Name);

        DeleteTopicsResponse deleted = await client.CallAsync<DeleteTopicsRequest, DeleteTopicsResponse>(request, 5);

        Assert.Equal(ErrorCode.None, deleted.Responses[0].ErrorCode);
        await ControllerWireTests.UntilGoneAsync(cluster, ClusterPaths.Topic(topic.Name));
        Assert.Empty(await ListAsync(cluster));
    }

    private static BrokerServer Any(TestCluster cluster) => cluster.Brokers.Select(b => b.Server).First(s => s is { IsServing: true })!;

    private static async Task<AlterPartitionReassignmentsResponse.ReassignablePartitionResponse> ReassignAsync(
        TestCluster cluster, TestTopic topic, int[]? target)
    {
        KafkaConnection client = await cluster.ConnectAsync(Any(cluster).Id);
        var request = new AlterPartitionReassignmentsRequest { TimeoutMs = 10_000 };
        var asked = new AlterPartitionReassignmentsRequest.ReassignableTopic { Name = topic.Name };
        asked.Partitions.Add(new() { PartitionIndex = 0, Replicas = target is null ? null : [.. target] });
        request.Topics.Add(asked);
        AlterPartitionReassignmentsResponse response =
            await client.CallAsync<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>(request, 0);
        Assert.Equal(ErrorCode.None, response.ErrorCode);
        return response.Responses[0].Partitions[0];
    }

    private static async Task<IReadOnlyList<ListPartitionReassignmentsResponse.OngoingTopicReassignment>> ListAsync(TestCluster cluster)
    {
        KafkaConnection client = await cluster.ConnectAsync(Any(cluster).Id);
        ListPartitionReassignmentsResponse response = await client.CallAsync<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>(
            new ListPartitionReassignmentsRequest { TimeoutMs = 20_000 }, 0);
        Assert.Equal(ErrorCode.None, response.ErrorCode);
        return [.. response.Topics];
    }

    private static async Task UntilListedAsync(TestCluster cluster, int count)
    {
        while ((await ListAsync(cluster)).Count != count)
        {
            await Task.Delay(5, Token);
        }
    }

    private static Task<int> UntilAssignedAsync(TestCluster cluster, TestTopic topic, int[] target) => ControllerWireTests.SeenAsync(
        cluster,
        image => image.Partition(topic.Name, 0) is { } p && p.Replicas.SequenceEqual(target) && target.Contains(p.Leader)
            && p.InSyncReplicas.Order().SequenceEqual(target.Order()),
        p => p.Leader, topic, 30_000);
}
