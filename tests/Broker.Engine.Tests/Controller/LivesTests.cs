using System.Collections.Immutable;
using Broker.Client;
using Broker.Engine.Controller;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Tests.Wire;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Controller;

/// <summary>Brokers whose sessions expired while nobody led the cluster: some are the same process still, others began a new life
/// and may have lost what they had not synced.</summary>
public sealed class LivesTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true, 1, new[] { 1 })]
    [InlineData(false, 0, new[] { 0, 1 })]   // nobody knows more than the others: all stay in sync
    public async Task TakeOver_AllRegisteredSinceTheStateWasWritten_WhoKeptItsProcessLeads(bool keepsProcess, int leader, int[] inSync)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();   // for its configuration
        await using var store = new EmbeddedStore(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
        ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(10), Token);
        long before = await WriteTopicAsync(session, new PartitionStateNode(0, 4, [0, 1], 1, 0));
        await RegisterAsync(session, 1, keepsProcess ? before : -1);
        await RegisterAsync(session, 0, -1);

        await using var controller = new ClusterController(
            7, session, TimeSpan.FromSeconds(1), new ControllerSetup(cluster.Server().Config, new Random(1)),
            new ControllerMetrics(TimeProvider.System), TimeProvider.System, Dialer.System, NullLogger.Instance);
        await controller.StartAsync();

        await ReplicatedCluster.UntilAsync(() => StateAsync(session).Result.LeaderEpoch > 4);
        PartitionStateNode state = await StateAsync(session);
        Assert.Equal(leader, state.Leader);
        Assert.Equal(inSync, state.InSyncReplicas);
        Assert.Equal(5, state.LeaderEpoch);
    }

    [Fact]
    public async Task Return_AfterTheSessionHasEnded_NamesTheFirstRegistrationOfTheProcess()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        BrokerServer returning = cluster.Server(0);
        ICoordinationSession eye = cluster.Server(1).Membership.Session;
        BrokerRegistration first = (await RegistrationAsync(eye, 0))!;
        Assert.Equal(first.Epoch, first.FirstEpoch);

        await returning.Membership.Session.DisposeAsync();
        await ReplicatedCluster.UntilAsync(() => RegistrationAsync(eye, 0).Result is { } now && now.Epoch != first.Epoch);

        BrokerRegistration second = (await RegistrationAsync(eye, 0))!;
        Assert.True(second.Epoch > first.Epoch);
        Assert.Equal(first.Epoch, second.FirstEpoch);
    }

    /// <summary>A topic with one partition of the replicas 0 and 1.</summary>
    /// <returns>A transaction from before its state was written.</returns>
    private static async Task<long> WriteTopicAsync(ICoordinationSession session, PartitionStateNode state)
    {
        foreach (string path in ClusterPaths.Persistent)
        {
            await session.EnsurePathAsync(path, Token);
        }
        var replicas = ImmutableSortedDictionary<int, ImmutableArray<int>>.Empty.Add(0, [0, 1]);
        CreateResult topic = await session.CreateAsync(
            ClusterPaths.Topic("t"), ClusterJson.Topic(new TopicAssignment(Guid.NewGuid(), replicas)), CreateMode.Persistent, Token);
        await session.EnsurePathAsync(ClusterPaths.Partition("t", 0), Token);
        await session.CreateAsync(ClusterPaths.PartitionState("t", 0), ClusterJson.PartitionState(state), CreateMode.Persistent, Token);
        return topic.Stat.Czxid;
    }

    private static async Task RegisterAsync(ICoordinationSession session, int id, long firstEpoch)
    {
        var broker = new BrokerImage(id, null, [new BrokerEndpoint("PLAINTEXT", "127.0.0.1", 1, 0)]);
        await session.CreateAsync(ClusterPaths.Broker(id), ClusterJson.Broker(broker, 0, firstEpoch), CreateMode.Ephemeral, Token);
    }

    private static async Task<PartitionStateNode> StateAsync(ICoordinationSession session)
    {
        GetResult found = await session.GetAsync(ClusterPaths.PartitionState("t", 0), Token);
        return ClusterJson.ReadPartitionState(found.Data, found.Stat.Version);
    }

    private static async Task<BrokerRegistration?> RegistrationAsync(ICoordinationSession session, int id)
    {
        GetResult found = await session.GetAsync(ClusterPaths.Broker(id), Token);
        return found.Error == CoordinationError.None ? ClusterJson.ReadBroker(id, found.Data, found.Stat.Czxid) : null;
    }
}
