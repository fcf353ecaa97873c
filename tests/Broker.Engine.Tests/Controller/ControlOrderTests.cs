using Broker.Client;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Controller;

/// <summary>A controller that got no answer sends again over another connection; what was under way on the first may come last.</summary>
public sealed class ControlOrderTests
{
    private static readonly Guid s_topic = new("11111111-2222-3333-4444-555555555555");

    [Fact]
    public async Task UpdateMetadata_OverAnOlderConnectionThanTheLast_IsNotCarriedOut()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        KafkaConnection older = await ConnectAsync(cluster);
        KafkaConnection newer = await ConnectAsync(cluster);
        UpdateMetadataRequest late = Metadata(cluster, leaderEpoch: 3);
        await SendAsync(newer, Metadata(cluster, leaderEpoch: 3));
        await SendAsync(newer, Metadata(cluster, leaderEpoch: 4));

        await Assert.ThrowsAnyAsync<IOException>(() => SendAsync(older, late));

        Assert.Equal(4, cluster.Server(0).Metadata.Current.Partition("far", 0)!.LeaderEpoch);
        await SendAsync(newer, Metadata(cluster, leaderEpoch: 5));
        Assert.Equal(5, cluster.Server(0).Metadata.Current.Partition("far", 0)!.LeaderEpoch);
        await cluster.UntilServedAsync(await cluster.NewTopicAsync());   // the controller's own connection was older than both
    }

    [Fact]
    public async Task StopReplica_OverAnOlderConnectionThanTheLast_LeavesTheTopicThatWasMadeSince()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        KafkaConnection older = await ConnectAsync(cluster);
        TestTopic topic = await cluster.NewTopicAsync();
        await cluster.UntilServedAsync(topic);
        await SendAsync(await ConnectAsync(cluster), Metadata(cluster, leaderEpoch: 1));
        var stop = new StopReplicaRequest { ControllerEpoch = cluster.Server(0).Replicas.ControllerEpoch, BrokerEpoch = -1 };
        var state = new StopReplicaRequest.StopReplicaTopicState { TopicName = topic.Name };
        state.PartitionStates.Add(new() { PartitionIndex = 0, LeaderEpoch = -2, DeletePartition = true });
        stop.TopicStates.Add(state);

        await Assert.ThrowsAnyAsync<IOException>(() => older.CallAsync<StopReplicaRequest, StopReplicaResponse>(stop, 3));

        Assert.NotNull(cluster.Server(0).Logs.Find(new TopicPartition(topic.Name, 0)));
    }

    /// <summary>A connection that the broker has accepted already.</summary>
    private static async Task<KafkaConnection> ConnectAsync(TestCluster cluster)
    {
        KafkaConnection connection = await cluster.ConnectAsync();
        await connection.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(new ApiVersionsRequest(), 0);
        return connection;
    }

    private static async Task SendAsync(KafkaConnection connection, UpdateMetadataRequest request) => Assert.Equal(
        ErrorCode.None,
        (await connection.CallAsync<UpdateMetadataRequest, UpdateMetadataResponse>(request, UpdateMetadataRequest.HighestVersion)).ErrorCode);

    private static UpdateMetadataRequest Metadata(TestCluster cluster, int leaderEpoch)
    {
        var request = new UpdateMetadataRequest
        {
            ControllerId = 0, ControllerEpoch = cluster.Server(0).Replicas.ControllerEpoch, BrokerEpoch = -1,
        };
        var live = new UpdateMetadataRequest.UpdateMetadataBroker { Id = 0 };
        live.Endpoints.Add(new() { Listener = "PLAINTEXT", Host = "127.0.0.1", Port = cluster.Port() });
        request.LiveBrokers.Add(live);
        var topic = new UpdateMetadataRequest.UpdateMetadataTopicState { TopicName = "far", TopicId = s_topic };
        var state = new UpdateMetadataRequest.UpdateMetadataPartitionState { PartitionIndex = 0, Leader = 0, LeaderEpoch = leaderEpoch };
        state.Replicas.Add(0);
        state.Isr.Add(0);
        topic.PartitionStates.Add(state);
        request.TopicStates.Add(topic);
        return request;
    }
}
