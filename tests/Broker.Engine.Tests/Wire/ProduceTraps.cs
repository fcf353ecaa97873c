using System.Buffers.Binary;
using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>What a leader accepts, and with which error it refuses.</summary>
public class ProduceTraps(SharedCluster shared) : IClassFixture<SharedCluster>
{
    private readonly TestCluster _cluster = shared.Cluster;

    private async Task<(TestTopic Topic, KafkaConnection Client)> TopicAsync(params (string, string)[] configs)
    {
        TestTopic topic = await _cluster.NewTopicAsync(1, configs);
        return (topic, await _cluster.ConnectAsync(_cluster.LeaderOf(topic)));
    }

    private static async Task<ProduceResponse.PartitionProduceResponse> RefusedAsync(
        KafkaConnection client, TestTopic topic, byte[]? records, ErrorCode error, short version = 9)
    {
        ProduceResponse.PartitionProduceResponse answer = await client.ProduceAsync(topic, records, version);
        Assert.Equal(error, answer.ErrorCode);
        Assert.Equal(-1, answer.BaseOffset);
        Assert.Equal(0, (await client.FetchOneAsync(topic, 0)).HighWatermark);
        return answer;
    }

    private static byte[] Patched(Action<byte[]> change, int records = 3)
    {
        byte[] batch = Calls.Batch(records);
        change(batch);
        return Calls.Sealed(batch);
    }

