using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>What a fetch gives, when it waits, and how its session goes on.</summary>
public class FetchTraps(SharedCluster shared) : IClassFixture<SharedCluster>
{
    private const int BatchValue = 10_000;
    private readonly TestCluster _cluster = shared.Cluster;

    private async Task<(TestTopic Topic, KafkaConnection Client)> TopicAsync(int batches = 0, params (string, string)[] configs)
    {
        TestTopic topic = await _cluster.NewTopicAsync(1, configs);
        KafkaConnection client = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        for (int i = 0; i < batches; i++)
        {
            Assert.Equal(i, (await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: BatchValue))).BaseOffset);
        }
        return (topic, client);
    }

    /// <summary>Topics of one partition each that broker 0 leads.</summary>
    private async Task<List<TestTopic>> LedByFirstAsync(int count)
    {
        var topics = new List<TestTopic>();
        while (topics.Count < count)
        {
            TestTopic topic = await _cluster.NewTopicAsync();
            if (_cluster.LeaderOf(topic) == 0)
            {
                topics.Add(topic);
            }
        }
        return topics;
    }

    [Fact]
    public async Task Trap32_FirstBatch_IsWholeEvenAboveTheLimits_AndLaterPartitionsKeepToThem()
    {
        List<TestTopic> topics = await LedByFirstAsync(3);
        KafkaConnection client = await _cluster.ConnectAsync();
        foreach (TestTopic topic in topics.Skip(1))
        {
            await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: BatchValue));
        }
        var request = new FetchRequest { MinBytes = 1, MaxBytes = 100, SessionEpoch = -1 };
        topics.ForEach(t => request.Add(t, 0, maxBytes: 50));
        FetchResponse answer = await client.FetchAsync(request);
        Assert.Equal(topics.Select(t => t.Name), answer.Responses.Select(r => System.Text.Encoding.UTF8.GetString(r.Topic.Span)));
        int[] lengths = [.. answer.Responses.Select(r => r.Partitions[0].Records.Length)];
        Assert.Equal(0, lengths[0]);
        Assert.True(lengths[1] > BatchValue, "the first batch that there is comes whole");
        Assert.Equal(0, lengths[2]);
        Assert.True(new RecordBatchView(answer.Responses[1].Partitions[0].Records.Memory.Span).IsCrcValid());
    }

    [Fact]
    public async Task Trap33_OffsetInsideABatch_GivesTheWholeBatch()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        await client.ProduceAsync(topic, Calls.Batch(10));
        await client.ProduceAsync(topic, Calls.Batch(10));
        byte[] records = (await client.FetchOneAsync(topic, 17)).Records.Memory.ToArray();
        Assert.Equal(10, new RecordBatchView(records).BaseOffset);
        Assert.Equal(new RecordBatchView(records).SizeInBytes, records.Length);
    }

    [Fact]
    public async Task Trap34_EnoughBytesOrNoWaitOrNoPartition_AnswersAtOnce()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(batches: 2);
        const int Long = 60_000;   // longer than the call's patience: who waits fails
        Assert.NotEqual(0, (await client.FetchOneAsync(topic, 0, maxWaitMs: Long)).Records.Length);
        Assert.NotEqual(0, (await client.FetchOneAsync(topic, 0, maxWaitMs: Long, minBytes: 2 * BatchValue)).Records.Length);
        Assert.Equal(0, (await client.FetchOneAsync(topic, 2, maxWaitMs: 0)).Records.Length);
        Assert.Equal(0, (await client.FetchOneAsync(topic, 2, maxWaitMs: Long, minBytes: 0)).Records.Length);
        Assert.Empty((await client.FetchAsync(new FetchRequest { MaxWaitMs = Long, MinBytes = 1, SessionEpoch = -1 })).Responses);
        // min_bytes is never more than max_bytes
        Assert.NotEqual(0, (await client.FetchOneAsync(topic, 0, maxWaitMs: Long, minBytes: int.MaxValue, maxBytes: BatchValue)).Records.Length);
        // an error of one partition ends the wait of all
        FetchRequest request = Calls.FetchRequest(topic, 2, maxWaitMs: Long).Add(new TestTopic("nowhere", Guid.Empty), 0);
        Assert.Equal(
            [ErrorCode.None, ErrorCode.UnknownTopicOrPartition],
            (await client.FetchAsync(request)).Responses.Select(r => r.Partitions[0].ErrorCode));
    }

    [Fact]
    public async Task Trap34_ReadThatEndsWithItsSegment_DoesNotWaitForMinBytes()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(0, ("segment.bytes", "1048576"));
        for (int i = 0; i < 3; i++)
        {
            await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: 600_000));   // two do not fit into one segment
        }
        FetchResponse.PartitionData data = await client.FetchOneAsync(
            topic, 0, maxWaitMs: 60_000, minBytes: 1_000_000, maxBytes: 4_000_000);
        Assert.InRange(data.Records.Length, 600_000, 700_000);
    }

    [Fact]
    public async Task Trap34_TooFewBytes_WaitUntilThereAreEnough()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(batches: 1);
        KafkaConnection producer = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        Task<FetchResponse.PartitionData> waits = client.FetchOneAsync(topic, 0, maxWaitMs: 60_000, minBytes: 2 * BatchValue);
        await producer.ProduceAsync(topic, Calls.Batch(1, valueBytes: 10));
        await producer.ProduceAsync(topic, Calls.Batch(1, valueBytes: 10));
        Assert.False(waits.IsCompleted);
        await producer.ProduceAsync(topic, Calls.Batch(1, valueBytes: BatchValue));
        Assert.True((await waits).Records.Length > 2 * BatchValue);
    }

    private static async Task<FetchResponse> SessionAsync(
        KafkaConnection client, int session, int epoch, params (TestTopic Topic, long Offset)[] partitions)
    {
        var request = new FetchRequest { MaxWaitMs = 0, MinBytes = 1, SessionId = session, SessionEpoch = epoch };
        foreach ((TestTopic topic, long offset) in partitions)
        {
            request.Add(topic, offset);
        }
        return await client.FetchAsync(request);
    }

    [Fact]
    public async Task Trap35_FetchSession_NamesEverythingFirst_ThenWhatChanged()
    {
        List<TestTopic> topics = await LedByFirstAsync(2);
        KafkaConnection client = await _cluster.ConnectAsync();
        FetchResponse full = await SessionAsync(client, 0, 0, (topics[0], 0), (topics[1], 0));
        Assert.NotEqual(0, full.SessionId);
        Assert.Equal(2, full.Responses.Count);
        FetchResponse unchanged = await SessionAsync(client, full.SessionId, 1);
        Assert.Equal(full.SessionId, unchanged.SessionId);
        Assert.Empty(unchanged.Responses);
        await client.ProduceAsync(topics[1], Calls.Batch());
        FetchResponse changed = await SessionAsync(client, full.SessionId, 2);
        Assert.Equal(topics[1].Name, System.Text.Encoding.UTF8.GetString(Assert.Single(changed.Responses).Topic.Span));
        Assert.NotEqual(0, changed.Responses[0].Partitions[0].Records.Length);
        FetchResponse moved = await SessionAsync(client, full.SessionId, 3, (topics[1], 1));
        Assert.Empty(moved.Responses);
    }

    [Fact]
    public async Task FetchSession_PartitionNamedWithAnotherLeaderEpoch_IsToldItsHighWatermarkAgain()
    {
        TestTopic topic = (await LedByFirstAsync(1))[0];
        KafkaConnection client = await _cluster.ConnectAsync();
        await client.ProduceAsync(topic, Calls.Batch());
        int session = (await SessionAsync(client, 0, 0, (topic, 1))).SessionId;
        Assert.Empty((await SessionAsync(client, session, 1, (topic, 1))).Responses);
        var request = new FetchRequest { MaxWaitMs = 0, MinBytes = 1, SessionId = session, SessionEpoch = 2 };
        request.Add(topic, 1);
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = 0;

        FetchResponse told = await client.FetchAsync(request);

        Assert.Equal(1, Assert.Single(Assert.Single(told.Responses).Partitions).HighWatermark);
    }

    [Fact]
    public async Task FetchSession_AfterTheAnswerThatSaysWhereLogsPart_TellsTheHighWatermarkAgain()
    {
        TestTopic topic = (await LedByFirstAsync(1))[0];
        KafkaConnection client = await _cluster.ConnectAsync();
        await client.ProduceAsync(topic, Calls.Batch());
        var request = new FetchRequest { MaxWaitMs = 0, MinBytes = 1, SessionEpoch = 0 };
        request.Add(topic, 9);
        request.Topics[0].Partitions[0].LastFetchedEpoch = 0;
        FetchResponse parts = await client.FetchAsync(request);
        Assert.Equal(1, Assert.Single(Assert.Single(parts.Responses).Partitions).DivergingEpoch!.EndOffset);

        // A follower does not take the high watermark of that answer in.
        FetchResponse told = await SessionAsync(client, parts.SessionId, 1, (topic, 1));

        Assert.Equal(1, Assert.Single(Assert.Single(told.Responses).Partitions).HighWatermark);
        Assert.Empty((await SessionAsync(client, parts.SessionId, 2, (topic, 1))).Responses);
    }

    [Fact]
    public async Task Trap35_FetchSession_ForgetsPartitions_AndEndsWithTheLast()
    {
        List<TestTopic> topics = await LedByFirstAsync(2);
        KafkaConnection client = await _cluster.ConnectAsync();
        int session = (await SessionAsync(client, 0, 0, (topics[0], 0), (topics[1], 0))).SessionId;
        FetchRequest Forget(TestTopic topic, int epoch)
        {
            var request = new FetchRequest { SessionId = session, SessionEpoch = epoch };
            request.ForgottenTopicsData.Add(new() { Topic = topic.Utf8, Partitions = [0] });
            return request;
        }

        Assert.Equal(session, (await client.FetchAsync(Forget(topics[0], 1))).SessionId);
        await client.ProduceAsync(topics[0], Calls.Batch());
        Assert.Empty((await SessionAsync(client, session, 2)).Responses);
        Assert.Equal(0, (await client.FetchAsync(Forget(topics[1], 3))).SessionId);
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, (await SessionAsync(client, session, 4)).ErrorCode);
    }

    [Fact]
    public async Task Trap35_FetchSession_UnknownOrOutOfStep_HasItsErrors()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(batches: 1);
        int session = (await SessionAsync(client, 0, 0, (topic, 0))).SessionId;
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, (await SessionAsync(client, session == 1 ? 2 : session - 1, 1)).ErrorCode);
        Assert.Equal(ErrorCode.InvalidFetchSessionEpoch, (await SessionAsync(client, session, 2)).ErrorCode);
        Assert.Equal(ErrorCode.InvalidFetchSessionEpoch, (await SessionAsync(client, session, 5, (topic, 0))).ErrorCode);
        Assert.Equal(ErrorCode.None, (await SessionAsync(client, session, 1)).ErrorCode);
    }

    [Fact]
    public async Task Trap35_FetchSession_AFullRequestEndsTheOneItNames_AndMinusOneHasNone()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(batches: 1);
        int first = (await SessionAsync(client, 0, 0, (topic, 0))).SessionId;
        int second = (await SessionAsync(client, first, 0, (topic, 0))).SessionId;
        Assert.NotEqual(first, second);
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, (await SessionAsync(client, first, 1)).ErrorCode);
        FetchResponse last = await SessionAsync(client, second, -1, (topic, 0));
        Assert.Equal((0, 1), (last.SessionId, last.Responses.Count));
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, (await SessionAsync(client, second, 1)).ErrorCode);
    }

    [Fact]
    public async Task Trap35_FetchSession_WithoutASlot_IsNone()
    {
        await using TestCluster small = await TestCluster.StartAsync(overrides: ["max.incremental.fetch.session.cache.slots=2"]);
        TestTopic topic = await small.NewTopicAsync();
        KafkaConnection client = await small.ConnectAsync();
        Assert.NotEqual(0, (await SessionAsync(client, 0, 0, (topic, 0))).SessionId);
        Assert.NotEqual(0, (await SessionAsync(client, 0, 0, (topic, 0))).SessionId);
        FetchResponse third = await SessionAsync(client, 0, 0, (topic, 0));
        Assert.Equal((0, ErrorCode.None, 1), (third.SessionId, third.ErrorCode, third.Responses.Count));
    }

    /// <summary>A session of very many partitions is made, changed and forgotten without holding its thread up.</summary>
    [Fact]
    public async Task Trap35_FetchSession_OfOneHundredThousandPartitions_IsQuick()
    {
        const int Many = 100_000;
        KafkaConnection client = await _cluster.ConnectAsync();
        var request = new FetchRequest { MinBytes = 1, SessionEpoch = 0 };
        var topic = new FetchRequest.FetchTopic { Topic = "nowhere"u8.ToArray() };
        for (int i = 0; i < Many; i++)
        {
            topic.Partitions.Add(new() { Partition = i, PartitionMaxBytes = 1 });
        }
        request.Topics.Add(topic);
        FetchResponse made = await client.FetchAsync(request);
        Assert.Equal(Many, made.Responses[0].Partitions.Count);
        request.SessionId = made.SessionId;
        request.SessionEpoch = 1;
        Assert.Equal(Many, (await client.FetchAsync(request)).Responses[0].Partitions.Count);
        var forget = new FetchRequest { SessionId = made.SessionId, SessionEpoch = 2 };
        forget.ForgottenTopicsData.Add(new() { Topic = topic.Topic });
        forget.ForgottenTopicsData[0].Partitions.AddRange(Enumerable.Range(0, Many - 1));
        Assert.Single((await client.FetchAsync(forget)).Responses[0].Partitions);
    }

    [Fact]
    public async Task Trap36_Answer_HasWatermarksAndStart_AndAbortedOnlyForReadCommitted()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(batches: 3);
        await client.DeleteRecordsAsync(topic, 2);
        FetchRequest request = Calls.FetchRequest(topic, 2);
        FetchResponse.PartitionData plain = (await client.FetchAsync(request)).Responses[0].Partitions[0];
        Assert.Equal((3, 3, 2), (plain.HighWatermark, plain.LastStableOffset, plain.LogStartOffset));
        Assert.Null(plain.AbortedTransactions);
        Assert.Equal(-1, plain.PreferredReadReplica);
        request.IsolationLevel = 1;
        Assert.Empty((await client.FetchAsync(request)).Responses[0].Partitions[0].AbortedTransactions!);
    }

    [Fact]
    public async Task Trap37_OffsetOutOfRange_OnlyBelowTheStartOrAboveTheEnd()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(batches: 3);
        await client.DeleteRecordsAsync(topic, 1);
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await client.FetchOneAsync(topic, 0)).ErrorCode);
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await client.FetchOneAsync(topic, -1)).ErrorCode);
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await client.FetchOneAsync(topic, 4)).ErrorCode);
        Assert.Equal(ErrorCode.None, (await client.FetchOneAsync(topic, 1)).ErrorCode);
        FetchResponse.PartitionData atEnd = await client.FetchOneAsync(topic, 3);
        Assert.Equal((ErrorCode.None, 0), (atEnd.ErrorCode, atEnd.Records.Length));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(16)]
    [InlineData(18)]
    public async Task Trap38_EveryVersion_GetsTheBatchAsItIsStored(short version)
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        await client.ProduceAsync(topic, Calls.Batch(4));
        byte[] records = (await client.FetchOneAsync(topic, 0, version)).Records.Memory.ToArray();
        Assert.Equal((2, 4), (new RecordBatchView(records).Magic, new RecordBatchView(records).Count));
    }

    [Fact]
    public async Task Trap39_LeaderEpoch_OlderIsFencedAndNewerUnknown()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(batches: 1);
        int current = _cluster.Server().Metadata.Current.Partition(topic.Name, 0)!.LeaderEpoch;
        async Task<ErrorCode> FetchAsync(int epoch)
        {
            FetchRequest request = new FetchRequest { SessionEpoch = -1 }.Add(topic, 0, leaderEpoch: epoch);
            return (await client.FetchAsync(request)).Responses[0].Partitions[0].ErrorCode;
        }

        Assert.Equal(ErrorCode.None, await FetchAsync(-1));
        Assert.Equal(ErrorCode.None, await FetchAsync(current));
        Assert.Equal(ErrorCode.UnknownLeaderEpoch, await FetchAsync(current + 1));
        Assert.Equal(ErrorCode.UnknownLeaderEpoch, (await client.ListOffsetsAsync(topic, -1, leaderEpoch: current + 1)).ErrorCode);
        Assert.Equal(ErrorCode.UnknownLeaderEpoch, (await client.EpochEndAsync(topic, 0, current + 1)).ErrorCode);

        int leader = _cluster.LeaderOf(topic);
        await _cluster.RestartLeaderAsync(topic);
        client = await _cluster.ConnectAsync(leader);
        Assert.Equal(ErrorCode.FencedLeaderEpoch, await FetchAsync(current));
        Assert.Equal(ErrorCode.FencedLeaderEpoch, (await client.ListOffsetsAsync(topic, -1, leaderEpoch: current)).ErrorCode);
        Assert.Equal(ErrorCode.FencedLeaderEpoch, (await client.EpochEndAsync(topic, 0, current)).ErrorCode);
        Assert.Equal(ErrorCode.None, await FetchAsync(-1));
    }
}
