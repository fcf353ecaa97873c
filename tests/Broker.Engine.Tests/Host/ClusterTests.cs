using System.Diagnostics;
using Broker.Client;
using Broker.Engine.Admin;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Host;

/// <summary>The cluster's spine: brokers that stop and return, topics that are deleted meanwhile, controllers that are stale.</summary>
public sealed class ClusterTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Broker_Stopped_IsLeaderlessElsewhereWithinASecond_AndServesAgainWithItsRecords()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        await cluster.CreateAsync("t", 9);
        for (int p = 0; p < 9; p++)
        {
            await cluster.ProduceAsync("t", p, $"before {p}");
        }
        foreach (int broker in new[] { 0, 1, 2, cluster.ControllerId })   // the controller too
        {
            int[] led = [.. Enumerable.Range(0, 9).Where(p => cluster.Server((broker + 1) % 3).Metadata.Current.Partition("t", p)!.Leader == broker)];
            Assert.Equal(3, led.Length);
            Task stopping = cluster.StopAsync(broker);
            long began = Stopwatch.GetTimestamp();
            foreach (BrokerServer other in cluster.Running.Where(s => s.Id != broker))
            {
                Assert.True(await other.Waits.WaitAsync(
                    image => !image.IsAlive(broker) && led.All(p => image.Partition("t", p)!.Leader == PartitionImage.NoLeader),
                    5_000, "leaderless"));
            }
            TimeSpan took = Stopwatch.GetElapsedTime(began);
            TestContext.Current.TestOutputHelper?.WriteLine($"broker {broker}: leaderless elsewhere after {took.TotalMilliseconds:0} ms");
            Assert.True(took < TimeSpan.FromSeconds(1), $"it took {took}");
            await stopping;
            await cluster.StartAsync(broker);
            await cluster.SeenAsync(image => ClusterFixture.IsServed(image, "t", 9), "all served again");
            foreach (int p in led)
            {
                Assert.True((await cluster.ProduceAsync("t", p, "after")).Offset >= 1);
            }
        }
    }

    [Fact]
    public async Task Brokers_StoppedAndStartedAtOnceAndAgain_ServeInTheEnd()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        await cluster.CreateAsync("t", 6);
        var random = new Random(11);
        for (int round = 0; round < 3; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 12).Select(_ =>
            {
                int broker = random.Next(3);
                return random.Next(2) == 0 ? cluster.StopAsync(broker) : cluster.StartAsync(broker);
            }));
        }
        await Task.WhenAll(Enumerable.Range(0, 3).Select(cluster.StopAsync));   // all of them
        Assert.Empty(cluster.Running);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => cluster.StartAsync(i)));
        await cluster.SeenAsync(image => image.Brokers.Count == 3 && ClusterFixture.IsServed(image, "t", 6), "all served");
        for (int p = 0; p < 6; p++)
        {
            await cluster.ProduceAsync("t", p, "x");
        }
        Assert.Single(cluster.Running, s => s.Membership.Controller is { IsActive: true });
    }

    [Fact]
    public async Task Topic_DeletedWhileABrokerIsAway_IsGoneOnceItHasDeletedItsReplicasToo()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        await cluster.CreateAsync("again", 6);
        await cluster.CreateAsync("gone", 6);
        for (int p = 0; p < 6; p++)
        {
            await cluster.ProduceAsync("again", p, "old");
            await cluster.ProduceAsync("gone", p, "old");
        }
        Guid old = cluster.Server(0).Metadata.Current.Topic("again")!.Id;
        int away = (cluster.ControllerId + 1) % 3;
        await cluster.StopAsync(away);
        await cluster.Admin.DeleteTopicAsync("again", Token);
        await cluster.Admin.DeleteTopicAsync("gone", Token);
        await cluster.SeenAsync(image => image.Topic("again") is null && image.Topic("gone") is null, "deleted");
        AdminException refused = await Assert.ThrowsAsync<AdminException>(() => cluster.CreateAsync("again", 6));
        Assert.Equal("Topic 'again' is marked for deletion.", refused.Message);
        await cluster.StopAsync(cluster.ControllerId);   // the next controller finds the mark in the tree
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => cluster.StartAsync(i)));
        await cluster.CreateAsync("again", 6);
        await cluster.SeenAsync(image => image.Brokers.Count == 3 && ClusterFixture.IsServed(image, "again", 6), "served");
        Assert.All(cluster.Running, s => Assert.NotEqual(old, s.Metadata.Current.Topic("again")!.Id));
        Assert.All(cluster.Running, s => Assert.Null(s.Metadata.Current.Topic("gone")));
        for (int p = 0; p < 6; p++)
        {
            Assert.Equal(0, (await cluster.ProduceAsync("again", p, "new")).Offset);
        }
        await cluster.CreateAsync("gone", 6);
        for (int p = 0; p < 6; p++)
        {
            Assert.Equal(0, (await cluster.ProduceAsync("gone", p, "new")).Offset);
        }
    }

    [Fact]
    public async Task Topic_DeletedAndMadeAgainAtOnce_IsTheNewOneEachTime()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        for (int i = 0; i < 15; i++)
        {
            await cluster.CreateAsync("t", 3);
            await cluster.CreateAsync("u", 3);
            Assert.Equal(0, (await cluster.ProduceAsync("t", i % 3, "x")).Offset);
            await Task.WhenAll(cluster.Admin.DeleteTopicAsync("t", Token), cluster.Admin.DeleteTopicAsync("u", Token));
        }
        await cluster.CreateAsync("t", 3);
        await cluster.StopAsync(cluster.ControllerId);
        await cluster.SeenAsync(image => image.Topic("t") is not null && image.Topic("u") is null, "the last one stays");
    }

    [Fact]
    public async Task ControllersWord_OfAnEarlierEpoch_IsRefused()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        await cluster.CreateAsync("t", 3);
        await using KafkaConnection connection = await cluster.ConnectAsync(0);
        int epoch = cluster.Server(cluster.ControllerId).Membership.Controller!.Epoch;
        long broker = cluster.Server(0).Membership.BrokerEpoch;
        (int Controller, long Broker, ErrorCode Expected)[] cases =
        [
            (epoch - 1, broker, ErrorCode.StaleControllerEpoch), (epoch, broker - 1, ErrorCode.StaleBrokerEpoch),
            (epoch, broker, ErrorCode.None),
        ];
        foreach ((int controllerEpoch, long brokerEpoch, ErrorCode expected) in cases)
        {
            var roles = new LeaderAndIsrRequest { ControllerId = 9, ControllerEpoch = controllerEpoch, BrokerEpoch = brokerEpoch };
            var stop = new StopReplicaRequest { ControllerId = 9, ControllerEpoch = controllerEpoch, BrokerEpoch = brokerEpoch };
            var metadata = new UpdateMetadataRequest { ControllerId = 9, ControllerEpoch = controllerEpoch, BrokerEpoch = brokerEpoch };
            Assert.Equal(expected, (await connection.SendAsync<LeaderAndIsrRequest, LeaderAndIsrResponse>(roles, LeaderAndIsrRequest.HighestVersion, Token)).ErrorCode);
            Assert.Equal(expected, (await connection.SendAsync<StopReplicaRequest, StopReplicaResponse>(stop, StopReplicaRequest.HighestVersion, Token)).ErrorCode);
            if (expected != ErrorCode.None)
            {
                Assert.Equal(expected, (await connection.SendAsync<UpdateMetadataRequest, UpdateMetadataResponse>(metadata, UpdateMetadataRequest.HighestVersion, Token)).ErrorCode);
            }
        }
        Assert.Equal(3, cluster.Server(0).Metadata.Current.Brokers.Count);
    }

    [Fact]
    public async Task Broker_EndedHard_IsAwayWhenItsSessionExpires_AndReturnsWithItsRecords()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync(KeyValuePair.Create("zookeeper.session.timeout.ms", "500"));
        await cluster.CreateAsync("t", 3);
        int broker = (cluster.ControllerId + 1) % 3;
        int led = Enumerable.Range(0, 3).First(p => cluster.Server(broker).Metadata.Current.Partition("t", p)!.Leader == broker);
        await cluster.ProduceAsync("t", led, "before");
        await cluster.Cluster.Brokers[broker].KillAsync();
        await cluster.SeenAsync(image => !image.IsAlive(broker), "the session has expired");
        Assert.False(File.Exists(Path.Combine(cluster.DataDirectory, $"broker-{broker}", ".kafka_cleanshutdown")));
        await cluster.StartAsync(broker);
        await cluster.SeenAsync(image => ClusterFixture.IsServed(image, "t", 3), "all served again");
        Assert.Equal(1, (await cluster.ProduceAsync("t", led, "after")).Offset);
    }

    [Fact]
    public async Task Broker_EndedHardAndStartedAtOnce_DoesNotWaitForItsOldSession()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        await cluster.CreateAsync("t", 3);
        for (int broker = 0; broker < 3; broker++)
        {
            await cluster.Cluster.Brokers[broker].KillAsync();
            await cluster.StartAsync(broker);
            await cluster.SeenAsync(image => ClusterFixture.IsServed(image, "t", 3), "all served again");
        }
    }

    /// <summary>The note of a topic's values may come later than the controller's word: the first batch must find them.</summary>
    [Fact]
    public async Task LeaderAndIsr_NoteOfTheTopicsValuesNotYetHere_LogGoesByThem()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        BrokerServer broker = cluster.Server(0);
        await broker.Membership.Session.PutAsync(
            ClusterPaths.TopicConfig("early"), ClusterJson.Config(new Dictionary<string, string> { ["max.message.bytes"] = "77" }), Token);
        var state = new LeaderAndIsrRequest.LeaderAndIsrPartitionState { Leader = 0, IsNew = true };
        state.Isr.Add(0);
        state.Replicas.Add(0);
        var topic = new LeaderAndIsrRequest.LeaderAndIsrTopicState { TopicName = "early", TopicId = Guid.NewGuid() };
        topic.PartitionStates.Add(state);
        var roles = new LeaderAndIsrRequest
        {
            ControllerId = cluster.ControllerId,
            ControllerEpoch = cluster.Server(cluster.ControllerId).Membership.Controller!.Epoch,
            BrokerEpoch = broker.Membership.BrokerEpoch,
        };
        roles.TopicStates.Add(topic);
        await using KafkaConnection connection = await cluster.ConnectAsync(0);
        await connection.SendAsync<LeaderAndIsrRequest, LeaderAndIsrResponse>(roles, LeaderAndIsrRequest.HighestVersion, Token);
        Assert.Equal(77, broker.Replicas.Partitions.Find(new TopicPartition("early", 0))!.Log.Config.MaxMessageBytes);
    }

    [Fact]
    public async Task Leaders_OfManyTopics_SpreadEvenly()
    {
        await using ClusterFixture cluster = await ClusterFixture.StartAsync();
        for (int i = 0; i < 12; i++)
        {
            await cluster.CreateAsync($"t{i}", 9);
        }
        var led = cluster.Server(0).Metadata.Current.Topics.Values.SelectMany(t => t.Partitions).CountBy(p => p!.Leader).ToDictionary();
        Assert.Equal([36, 36, 36], led.OrderBy(l => l.Key).Select(l => l.Value));
        Assert.Equal(36, cluster.Server(1).Logs.LogCount);
    }
}