    [Fact]
    public async Task Trap20_NoBatchOrTwo_AreInvalidRecords()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        await RefusedAsync(client, topic, [], ErrorCode.InvalidRecord);
        await RefusedAsync(client, topic, [.. Calls.Batch(), .. Calls.Batch()], ErrorCode.InvalidRecord);
        await RefusedAsync(client, topic, Patched(b => b[RecordBatchHeader.MagicAt] = 1), ErrorCode.InvalidRecord);
        Assert.NotEqual(ErrorCode.None, (await client.ProduceAsync(topic, null)).ErrorCode);
        Assert.NotEqual(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch()[..40])).ErrorCode);
    }

    [Theory]
    [InlineData(6, ErrorCode.UnsupportedCompressionType)]
    [InlineData(7, ErrorCode.None)]
    public async Task Trap20_Zstd_NeedsVersion7(short version, ErrorCode error)
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        byte[] zstd = Calls.Batch(2, o =>
        {
            o.Codec = CompressionCodec.Zstd;
            return o;
        });
        Assert.Equal(error, (await client.ProduceAsync(topic, zstd, version)).ErrorCode);
    }

    [Fact]
    public async Task Trap21_ChecksumThatDoesNotFit_IsCorruptMessage()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        byte[] batch = Calls.Batch(3);
        for (int at = RecordBatchHeader.CrcAt; at < batch.Length; at += 7)
        {
            byte[] bad = [.. batch];
            bad[at] ^= 0x10;
            await RefusedAsync(client, topic, bad, ErrorCode.CorruptMessage);
        }
    }

    public static TheoryData<string> BadHeaders => ["base offset", "count", "offsets", "none", "negative", "control", "sequence"];

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public async Task Trap21_HeaderThatContradictsItself_IsInvalidRecord(string what)
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        byte[] batch = Patched(b =>
        {
            switch (what)
            {
                case "base offset":
                    BinaryPrimitives.WriteInt64BigEndian(b, 1);
                    break;
                case "count":
                    BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.CountAt), 2);
                    break;
                case "offsets":
                    BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), 9);
                    break;
                case "none":
                    BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.CountAt), 0);
                    break;
                case "negative":
                    BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), -2);
                    break;
                case "control":
                    b[RecordBatchHeader.AttributesAt + 1] |= 0x20;
                    break;
                default:
                    BinaryPrimitives.WriteInt64BigEndian(b.AsSpan(RecordBatchHeader.ProducerIdAt), 5);
                    BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.BaseSequenceAt), -3);
                    break;
            }
        });
        await RefusedAsync(client, topic, batch, ErrorCode.InvalidRecord);
    }

    [Fact]
    public async Task Trap21_AcceptedBatch_KeepsAllBytesButOffsetAndEpoch()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        byte[] batch = Calls.Batch(5, o =>
        {
            o.Codec = CompressionCodec.Lz4;
            return o;
        });
        await client.ProduceAsync(topic, Calls.Batch(2));
        Assert.Equal(2, (await client.ProduceAsync(topic, batch)).BaseOffset);
        byte[] stored = (await client.FetchOneAsync(topic, 2)).Records.Memory.ToArray();
        Assert.Equal(2, new RecordBatchView(stored).BaseOffset);
        Assert.Equal(0, new RecordBatchView(stored).PartitionLeaderEpoch);
        Assert.Equal(batch.AsSpan(RecordBatchHeader.MagicAt), stored.AsSpan(RecordBatchHeader.MagicAt));
    }

    [Fact]
    public async Task Trap21_TransactionalBatchOutsideATransaction_IsInvalidTxnState()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        byte[] batch = Calls.Batch(1, o =>
        {
            (o.ProducerId, o.ProducerEpoch, o.BaseSequence, o.IsTransactional) = (9, 0, 0, true);
            return o;
        });
        await RefusedAsync(client, topic, batch, ErrorCode.InvalidTxnState);
    }

    [Fact]
    public async Task Trap22_BatchAboveMaxMessageBytes_IsMessageTooLarge()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(("max.message.bytes", "1000"));
        byte[] fits = Calls.Batch(1, valueBytes: 1000 - Calls.Batch(1, valueBytes: 900).Length + 900);
        Assert.Equal(1000, fits.Length);
        await RefusedAsync(client, topic, Calls.Batch(1, valueBytes: 2000), ErrorCode.MessageTooLarge);
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, fits)).ErrorCode);
    }

    [Fact]
    public async Task Trap22_DefaultLimit_IsOneMebibyteAndTwelve()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        int overhead = Calls.Batch(1, valueBytes: 1_000_000).Length - 1_000_000;
        byte[] exact = Calls.Batch(1, valueBytes: 1_048_588 - overhead);
        Assert.Equal(1_048_588, exact.Length);
        await RefusedAsync(client, topic, Calls.Batch(1, valueBytes: 1_048_589 - overhead), ErrorCode.MessageTooLarge);
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, exact)).ErrorCode);
    }

    [Fact]
    public async Task Trap22_BatchAboveSegmentBytes_IsRecordListTooLarge()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(("segment.bytes", "1048576"), ("max.message.bytes", "4000000"));
        await RefusedAsync(client, topic, Calls.Batch(1, valueBytes: 1_100_000), ErrorCode.RecordListTooLarge);
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: 1_000_000))).ErrorCode);
    }

    [Theory]
    [InlineData(2 * 3_600_000, "", "")]
    [InlineData(-60_000, "message.timestamp.before.max.ms", "1000")]
    [InlineData(60_000, "message.timestamp.after.max.ms", "1000")]
    public async Task Trap23_TimestampOutOfRange_IsInvalidTimestampWithTheRecord(long ahead, string key, string value)
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(key.Length == 0 ? [] : [(key, value)]);
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        ProduceResponse.PartitionProduceResponse answer = await RefusedAsync(
            client, topic, Calls.Batch(2, timestampMs: now + ahead), ErrorCode.InvalidTimestamp);
        Assert.Equal([0, 1], answer.RecordErrors.Select(e => e.BatchIndex));
        Assert.NotNull(answer.ErrorMessage);
        ProduceResponse.PartitionProduceResponse older = await client.ProduceAsync(
            topic, Calls.Batch(2, timestampMs: now + ahead), version: 7);
        Assert.Equal(ErrorCode.InvalidTimestamp, older.ErrorCode);
        Assert.Empty(older.RecordErrors);
    }

    [Fact]
    public async Task Trap23_OldTimestamps_AreAcceptedByDefault()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(1, timestampMs: 1))).ErrorCode);
    }

    [Fact]
    public async Task Trap23_ProducerThatClaimsLogAppendTime_IsRefused()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(("message.timestamp.type", "LogAppendTime"));
        byte[] claims = Calls.Batch(1, o =>
        {
            (o.TimestampType, o.LogAppendTimeMs) = (TimestampType.LogAppendTime, 5);
            return o;
        });
        await RefusedAsync(client, topic, claims, ErrorCode.InvalidTimestamp);
    }

    [Theory]
    [InlineData(CompressionCodec.None)]
    [InlineData(CompressionCodec.Zstd)]
    public async Task Trap24_LogAppendTime_IsInTheAnswerAndTheLog(CompressionCodec codec)
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(("message.timestamp.type", "LogAppendTime"));
        byte[] Old() => Calls.Batch(2, o =>
        {
            o.Codec = codec;
            return o;
        }, timestampMs: 1000);
        long before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - 1;
        ProduceResponse.PartitionProduceResponse answer = await client.ProduceAsync(topic, Old());
        long after = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + 1;
        Assert.InRange(answer.LogAppendTimeMs, before, after);
        byte[] stored = (await client.FetchOneAsync(topic, 0)).Records.Memory.ToArray();
        Assert.True(new RecordBatchView(stored).IsCrcValid());
        Assert.Equal(TimestampType.LogAppendTime, new RecordBatchView(stored).TimestampType);
        Assert.Equal(answer.LogAppendTimeMs, new RecordBatchView(stored).MaxTimestamp);
        ListOffsetsResponse.ListOffsetsPartitionResponse found = await client.ListOffsetsAsync(topic, answer.LogAppendTimeMs);
        Assert.Equal((0, answer.LogAppendTimeMs), (found.Offset, found.Timestamp));
    }

    [Fact]
    public async Task Trap24_CreateTime_AnswersMinusOne()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync();
        Assert.Equal(-1, (await client.ProduceAsync(topic, Calls.Batch())).LogAppendTimeMs);
    }

    [Fact]
    public async Task Trap25_NullKeyInACompactedTopic_IsInvalidRecordWithItsIndex()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(("cleanup.policy", "compact"));
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        builder.Append(now, "k"u8.ToArray(), "v"u8.ToArray());
        builder.Append(now, (byte[]?)null, "v"u8.ToArray());
        builder.Append(now, "k"u8.ToArray(), "v"u8.ToArray());
        builder.Append(now, (byte[]?)null, "v"u8.ToArray());
        ProduceResponse.PartitionProduceResponse answer = await RefusedAsync(
            client, topic, builder.Finish().ToArray(), ErrorCode.InvalidRecord);
        Assert.Equal([1, 3], answer.RecordErrors.Select(e => e.BatchIndex));
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(3))).ErrorCode);
    }

    /// <summary>A partition cannot need more replicas than it has (Kafka Partition.effectiveMinIsr).</summary>
    [Fact]
    public async Task Trap26_MinInsyncReplicasAboveTheReplicasThereAre_CountsAsAllOfThem()
    {
        (TestTopic topic, KafkaConnection client) = await TopicAsync(("min.insync.replicas", "2"));
        Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch())).ErrorCode);
    }
}
