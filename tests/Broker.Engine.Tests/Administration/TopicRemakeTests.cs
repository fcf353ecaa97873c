using Broker.Engine.Administration;
using Broker.Engine.Coordination;
using Broker.Engine.Tests.Wire;

namespace Broker.Engine.Tests.Administration;

/// <summary>A topic is made while the deletion of one of its name comes to its end.</summary>
public sealed class TopicRemakeTests
{
    [Fact]
    public async Task Create_NamesakesValuesGoBetweenTheLookAndTheWrite_IsMade()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        BrokerServer server = cluster.Server();
        string values = ClusterPaths.TopicConfig("again");
        await server.Membership.Session.CreateAsync(
            values, ClusterJson.Config(new Dictionary<string, string>()), CreateMode.Persistent, TestContext.Current.CancellationToken);
        int asked = 0;
        Task? gone = null;
        var topics = new TopicAdministration(
            () =>
            {
                if (++asked == 2)
                {
                    // A session's requests are carried out in their order: this one before the write.
                    gone = server.Membership.Session.DeleteAsync(values, CoordinationOperation.AnyVersion, CancellationToken.None).AsTask();
                }
                return server.Membership.Session;
            },
            server.Metadata, server.Config, new Random(1));

        MadeTopic made = await topics.CreateAsync(
            new TopicPlan { Name = "again", Partitions = 1, ReplicationFactor = 1 }, validateOnly: false, TestContext.Current.CancellationToken);

        Assert.True(made.Outcome.IsDone, made.Outcome.Message);
        Assert.Equal(4, asked);   // looked, failed to write, looked and wrote
        await gone!;
    }
}
