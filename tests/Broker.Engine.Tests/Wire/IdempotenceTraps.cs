using Broker.Client;
using Broker.Engine.Storage;
using Broker.Engine.Tests.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Wire;

/// <summary>Idempotent producers over the wire.</summary>
public class IdempotenceTraps(SharedCluster shared) : IClassFixture<SharedCluster>
{
    private readonly TestCluster _cluster = shared.Cluster;

    private async Task<(TestTopic Topic, KafkaConnection Client, long ProducerId)> BeginAsync()
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        KafkaConnection client = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        InitProducerIdResponse given = await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
            new() { TransactionalId = null }, 4);
        Assert.Equal(ErrorCode.None, given.ErrorCode);
        Assert.Equal(0, given.ProducerEpoch);
        return (topic, client, given.ProducerId);
    }

    [Fact]
    public async Task Trap27_AnyOfTheLastFiveBatchesSentAgain_SucceedsWithItsFirstOffset()
    {
        (TestTopic topic, KafkaConnection client, long id) = await BeginAsync();
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(i * 2, (await client.ProduceAsync(topic, Calls.Batch(id, 0, i * 2, records: 2))).BaseOffset);
        }
        for (int i = 3; i < 8; i++)
        {
            ProduceResponse.PartitionProduceResponse again = await client.ProduceAsync(topic, Calls.Batch(id, 0, i * 2, records: 2));
            Assert.Equal((ErrorCode.None, i * 2), (again.ErrorCode, again.BaseOffset));
        }
        Assert.Equal(
            ErrorCode.OutOfOrderSequenceNumber, (await client.ProduceAsync(topic, Calls.Batch(id, 0, 4, records: 2))).ErrorCode);
        Assert.Equal(
            ErrorCode.OutOfOrderSequenceNumber, (await client.ProduceAsync(topic, Calls.Batch(id, 0, 14, records: 3))).ErrorCode);
        Assert.Equal(
            ErrorCode.OutOfOrderSequenceNumber, (await client.ProduceAsync(topic, Calls.Batch(id, 0, 17, records: 2))).ErrorCode);
        Assert.Equal(16, (await client.FetchOneAsync(topic, 0)).HighWatermark);
    }

    [Fact]
    public async Task Trap28_Sequence_WrapsToZeroWithinABatchAndBetweenBatches()
    {
        (TestTopic topic, KafkaConnection client, long id) = await BeginAsync();
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(id, 0, int.MaxValue - 1, records: 3))).ErrorCode);
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(id, 0, 1, records: 2))).ErrorCode);
        ProduceResponse.PartitionProduceResponse again = await client.ProduceAsync(
            topic, Calls.Batch(id, 0, int.MaxValue - 1, records: 3));
        Assert.Equal((ErrorCode.None, 0), (again.ErrorCode, again.BaseOffset));

        (topic, client, id) = await BeginAsync();
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(id, 0, int.MaxValue))).ErrorCode);
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(id, 0, 0))).ErrorCode);
    }

    [Fact]
    public async Task Trap29_UnknownProducer_BeginsAnywhere_ANewEpochAtZero()
    {
        (TestTopic topic, KafkaConnection client, long id) = await BeginAsync();
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(id, 0, 4711))).ErrorCode);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, (await client.ProduceAsync(topic, Calls.Batch(id, 1, 4712))).ErrorCode);
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(id, 1, 0))).ErrorCode);
    }

    [Fact]
    public async Task Trap30_ProducerId_ExpiresByItsOwnTime()
    {
        await using TestCluster quick = await TestCluster.StartAsync(overrides:
            ["producer.id.expiration.ms=50", "producer.id.expiration.check.interval.ms=20"]);
        TestTopic topic = await quick.NewTopicAsync();
        KafkaConnection client = await quick.ConnectAsync();
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(77, 0, 0))).ErrorCode);
        var describe = new DescribeProducersRequest();
        describe.Topics.Add(new() { Name = topic.Name, PartitionIndexes = [0] });
        while ((await client.CallAsync<DescribeProducersRequest, DescribeProducersResponse>(describe, 0))
            .Topics[0].Partitions[0].ActiveProducers.Count > 0)
        {
            await Task.Yield();
        }
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(77, 0, 100))).ErrorCode);
    }

    [Fact]
    public async Task Trap30_DefaultExpiration_IsADay()
    {
        Assert.Equal(86_400_000, _cluster.Server().Config.Static.Long("producer.id.expiration.ms"));
        (TestTopic topic, KafkaConnection client, long id) = await BeginAsync();
        await client.ProduceAsync(topic, Calls.Batch(id, 0, 0));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, (await client.ProduceAsync(topic, Calls.Batch(id, 0, 9))).ErrorCode);
    }

    [Fact]
    public async Task Trap31_StaleEpoch_IsInvalidProducerEpoch()
    {
        (TestTopic topic, KafkaConnection client, long id) = await BeginAsync();
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(id, 3, 0))).ErrorCode);
        Assert.Equal(ErrorCode.InvalidProducerEpoch, (await client.ProduceAsync(topic, Calls.Batch(id, 2, 1))).ErrorCode);
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(5, -1)]
    public async Task InitProducerId_IdWithoutEpochOrTheReverse_IsInvalidRequest(long id, short epoch)
    {
        await using KafkaConnection client = await _cluster.ConnectAsync();
        InitProducerIdResponse answer = await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
            new() { TransactionalId = null, ProducerId = id, ProducerEpoch = epoch }, 4);
        Assert.Equal(ErrorCode.InvalidRequest, answer.ErrorCode);
    }

    [Fact]
    public async Task InitProducerId_FromBothBrokers_NeverGivesTheSameIdTwice()
    {
        var ids = new List<long>();
        for (int i = 0; i < 50; i++)
        {
            await using KafkaConnection client = await _cluster.ConnectAsync(i % 2);
            ids.Add((await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(new() { TransactionalId = null }, 5)).ProducerId);
        }
        Assert.Equal(50, ids.Distinct().Count());
    }

    [Fact]
    public async Task Producer_BrokerStopsAndStarts_IsStillKnown()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestTopic topic = await cluster.NewTopicAsync(1, ("segment.bytes", "1048576"));
        KafkaConnection client = await cluster.ConnectAsync();
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(77, 0, i * 2, records: 2))).ErrorCode);
        }
        await cluster.RestartLeaderAsync(topic);
        KafkaConnection again = await cluster.ConnectAsync();
        for (int i = 3; i < 8; i++)
        {
            // The snapshot keeps the last batch of a producer, as Kafka's does: an older one is a duplicate without an offset.
            ProduceResponse.PartitionProduceResponse sent = await again.ProduceAsync(topic, Calls.Batch(77, 0, i * 2, records: 2));
            Assert.Equal(i == 7 ? (ErrorCode.None, 14) : (ErrorCode.DuplicateSequenceNumber, -1), (sent.ErrorCode, sent.BaseOffset));
        }
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, (await again.ProduceAsync(topic, Calls.Batch(77, 0, 18, records: 2))).ErrorCode);
        Assert.Equal((ErrorCode.None, 16), Of(await again.ProduceAsync(topic, Calls.Batch(77, 0, 16, records: 2))));
        Assert.Equal(18, (await again.FetchOneAsync(topic, 0)).HighWatermark);
    }

    [Fact]
    public async Task Batch_BeforeTheOneThatASnapshotKept_IsNoDuplicateYetToWhoWantsAllReplicas_BeforeTheyHaveIt()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2, overrides: ["replica.lag.time.max.ms=600000"]);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 2);
        await cluster.UntilInSyncAsync(topic, 2);
        BrokerServer leader = cluster.Server(cluster.LeaderOf(topic));
        BrokerServer follower = cluster.Server(1 - leader.Id);
        KafkaConnection client = await cluster.ConnectAsync(leader.Id);
        follower.Replicas.Fetchers!.Hold();
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(77, 0, i * 2, records: 2), acks: 1)).ErrorCode);
        }
        PartitionLog log = cluster.LeaderPartition(topic)!.Log;
        log.Producers.TakeSnapshot(6, sync: false);
        log.Producers.LoadNewest(0, 6, 0);   // as after a restart

        Task<ProduceResponse.PartitionProduceResponse> again = client.ProduceAsync(topic, Calls.Batch(77, 0, 0, records: 2));
        await ReplicatedCluster.UntilAsync(() => again.IsCompleted || leader.ProducePurgatory.NumDelayedOperations > 0);
        Assert.False(again.IsCompleted);
        KafkaConnection other = await cluster.ConnectAsync(leader.Id);
        Assert.Equal(
            ErrorCode.DuplicateSequenceNumber, (await other.ProduceAsync(topic, Calls.Batch(77, 0, 2, records: 2), acks: 1)).ErrorCode);
        follower.Replicas.Fetchers!.Release();

        Assert.Equal((ErrorCode.DuplicateSequenceNumber, -1), Of(await again));
        Assert.True(log.HighWatermark >= 4);
    }

    private static (ErrorCode, long) Of(ProduceResponse.PartitionProduceResponse sent) => (sent.ErrorCode, sent.BaseOffset);
}
