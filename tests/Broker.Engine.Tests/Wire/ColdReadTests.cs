using System.Diagnostics;
using System.Runtime.InteropServices;
using Broker.Client;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>Records that the page cache no longer holds are read on a thread of their own.</summary>
public sealed partial class ColdReadTests : IAsyncLifetime
{
    private const int Batches = 40;
    private const int DontNeed = 4;
    private TestCluster _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await TestCluster.StartAsync();

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Fetch_OfRecordsOutOfMemory_ReadsThemElsewhere_AndGivesAllOfThem()
    {
        (TestTopic topic, KafkaConnection client, PartitionLog log) = await FilledAsync();
        Assert.SkipUnless(Evict(log), "this file system does not say what is in memory");
        BrokerServer broker = _cluster.Server(_cluster.LeaderOf(topic));
        long before = broker.Fetches.ColdReads;

        var offsets = new List<long>();
        while (offsets.Count < Batches)
        {
            FetchResponse.PartitionData data = await client.FetchOneAsync(topic, offsets.Count);
            Assert.Equal(ErrorCode.None, data.ErrorCode);
            Assert.NotEqual(0, data.Records.Length);
            offsets.AddRange(WholeBatches(data.Records.Memory));
        }

        Assert.Equal(Enumerable.Range(0, Batches).Select(i => (long)i), offsets);
        Assert.True(broker.Fetches.ColdReads > before, "nobody read ahead");
        Assert.False(log.WouldBlock(0, int.MaxValue / 2, Stopwatch.GetTimestamp()), "what was read is not in memory");
    }

    [Fact]
    public async Task Fetch_OfRecordsInMemory_IsServedAtOnce()
    {
        (TestTopic topic, KafkaConnection client, _) = await FilledAsync();
        BrokerServer broker = _cluster.Server(_cluster.LeaderOf(topic));
        Assert.NotEqual(0, (await client.FetchOneAsync(topic, 0)).Records.Length);
        Assert.Equal(0, broker.Fetches.ColdReads);
    }

    [Fact]
    public async Task Fetch_WhoseConnectionClosesWhileItIsReadFor_LeavesTheBrokerServing()
    {
        (TestTopic topic, KafkaConnection client, PartitionLog log) = await FilledAsync();
        for (int i = 0; i < 20; i++)
        {
            Evict(log);
            KafkaConnection leaving = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
            Task<FetchResponse.PartitionData> unanswered = leaving.FetchOneAsync(topic, 0);
            await leaving.DisposeAsync();
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                await unanswered;
                throw new OperationCanceledException("the answer was faster");
            });
        }
        Assert.NotEqual(0, (await client.FetchOneAsync(topic, 0)).Records.Length);
    }

    [Fact]
    public async Task WouldBlock_WhereOnlyTheEndOfALargeBatchIsOutOfMemory_IsTrue()
    {
        const int Bytes = 900_000;   // a batch, of three records
        TestTopic topic = await _cluster.NewTopicAsync(1, ("segment.bytes", "4194304"));
        KafkaConnection client = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        for (int i = 0; i < 8; i++)
        {
            await client.ProduceAsync(topic, Calls.Batch(3, valueBytes: Bytes / 3));
        }
        PartitionLog log = _cluster.Server(_cluster.LeaderOf(topic)).Replicas.Partitions.Find(new TopicPartition(topic.Name, 0))!.Log;
        Assert.SkipUnless(Evict(log), "this file system does not say what is in memory");
        LogSegment segment = log.Segments[0];
        segment.File.ReadAhead(0, segment.SizeBytes);
        Assert.False(log.WouldBlock(3, Bytes, Stopwatch.GetTimestamp()));

        Assert.Equal(0, posix_fadvise((int)segment.File.Handle!.DangerousGetHandle(), Bytes + Bytes / 2, Bytes / 2, DontNeed));

        Assert.True(log.WouldBlock(3, Bytes, Stopwatch.GetTimestamp()), "the index names the batch before, and only that was looked at");
    }

    [Fact]
    public async Task WouldBlock_OfTheLastBatches_LooksWhereTheyWereNotWrittenJustNow()
    {
        long before = Stopwatch.GetTimestamp();
        (_, _, PartitionLog log) = await FilledAsync();
        Assert.SkipUnless(Evict(log), "this file system does not say what is in memory");

        Assert.False(log.WouldBlock(Batches - 1, 1000, before));
        Assert.True(log.WouldBlock(Batches - 1, 1000, Stopwatch.GetTimestamp() + 2 * Stopwatch.Frequency), "it was taken for just written");
    }

    private async Task<(TestTopic Topic, KafkaConnection Client, PartitionLog Log)> FilledAsync()
    {
        TestTopic topic = await _cluster.NewTopicAsync(1, ("segment.bytes", "1048576"));
        KafkaConnection client = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        for (int i = 0; i < Batches; i++)
        {
            await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: 200_000));
        }
        PartitionLog log = _cluster.Server(_cluster.LeaderOf(topic)).Replicas.Partitions.Find(new TopicPartition(topic.Name, 0))!.Log;
        Assert.True(log.Segments.Count > 2);
        return (topic, client, log);
    }

    /// <summary>The batches' offsets; an answer may end inside one, which the client drops.</summary>
    private static List<long> WholeBatches(ReadOnlyMemory<byte> records)
    {
        var offsets = new List<long>();
        for (ReadOnlyMemory<byte> left = records; left.Length > 12 && new RecordBatchView(left.Span).SizeInBytes is var size && size <= left.Length;)
        {
            Assert.True(new RecordBatchView(left.Span[..size]).IsCrcValid());
            offsets.Add(new RecordBatchView(left.Span).BaseOffset);
            left = left[size..];
        }
        return offsets;
    }

    /// <summary>Takes the log's files out of the page cache; false where that cannot be seen to have worked.</summary>
    private static bool Evict(PartitionLog log)
    {
        log.Flush();
        foreach (LogSegment segment in log.Segments)
        {
            segment.File.Flush();   // what is not on the disk cannot leave the memory
            Assert.Equal(0, posix_fadvise((int)segment.File.Handle!.DangerousGetHandle(), 0, 0, DontNeed));
        }
        return log.WouldBlock(0, 1_000_000, Stopwatch.GetTimestamp());
    }

    [LibraryImport("libc")]
    private static partial int posix_fadvise(int file, long offset, long length, int advice);
}
