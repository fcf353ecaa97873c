using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>Looking offsets up, epochs, and what groups commit.</summary>
public class OffsetTraps(SharedCluster shared) : IClassFixture<SharedCluster>
{
    private readonly TestCluster _cluster = shared.Cluster;

    private async Task<(TestTopic Topic, KafkaConnection Client)> TopicAsync(params (string, string)[] configs)
    {
        TestTopic topic = await _cluster.NewTopicAsync(1, configs);
        return (topic, await _cluster.ConnectAsync(_cluster.LeaderOf(topic)));
    }

    [Theory]
    [InlineData(CompressionCodec.None)]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Snappy)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public async Task Trap40_LookUpByTime_FindsTheRecordInsideABatch(CompressionCodec codec)
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        foreach (long[] times in new long[][] { [1000, 1010, 1005], [1020, 1040, 1030], [1025] })
        {
            builder.Begin(new RecordBatchOptions { Codec = codec });
            foreach (long time in times)
            {
                builder.Append(time, "k"u8.ToArray(), "v"u8.ToArray());
            }
            await client.ProduceAsync(topic, builder.Finish().ToArray());
        }
        async Task<(long, long)> FindAsync(long time)
        {
            ListOffsetsResponse.ListOffsetsPartitionResponse found = await client.ListOffsetsAsync(topic, time);
            Assert.Equal(ErrorCode.None, found.ErrorCode);
            return (found.Offset, found.Timestamp);
        }

        Assert.Equal((0, 1000), await FindAsync(0));
        Assert.Equal((1, 1010), await FindAsync(1001));
        Assert.Equal((3, 1020), await FindAsync(1011));
        Assert.Equal((4, 1040), await FindAsync(1031));
        Assert.Equal((-1, -1), await FindAsync(1041));
        Assert.Equal((4, 1040), await FindAsync(-3));
    }

    [Fact]
    public async Task Trap40_Marks_AreLatestEarliestMaximumAndTheTieredOnes()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        async Task<(ErrorCode, long)> FindAsync(long mark, short version, sbyte isolation = 0)
        {
            ListOffsetsResponse.ListOffsetsPartitionResponse found = await client.ListOffsetsAsync(topic, mark, version, isolation);
            return (found.ErrorCode, found.Offset);
        }

        Assert.Equal((ErrorCode.None, -1), await FindAsync(-3, 7));   // nothing there
        await client.ProduceAsync(topic, Calls.Batch(5));
        await client.DeleteRecordsAsync(topic, 2);
        Assert.Equal((ErrorCode.None, 5), await FindAsync(-1, 1));
        Assert.Equal((ErrorCode.None, 5), await FindAsync(-1, 11, isolation: 1));
        Assert.Equal((ErrorCode.None, 2), await FindAsync(-2, 1));
        Assert.Equal((ErrorCode.None, 2), await FindAsync(-3, 7));
        Assert.Equal((ErrorCode.None, 2), await FindAsync(-4, 8));
        Assert.Equal((ErrorCode.None, -1), await FindAsync(-5, 9));
        Assert.Equal((ErrorCode.None, -1), await FindAsync(-6, 11));
        Assert.Equal(ErrorCode.UnsupportedVersion, (await FindAsync(-3, 6)).Item1);
        Assert.Equal(ErrorCode.UnsupportedVersion, (await FindAsync(-4, 7)).Item1);
        Assert.Equal(ErrorCode.UnsupportedVersion, (await FindAsync(-5, 8)).Item1);
        Assert.Equal(ErrorCode.UnsupportedVersion, (await FindAsync(-6, 10)).Item1);
        Assert.Equal(ErrorCode.UnsupportedVersion, (await FindAsync(-7, 11)).Item1);
    }

    /// <summary>Two reigns of one leader: records of the first keep its epoch.</summary>
    [Fact]
    public async Task Trap41_EpochsOfTwoReigns_AreTheRecordsOwn_AndTrap42_SayWhereEachEnds()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        int first = _cluster.Server().Metadata.Current.Partition(topic.Name, 0)!.LeaderEpoch;
        await client.ProduceAsync(topic, Calls.Batch(3, timestampMs: 1000));
        int leader = _cluster.LeaderOf(topic);
        await _cluster.RestartLeaderAsync(topic);
        Assert.True(await _cluster.Server(leader).Waits.WaitAsync(
            image => image.Partition(topic.Name, 0) is { } p && p.Leader == leader, 10_000, "leads again"));
        int second = _cluster.Server(leader).Metadata.Current.Partition(topic.Name, 0)!.LeaderEpoch;
        Assert.True(second > first);
        client = await _cluster.ConnectAsync(leader);
        await client.ProduceAsync(topic, Calls.Batch(2, timestampMs: 2000));

        Assert.Equal((0, first), await EpochAsync(1000));
        Assert.Equal((3, second), await EpochAsync(1500));
        Assert.Equal((0, first), await EpochAsync(-2));
        Assert.Equal((5, second), await EpochAsync(-1));
        Assert.Equal(-1, (await client.ListOffsetsAsync(topic, 1000, version: 3)).LeaderEpoch);

        Assert.Equal((second, 5), await EndAsync(second));
        Assert.Equal((first, 3), await EndAsync(first));
        Assert.Equal((-1, -1), await EndAsync(second + 1));
        Assert.Equal((-1, -1), await EndAsync(-1));
        for (int between = first + 1; between < second; between++)
        {
            Assert.Equal((first, 3), await EndAsync(between));
        }

        async Task<(long, int)> EpochAsync(long time)
        {
            ListOffsetsResponse.ListOffsetsPartitionResponse found = await client.ListOffsetsAsync(topic, time);
            return (found.Offset, found.LeaderEpoch);
        }

        async Task<(int, long)> EndAsync(int epoch)
        {
            OffsetForLeaderEpochResponse.EpochEndOffset end = await client.EpochEndAsync(topic, epoch);
            Assert.Equal(ErrorCode.None, end.ErrorCode);
            return (end.LeaderEpoch, end.EndOffset);
        }
    }

    [Fact]
    public async Task Trap42_OffsetForLeaderEpoch_IsAnsweredByTheLeaderAlone()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        await client.ProduceAsync(topic, Calls.Batch());
        Assert.Equal(ErrorCode.None, (await client.EpochEndAsync(topic, 0)).ErrorCode);
        KafkaConnection other = await _cluster.ConnectAsync(1 - _cluster.LeaderOf(topic));
        OffsetForLeaderEpochResponse.EpochEndOffset refused = await other.EpochEndAsync(topic, 0);
        Assert.Equal((ErrorCode.NotLeaderOrFollower, -1, -1), (refused.ErrorCode, refused.LeaderEpoch, refused.EndOffset));
        Assert.Equal(
            ErrorCode.UnknownTopicOrPartition, (await client.EpochEndAsync(new TestTopic("nowhere", Guid.Empty), 0)).ErrorCode);
    }

    private async Task<KafkaConnection> CoordinatorAsync(string group)
    {
        KafkaConnection any = await _cluster.ConnectAsync();
        while (true)
        {
            FindCoordinatorResponse found = await any.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(new() { Key = group }, 2);
            if (found.ErrorCode == ErrorCode.None)
            {
                return await _cluster.ConnectAsync(found.NodeId);
            }
            Assert.Equal(ErrorCode.CoordinatorNotAvailable, found.ErrorCode);   // __consumer_offsets is being made
        }
    }

    private static async Task<ErrorCode> CommitAsync(
        KafkaConnection client, string group, TestTopic topic, long offset, string? metadata, short version = 9)
    {
        var request = new OffsetCommitRequest { GroupId = group };
        var one = new OffsetCommitRequest.OffsetCommitRequestTopic { Name = topic.Name, TopicId = version >= 10 ? topic.Id : Guid.Empty };
        one.Partitions.Add(new() { CommittedOffset = offset, CommittedLeaderEpoch = 3, CommittedMetadata = metadata });
        request.Topics.Add(one);
        while (true)
        {
            OffsetCommitResponse answer = await client.CallAsync<OffsetCommitRequest, OffsetCommitResponse>(request, version);
            if (answer.Topics[0].Partitions[0].ErrorCode is var error and not (ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable))
            {
                return error;
            }
        }
    }

    private static async Task<OffsetFetchResponse.OffsetFetchResponseGroup> FetchAsync(
        KafkaConnection client, string group, short version, params TestTopic[]? topics)
    {
        var request = new OffsetFetchRequest();
        var one = new OffsetFetchRequest.OffsetFetchRequestGroup { GroupId = group, Topics = topics is null ? null : [] };
        foreach (TestTopic topic in topics ?? [])
        {
            one.Topics!.Add(new() { Name = topic.Name, TopicId = version >= 10 ? topic.Id : Guid.Empty, PartitionIndexes = [0] });
        }
        request.Groups.Add(one);
        return Assert.Single((await client.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(request, version)).Groups);
    }

    [Fact]
    public async Task Trap15_CommitAndFetchOfOffsetsByTopicId_NameTheTopicById()
    {
        (TestTopic topic, _) = await TopicAsync();
        KafkaConnection client = await CoordinatorAsync("by-id");
        Assert.Equal(ErrorCode.None, await CommitAsync(client, "by-id", topic, 7, "m", version: 10));
        OffsetFetchResponse.OffsetFetchResponseGroup found = await FetchAsync(client, "by-id", 10, topic);
        Assert.Equal((topic.Id, 7), (found.Topics[0].TopicId, found.Topics[0].Partitions[0].CommittedOffset));
        var unknown = new TestTopic("nobody", Guid.NewGuid());
        Assert.Equal(ErrorCode.UnknownTopicId, await CommitAsync(client, "by-id", unknown, 7, "m", version: 10));
        Assert.Equal(
            ErrorCode.UnknownTopicId, (await FetchAsync(client, "by-id", 10, unknown)).Topics[0].Partitions[0].ErrorCode);
    }

    [Fact]
    public async Task Trap43_OffsetFetch_GivesEpochAndMetadataBack_AllForNull_AndMinusOneForUnknown()
    {
        (TestTopic topic, _) = await TopicAsync();
        (TestTopic other, _) = await TopicAsync();
        KafkaConnection client = await CoordinatorAsync("kept");
        Assert.Equal(ErrorCode.None, await CommitAsync(client, "kept", topic, 42, "where I was"));
        Assert.Equal(ErrorCode.None, await CommitAsync(client, "kept", topic, 43, new string('x', 4096)));
        Assert.Equal(ErrorCode.OffsetMetadataTooLarge, await CommitAsync(client, "kept", topic, 44, new string('x', 4097)));
        OffsetFetchResponse.OffsetFetchResponseGroup all = await FetchAsync(client, "kept", 9, topics: null);
        OffsetFetchResponse.OffsetFetchResponsePartitions kept = Assert.Single(Assert.Single(all.Topics).Partitions);
        Assert.Equal((43, 3, 4096, ErrorCode.None), (kept.CommittedOffset, kept.CommittedLeaderEpoch, kept.Metadata!.Length, kept.ErrorCode));
        OffsetFetchResponse.OffsetFetchResponsePartitions none = (await FetchAsync(client, "kept", 8, other)).Topics[0].Partitions[0];
        Assert.Equal((-1, -1, ErrorCode.None), (none.CommittedOffset, none.CommittedLeaderEpoch, none.ErrorCode));

        var old = new OffsetFetchRequest { GroupId = "kept", Topics = null };
        OffsetFetchResponse older = await client.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(old, 2);
        Assert.Equal(43, Assert.Single(Assert.Single(older.Topics).Partitions).CommittedOffset);
    }

    [Fact]
    public async Task Trap45_DeleteRecords_MovesTheStartToTheHighWatermark_AndNoCommittedOffset()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        KafkaConnection coordinator = await CoordinatorAsync("behind");
        await client.ProduceAsync(topic, Calls.Batch(6));
        Assert.Equal(ErrorCode.None, await CommitAsync(coordinator, "behind", topic, 1, ""));
        Assert.Equal((ErrorCode.None, 4), await client.DeleteRecordsAsync(topic, 4));
        Assert.Equal((ErrorCode.None, 4), await client.DeleteRecordsAsync(topic, 2));   // never back
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await client.DeleteRecordsAsync(topic, 7)).Error);
        Assert.Equal((ErrorCode.None, 6), await client.DeleteRecordsAsync(topic, -1));
        Assert.Equal(6, (await client.ListOffsetsAsync(topic, -2)).Offset);
        Assert.Equal(1, (await FetchAsync(coordinator, "behind", 9, topic)).Topics[0].Partitions[0].CommittedOffset);
    }
}
