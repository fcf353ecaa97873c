using Broker.Client;
using Broker.Engine.Replication;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Replication;

/// <summary>What clients and followers see of replication.</summary>
public sealed class ReplicationProtocolTests : IAsyncLifetime
{
    private TestCluster _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await TestCluster.StartAsync(brokers: 3, overrides:
    [
        "replica.lag.time.max.ms=4000", "replica.fetch.wait.max.ms=100", "zookeeper.session.timeout.ms=6000",
        "offsets.topic.replication.factor=3",
    ]);

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Produce_AcksAllPipelinedWhileAFollowerIsGone_AppendsInOrderAndAnswersInOrder()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3);
        await _cluster.UntilInSyncAsync(topic, 3);
        KafkaConnection leader = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        for (int i = 0; i < 10; i++)
        {
            await leader.ProduceAsync(topic, Calls.Batch());   // by then the connection is on the partition's thread
        }
        await _cluster.Brokers[Other(topic)].KillAsync();

        Task<ProduceResponse.PartitionProduceResponse>[] waiting = [.. Enumerable.Range(0, 5).Select(_ => leader.ProduceAsync(topic, Calls.Batch(2)))];
        Partition partition = _cluster.LeaderPartition(topic)!;
        await ReplicatedCluster.UntilAsync(() => partition.Log.LogEndOffset == 20);
        Assert.All(waiting, w => Assert.False(w.IsCompleted));

        for (int i = 0; i < 5; i++)
        {
            ProduceResponse.PartitionProduceResponse made = await waiting[i];   // the one that is gone leaves the in-sync replicas
            Assert.Equal((ErrorCode.None, 10 + (i * 2L)), (made.ErrorCode, made.BaseOffset));
        }
        IsrChange left = Assert.Single(partition.IsrHistory, c => !c.Joined);
        Assert.NotEmpty(left.Cause);
    }

    [Fact]
    public async Task Produce_MoreAtOnceThanAConnectionMayHavePending_AllAreAnsweredInOrder()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3);
        KafkaConnection leader = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));

        ProduceResponse.PartitionProduceResponse[] made =
            await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => leader.ProduceAsync(topic, Calls.Batch())));

        Assert.Equal(Enumerable.Range(0, 300).Select(i => (long)i), made.Select(m => m.BaseOffset));
        Assert.All(made, m => Assert.Equal(ErrorCode.None, m.ErrorCode));
    }

    [Fact]
    public async Task Produce_AcksAllNotInTime_TimesOutAndStaysAppended()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3);
        await _cluster.UntilInSyncAsync(topic, 3);
        KafkaConnection leader = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        await _cluster.Brokers[Other(topic)].KillAsync();
        ProduceRequest request = Calls.ProduceRequest(topic, Calls.Batch(), 9);
        request.TimeoutMs = 50;

        ProduceResponse answer = await leader.CallAsync<ProduceRequest, ProduceResponse>(request, 9);

        ProduceResponse.PartitionProduceResponse one = answer.Responses[0].PartitionResponses[0];
        Assert.Equal((ErrorCode.RequestTimedOut, 0L), (one.ErrorCode, one.BaseOffset));
        Assert.Equal(1, _cluster.LeaderPartition(topic)!.Log.LogEndOffset);
    }

    [Fact]
    public async Task Produce_FewerInSyncThanTheLeast_IsRefusedForAcksAllOnly()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3, ("min.insync.replicas", "3"));
        await _cluster.UntilInSyncAsync(topic, 3);
        KafkaConnection leader = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        await leader.ProduceAsync(topic, Calls.Batch());
        await _cluster.Brokers[Other(topic)].KillAsync();
        Task<ProduceResponse.PartitionProduceResponse> waiting = leader.ProduceAsync(topic, Calls.Batch());

        await _cluster.UntilInSyncAsync(topic, 2);

        Assert.Equal(ErrorCode.NotEnoughReplicas, (await RefusedAsync(topic)).ErrorCode);
        KafkaConnection another = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        Assert.Equal(ErrorCode.None, (await another.ProduceAsync(topic, Calls.Batch(), acks: 1)).ErrorCode);
        Assert.False(waiting.IsCompleted);   // KIP-966: the high watermark does not move below the least
    }

    private async Task<ProduceResponse.PartitionProduceResponse> RefusedAsync(TestTopic topic) =>
        await (await _cluster.ConnectAsync(_cluster.LeaderOf(topic))).ProduceAsync(topic, Calls.Batch());

    [Fact]
    public async Task Fetch_AsFollower_ReadsBeyondTheHighWatermarkAndIsToldWhereLogsPart()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3, ("min.insync.replicas", "3"));
        await _cluster.UntilInSyncAsync(topic, 3);
        int leaderId = _cluster.LeaderOf(topic);
        int follower = Other(topic);
        await _cluster.Brokers[follower].KillAsync();
        KafkaConnection leader = await _cluster.ConnectAsync(leaderId);
        await leader.ProduceAsync(topic, Calls.Batch(3), acks: 1);

        Assert.Equal(0, (await leader.FetchOneAsync(topic, 0)).Records.Length);   // a consumer waits for the high watermark
        FetchResponse.PartitionData read = await FollowAsync(leader, topic, follower, offset: 0);
        Assert.Equal(ErrorCode.None, read.ErrorCode);
        Assert.Equal(2, new RecordBatchView(read.Records.Memory.Span).LastOffset);

        FetchResponse.PartitionData parts = await FollowAsync(leader, topic, follower, offset: 9, lastEpoch: 0);
        Assert.Equal((0, 3L), (parts.DivergingEpoch!.Epoch, parts.DivergingEpoch.EndOffset));
        Assert.Equal(0, parts.Records.Length);
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await FollowAsync(leader, topic, follower, offset: 9)).ErrorCode);
        Assert.Equal(ErrorCode.NotLeaderOrFollower, (await FollowAsync(leader, topic, 77, offset: 0)).ErrorCode);
        Assert.Equal(ErrorCode.UnknownLeaderEpoch, (await FollowAsync(leader, topic, 77, offset: 0, epoch: 0)).ErrorCode);
        Assert.Equal(ErrorCode.UnknownLeaderEpoch, (await FollowAsync(leader, topic, follower, offset: 0, epoch: 9)).ErrorCode);
    }

    [Fact]
    public async Task Fetch_FromAFollower_ServesConsumersOfVersion11Below()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3);
        KafkaConnection leader = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        await leader.ProduceAsync(topic, Calls.Batch(3));
        int follower = Other(topic);
        Partition replica = _cluster.Server(follower).Replicas.Partitions.Find(new TopicPartition(topic.Name, 0))!;
        await ReplicatedCluster.UntilAsync(() => replica.HighWatermark == 3);
        KafkaConnection client = await _cluster.ConnectAsync(follower);

        Assert.Equal(ErrorCode.NotLeaderOrFollower, (await client.FetchOneAsync(topic, 0, version: 10)).ErrorCode);
        FetchResponse.PartitionData read = await client.FetchOneAsync(topic, 0, version: 11);
        Assert.Equal((ErrorCode.None, 3L), (read.ErrorCode, read.HighWatermark));
        Assert.NotEqual(0, read.Records.Length);
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await client.FetchOneAsync(topic, 4, version: 11)).ErrorCode);
    }

    [Fact]
    public async Task DeleteRecords_ThreeReplicas_AnswersWhenAllHaveFollowed()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3);
        await _cluster.UntilInSyncAsync(topic, 3);
        KafkaConnection leader = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        await leader.ProduceAsync(topic, Calls.Batch(10));

        (ErrorCode error, long low) = await leader.DeleteRecordsAsync(topic, 6);

        Assert.Equal((ErrorCode.None, 6L), (error, low));
        Assert.All(await _cluster.ReplicasAsync(topic), r => Assert.Equal(6, r.Log.LogStartOffset));
    }

    [Fact]
    public async Task OffsetCommit_CoordinatorKilled_AcknowledgedOffsetsAreWithItsSuccessor()
    {
        TestTopic topic = await _cluster.NewReplicatedTopicAsync(1, 3);
        int coordinator = await CoordinatorAsync(-1);
        KafkaConnection client = await _cluster.ConnectAsync(coordinator);
        ErrorCode committed = ErrorCode.NotCoordinator;
        while (committed is ErrorCode.NotCoordinator or ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable)
        {
            committed = await CommitAsync(client, topic, 42);
        }
        Assert.Equal(ErrorCode.None, committed);

        await _cluster.Brokers[coordinator].KillAsync();

        int next = await CoordinatorAsync(coordinator);
        KafkaConnection other = await _cluster.ConnectAsync(next);
        OffsetFetchResponse found;
        do
        {
            var asked = new OffsetFetchRequest { GroupId = "g" };
            asked.Topics = [new OffsetFetchRequest.OffsetFetchRequestTopic { Name = topic.Name, PartitionIndexes = [0] }];
            found = await other.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(asked, 7);
        }
        while (found.ErrorCode is ErrorCode.CoordinatorLoadInProgress or ErrorCode.NotCoordinator);
        Assert.Equal(42, found.Topics[0].Partitions[0].CommittedOffset);
    }

    private static async Task<ErrorCode> CommitAsync(KafkaConnection client, TestTopic topic, long offset)
    {
        var request = new OffsetCommitRequest { GroupId = "g" };
        request.Topics.Add(new()
        {
            Name = topic.Name,
            Partitions = [new OffsetCommitRequest.OffsetCommitRequestPartition { CommittedOffset = offset }],
        });
        return (await client.CallAsync<OffsetCommitRequest, OffsetCommitResponse>(request, 8)).Topics[0].Partitions[0].ErrorCode;
    }

    /// <summary>The coordinator of group g, other than one.</summary>
    private async Task<int> CoordinatorAsync(int other)
    {
        KafkaConnection any = await _cluster.ConnectAsync(_cluster.Brokers.First(b => b.Server is { IsServing: true }).Id);
        while (true)
        {
            FindCoordinatorResponse found = await any.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
                new FindCoordinatorRequest { Key = "g" }, 2);
            if (found.ErrorCode == ErrorCode.None && found.NodeId != other)
            {
                return found.NodeId;
            }
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>A broker that follows.</summary>
    private int Other(TestTopic topic) => (_cluster.LeaderOf(topic) + 1) % 3;

    private static async Task<FetchResponse.PartitionData> FollowAsync(
        KafkaConnection leader, TestTopic topic, int replica, long offset, int lastEpoch = -1, int epoch = -1)
    {
        FetchRequest request = Calls.FetchRequest(topic, offset);
        request.ReplicaId = replica;
        request.Topics[0].Partitions[0].LastFetchedEpoch = lastEpoch;
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch;
        return (await leader.FetchAsync(request)).Responses[0].Partitions[0];
    }
}
