using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Interop;

namespace Broker.Engine.Tests.Admin;

/// <summary>A broker of another host that is registered but does not answer: nobody waits for it, and why is told.</summary>
public sealed class SilentBrokerTests
{
    private const int Remote = 9;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Queries_WithABrokerThatRefuses_SayWhy()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        using var admin = new ClusterAdmin(cluster.Hosted);
        cluster.Server().Metadata.Apply(Elsewhere(cluster, FreePorts.InARow(1)));

        await admin.FreshAsync(Token);

        TopicDetail topic = admin.Topic("far");
        Assert.Equal((1, 0L), (topic.Summary.UnknownPartitions, topic.Summary.Messages));
        Assert.StartsWith("Broker 9 does not answer: cannot connect to 127.0.0.1", topic.Partitions[0].Unknown, StringComparison.Ordinal);
        Assert.Equal((-1L, -1L, -1), (topic.Partitions[0].LogEndOffset, topic.Partitions[0].SizeBytes, topic.Partitions[0].Segments));
        ReplicaView replica = admin.Replicas("far", 0, 1).Items[0].Replicas[0];
        Assert.Equal((ReplicaSource.Unknown, topic.Partitions[0].Unknown), (replica.Source, replica.Unknown));
        Assert.Equal(BrokerState.Silent, admin.Broker(Remote).Summary.State);
        Assert.Equal(Remote, Assert.Single(admin.Overview().Silent).Id);
        Assert.Contains(admin.Overview().Findings, f => f.Text.StartsWith("Broker 9 does not answer", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Queries_WithABrokerThatHangs_WaitForNobody()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        using var hangs = new TcpListener(IPAddress.Loopback, 0);
        hangs.Start();
        using var admin = new ClusterAdmin(cluster.Hosted);
        cluster.Server().Metadata.Apply(Elsewhere(cluster, ((IPEndPoint)hangs.LocalEndpoint).Port));

        var took = Stopwatch.StartNew();
        await admin.FreshAsync(Token);
        TopicDetail topic = admin.Topic("far");

        Assert.True(took.Elapsed < TimeSpan.FromSeconds(2), $"it took {took.Elapsed}");   // 0.8 s, and a busy machine
        Assert.Equal("Broker 9 is being asked.", topic.Partitions[0].Unknown);
        while (admin.Overview().Findings.All(f => !f.Text.Contains("says nothing within 2 s", StringComparison.Ordinal)))
        {
            await Task.Delay(50, Token);
        }
        took.Restart();
        await admin.FreshAsync(Token);   // known to be silent: not waited for again
        Assert.True(took.Elapsed < TimeSpan.FromMilliseconds(500), $"it took {took.Elapsed}");
    }

    [Fact]
    public async Task Commands_ForABrokerThatHangs_AreRefusedWithinASecond()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        using var hangs = new TcpListener(IPAddress.Loopback, 0);
        hangs.Start();
        using var admin = new ClusterAdmin(cluster.Hosted);
        cluster.Server().Metadata.Apply(Elsewhere(cluster, ((IPEndPoint)hangs.LocalEndpoint).Port));
        var config = new ConfigResource(ConfigResourceKind.Broker, $"{Remote}");
        Func<Task>[] commands =
        [
            () => admin.DescribeConfigAsync(config, Token),
            () => admin.AlterConfigAsync(config, new Dictionary<string, string?> { ["log.cleaner.threads"] = "2" }, validateOnly: false, Token),
            () => admin.ProduceAsync(new NewMessage { Topic = "far", Partition = 0, Value = new byte[1] }, Token),
            () => admin.DeleteRecordsAsync("far", 0, -1, Token),
            () => admin.BrowseAsync(new MessageQuery { Topic = "far", Partition = 0 }, Token),
        ];
        foreach (Func<Task> command in commands)
        {
            var took = Stopwatch.StartNew();
            AdminException refused = await Assert.ThrowsAsync<AdminException>(command);
            Assert.Equal("BROKER_NOT_AVAILABLE", refused.Error);
            Assert.StartsWith("Broker 9 does not answer", refused.Message, StringComparison.Ordinal);
            Assert.True(took.Elapsed < TimeSpan.FromSeconds(2), $"it took {took.Elapsed}");   // 0.8 s, and a busy machine
        }
        MessagePage page = await admin.BrowseAsync(new MessageQuery { Topic = "far" }, Token);
        Assert.True(page.IsPartial);
        Assert.StartsWith("Broker 9", Assert.Single(admin.Groups(new GroupQuery()).Unknown), StringComparison.Ordinal);
    }

    private static UpdateMetadataRequest Elsewhere(TestCluster cluster, int port)
    {
        var request = new UpdateMetadataRequest { ControllerId = cluster.Server().Metadata.Current.ControllerId, ControllerEpoch = 1 };
        foreach ((int id, int at) in ((int, int)[])[(0, cluster.Port()), (Remote, port)])
        {
            var broker = new UpdateMetadataRequest.UpdateMetadataBroker { Id = id };
            broker.Endpoints.Add(new() { Listener = "PLAINTEXT", Host = "127.0.0.1", Port = at });
            request.LiveBrokers.Add(broker);
        }
        var topic = new UpdateMetadataRequest.UpdateMetadataTopicState { TopicName = "far", TopicId = Guid.NewGuid() };
        var state = new UpdateMetadataRequest.UpdateMetadataPartitionState { PartitionIndex = 0, Leader = Remote };
        state.Isr.Add(Remote);
        state.Replicas.Add(Remote);
        topic.PartitionStates.Add(state);
        request.TopicStates.Add(topic);
        return request;
    }
}
