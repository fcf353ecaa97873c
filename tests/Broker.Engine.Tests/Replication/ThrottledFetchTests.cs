using Broker.Client;
using Broker.Engine.Replication;
using Broker.Engine.Replication.Fetching;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Replication;

/// <summary>How long leader and follower wait while a quota is used up: as long as that says, or the throttle would not be used.</summary>
public sealed class ThrottledFetchTests
{
    [Fact]
    public void Next_QuotaIsUsedUp_IdlesUntilMoreMayGo()
    {
        using var follower = new ReplicaFixture(1);
        follower.Configure("follower.replication.throttled.replicas", "*");
        var quota = new ReplicationQuota(11, 1, follower.Clock) { BytesPerSecondMax = 10_000 };
        follower.Context.FollowerQuota = quota;
        follower.Give(0, 1, [0], replicas: [0, 1]);
        var fetcher = new ReplicaFetcher(
            new FetcherOptions { BrokerId = 1, BackoffMs = 1_000 }, follower.Replicas.Partitions, follower.Clock, () => 7, NullLogger.Instance)
        { Quota = quota };
        fetcher.Add(follower.Partition, 1);
        Assert.Equal(FetcherStep.Fetch, fetcher.Next(12));
        fetcher.OnFailed();
        follower.Advance(1_100);

        quota.Record(16_000);

        int waited = 0;
        while (fetcher.Next(12) == FetcherStep.Idle)
        {
            Assert.Equal(quota.WaitMs, fetcher.IdleMs);
            waited += (int)fetcher.IdleMs;
            follower.Advance((int)fetcher.IdleMs);
        }
        Assert.Equal(1_500, waited);   // the window had begun 100 ms before
    }

    [Fact]
    public async Task Fetch_FollowerThatTheQuotaHoldsUp_IsAnsweredWhenMoreMayGo()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            brokers: 2, overrides: ["replica.lag.time.max.ms=1000", "zookeeper.session.timeout.ms=6000"]);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 2, ("leader.replication.throttled.replicas", "*"));
        await cluster.UntilInSyncAsync(topic, 2);
        int leaderId = cluster.LeaderOf(topic);
        await cluster.Brokers[1 - leaderId].KillAsync();
        KafkaConnection leader = await cluster.ConnectAsync(leaderId);
        await leader.ProduceAsync(topic, Calls.Batch(3), acks: 1);
        await cluster.UntilInSyncAsync(topic, 1);
        ReplicationQuota quota = cluster.Server(leaderId).Replicas.Context.LeaderQuota!;
        quota.BytesPerSecondMax = 100_000;
        quota.Record(150_000);

        FetchRequest request = Calls.FetchRequest(topic, 0, maxWaitMs: 30_000);
        request.ReplicaId = 1 - leaderId;
        long began = Environment.TickCount64;
        FetchResponse.PartitionData read;
        do
        {
            read = (await leader.FetchAsync(request)).Responses[0].Partitions[0];
        }
        while (read.Records.Length == 0 && Environment.TickCount64 - began < 20_000);

        Assert.True(read.Records.Length > 0);
        Assert.InRange(Environment.TickCount64 - began, 0, 15_000);
    }
}
