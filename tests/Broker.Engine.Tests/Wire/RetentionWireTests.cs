using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>Retention as clients see it, by the broker's own schedule.</summary>
public class RetentionWireTests
{
    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await holds())
        {
            await Task.Delay(5, patience.Token);
        }
    }

    [Fact]
    public async Task Retention_OfARunningBroker_MovesTheStart_AndReadersGetACleanAnswer()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            overrides: ["log.retention.check.interval.ms=20", "log.initial.task.delay.ms=0", "log.retention.minutes=1"]);
        TestTopic topic = await cluster.NewTopicAsync();
        TestTopic kept = await cluster.NewTopicAsync(1, ("retention.ms", "-1"));
        KafkaConnection client = await cluster.ConnectAsync();
        long old = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - 120_000;
        await client.ProduceAsync(kept, Calls.Batch(3, timestampMs: old));
        await client.ProduceAsync(topic, Calls.Batch(3, timestampMs: old));
        await UntilAsync(async () => (await client.ListOffsetsAsync(topic, -2)).Offset == 3);
        FetchResponse.PartitionData gone = await client.FetchOneAsync(topic, 0);
        Assert.Equal((ErrorCode.OffsetOutOfRange, 0), (gone.ErrorCode, gone.Records.Length));
        Assert.Equal(3, (await client.ListOffsetsAsync(topic, -1)).Offset);
        await client.ProduceAsync(topic, Calls.Batch(2));
        FetchResponse.PartitionData fresh = await client.FetchOneAsync(topic, 3);
        Assert.Equal((ErrorCode.None, 3, 5), (fresh.ErrorCode, fresh.LogStartOffset, fresh.HighWatermark));
        Assert.Equal(0, (await client.ListOffsetsAsync(kept, -2)).Offset);
    }

    [Fact]
    public async Task DeleteRecords_IsInTheCheckpointWhenItIsAnswered_AndSegmentsBeforeGo()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestTopic topic = await cluster.NewTopicAsync(1, ("segment.bytes", "1048576"));
        KafkaConnection client = await cluster.ConnectAsync();
        for (int i = 0; i < 3; i++)
        {
            await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: 900_000));
        }
        Assert.Equal((ErrorCode.None, 2), await client.DeleteRecordsAsync(topic, 2));
        string checkpoint = Directory.GetFiles(cluster.DataDirectory, "log-start-offset-checkpoint", SearchOption.AllDirectories).Single();
        Assert.Contains($"{topic.Name} 0 2\n", await File.ReadAllTextAsync(checkpoint, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await UntilAsync(() => Task.FromResult(
            cluster.Server().Logs.Find(new TopicPartition(topic.Name, 0))!.Segments[0].BaseOffset == 2));
    }

    private static async Task AlterAsync(KafkaConnection client, sbyte type, string resource, string key, string value)
    {
        var change = new IncrementalAlterConfigsRequest.AlterConfigsResource { ResourceType = type, ResourceName = resource };
        change.Configs.Add(new() { Name = key, Value = value });
        var request = new IncrementalAlterConfigsRequest();
        request.Resources.Add(change);
        IncrementalAlterConfigsResponse answer =
            await client.CallAsync<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(request, 1);
        Assert.Equal(ErrorCode.None, answer.Responses[0].ErrorCode);
    }

    [Theory]
    [InlineData(2, "retention.ms", "60000")]
    [InlineData(2, "retention.bytes", "0")]
    [InlineData(4, "log.retention.ms", "60000")]
    [InlineData(4, "log.retention.bytes", "0")]
    public async Task Retention_ChangedWhileTheBrokerRuns_ActsAtTheNextCheck(sbyte type, string key, string value)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            overrides: ["log.retention.check.interval.ms=20", "log.initial.task.delay.ms=0"]);
        TestTopic topic = await cluster.NewTopicAsync();
        KafkaConnection client = await cluster.ConnectAsync();
        await client.ProduceAsync(topic, Calls.Batch(3, timestampMs: DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - 120_000));
        Assert.Equal(0, (await client.ListOffsetsAsync(topic, -2)).Offset);
        await AlterAsync(client, type, type == 2 ? topic.Name : "", key, value);
        await UntilAsync(async () => (await client.ListOffsetsAsync(topic, -2)).Offset == 3);
    }

    [Fact]
    public async Task DeleteTopic_RenamesItsDirectory_AndRemovesItAfterTheDelay()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestTopic later = await cluster.NewTopicAsync();
        TestTopic soon = await cluster.NewTopicAsync(1, ("file.delete.delay.ms", "50"));
        KafkaConnection client = await cluster.ConnectAsync();
        await client.ProduceAsync(later, Calls.Batch(3));
        await client.ProduceAsync(soon, Calls.Batch(3));
        string root = Path.GetDirectoryName(cluster.Server().Logs.Find(new TopicPartition(later.Name, 0))!.Directory)!;
        var request = new DeleteTopicsRequest { TimeoutMs = 20_000, TopicNames = [later.Name, soon.Name] };
        DeleteTopicsResponse deleted = await client.CallAsync<DeleteTopicsRequest, DeleteTopicsResponse>(request, 5);
        Assert.All(deleted.Responses, r => Assert.Equal(ErrorCode.None, r.ErrorCode));
        await UntilAsync(() => Task.FromResult(
            !Directory.EnumerateDirectories(root, $"{soon.Name}-0*").Any() && !Directory.Exists(Path.Combine(root, $"{later.Name}-0"))));
        string left = Assert.Single(Directory.GetDirectories(root, $"{later.Name}-0.*-delete"));
        Assert.True(File.Exists(Path.Combine(left, "00000000000000000000.log")));
        await cluster.RestartLeaderAsync(await cluster.NewTopicAsync());
        await UntilAsync(() => Task.FromResult(!Directory.Exists(left)));
    }

    [Theory]
    [InlineData("gzip", "compression.gzip.level", "1", "9")]
    [InlineData("lz4", "compression.lz4.level", "1", "12")]
    [InlineData("zstd", "compression.zstd.level", "-50", "9")]
    public async Task CompressionLevel_OfTheTopic_IsWhatTheBrokerCompressesWith(string codec, string key, string low, string high)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        KafkaConnection client = await cluster.ConnectAsync();
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        var random = new Random(1);
        for (int i = 0; i < 1000; i++)
        {
            builder.Append(
                DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), "key"u8.ToArray(),
                System.Text.Encoding.ASCII.GetBytes($"user {random.Next(5000)} bought {random.Next(50)} of item {random.Next(900)} in shop {i % 37}"));
        }
        byte[] batch = builder.Finish().ToArray();
        long[] sizes = new long[2];
        foreach ((int i, string level) in new[] { low, high }.Index())
        {
            TestTopic topic = await cluster.NewTopicAsync(1, ("compression.type", codec), (key, level));
            Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, [.. batch])).ErrorCode);
            sizes[i] = cluster.Server().Logs.Find(new TopicPartition(topic.Name, 0))!.SizeBytes;
        }
        Assert.True(sizes[1] < sizes[0] && sizes[0] < batch.Length, $"{sizes[0]} {sizes[1]} of {batch.Length}");
    }

    /// <summary>The response is on its way from a file that has no name any more.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fetch_SegmentGoesWhileItIsSent_ArrivesWhole(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable);
        TestTopic topic = await cluster.NewTopicAsync(1, ("segment.bytes", "20000000"), ("file.delete.delay.ms", "0"));
        KafkaConnection client = await cluster.ConnectAsync();
        for (int i = 0; i < 24; i++)
        {
            await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: 1_000_000));
        }
        Broker.Engine.Storage.PartitionLog log = cluster.Server().Logs.Find(new TopicPartition(topic.Name, 0))!;
        long second = log.Segments[1].BaseOffset;
        long firstBytes = log.Segments[0].SizeBytes;
        RawClient slow = cluster.ConnectRaw();
        await slow.SendAsync(RawClient.Frame(ApiKey.Fetch, 12, Calls.FetchRequest(topic, 0, maxBytes: 30_000_000)));
        await UntilAsync(() => Task.FromResult(slow.Socket.Available > 0));
        Assert.Equal((ErrorCode.None, second), await client.DeleteRecordsAsync(topic, second));
        await UntilAsync(() => Task.FromResult(!Directory.EnumerateFiles(log.Directory, "00000000000000000000.log*").Any()));
        (_, FetchResponse response) = RawClient.Read<FetchResponse>(await slow.ReceiveAsync(), ApiKey.Fetch, 12);
        ReadOnlyMemory<byte> records = response.Responses[0].Partitions[0].Records.Memory;
        Assert.Equal(firstBytes, records.Length);
        Assert.Equal(second, CountWhole(records.Span));
        Assert.Equal(ErrorCode.OffsetOutOfRange, (await client.FetchOneAsync(topic, 0)).ErrorCode);
    }

    private static long CountWhole(ReadOnlySpan<byte> records)
    {
        var cursor = new BatchCursor(records);
        long count = 0;
        while (cursor.MoveNext())
        {
            Assert.True(cursor.Batch.IsCrcValid());
            count++;
        }
        return count;
    }

    [Theory]
    [InlineData(CompressionCodec.None)]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Snappy)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public async Task CompressionType_OtherThanTheBatches_IsWhatTheLogHolds_WithLogAppendTimeToo(CompressionCodec target)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        string name = target == CompressionCodec.None ? "uncompressed" : CompressionCodecs.Name(target);
        TestTopic topic = await cluster.NewTopicAsync(1, ("compression.type", name), ("message.timestamp.type", "LogAppendTime"));
        KafkaConnection client = await cluster.ConnectAsync();
        long offset = 0;
        for (CompressionCodec source = CompressionCodec.None; source <= CompressionCodec.Zstd; source++)
        {
            byte[] batch = Calls.Batch(10, o =>
            {
                (o.Codec, o.ProducerId, o.ProducerEpoch, o.BaseSequence) = (source, 77, 0, (int)offset);
                return o;
            }, valueBytes: 300, timestampMs: 5);
            ProduceResponse.PartitionProduceResponse answer = await client.ProduceAsync(topic, batch);
            Assert.Equal((ErrorCode.None, offset), (answer.ErrorCode, answer.BaseOffset));
            byte[] stored = (await client.FetchOneAsync(topic, offset)).Records.Memory.ToArray();
            Check(stored, target, offset, answer.LogAppendTimeMs);
            offset += 10;
        }
    }

    private static void Check(byte[] stored, CompressionCodec codec, long offset, long appendTime)
    {
        var view = new RecordBatchView(stored);
        Assert.True(view.IsCrcValid());
        Assert.Equal((codec, offset, 9, 10), (view.Codec, view.BaseOffset, view.LastOffsetDelta, view.Count));
        Assert.Equal((77, (int)offset), (view.ProducerId, view.BaseSequence));
        Assert.Equal((TimestampType.LogAppendTime, appendTime), (view.TimestampType, view.MaxTimestamp));
        using var records = new RecordCursor(view, new RecordCodecs());
        int count = 0;
        while (records.MoveNext())
        {
            Assert.Equal((offset + count, appendTime, count), (records.Offset, records.Timestamp, records.Current.Value.Span[0]));
            count++;
        }
        Assert.Equal((10, RecordFault.None), (count, records.Fault));
    }
}
