using System.Buffers.Binary;
using System.Diagnostics;
using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Interop;

/// <summary>Batches that lie, sent to Apache Kafka 4.3 and to the host: both refuse the same with the same error, and
/// with the same words where Kafka has any.</summary>
public class RefusalTests(SharedHost host) : IClassFixture<SharedHost>
{
    private static readonly CompressionCodec[] s_codecs =
        [CompressionCodec.None, CompressionCodec.Gzip, CompressionCodec.Snappy, CompressionCodec.Lz4, CompressionCodec.Zstd];

    private const string NothingSaid = " []";

    /// <summary>Where ours says more than Kafka, which answers UNKNOWN_SERVER_ERROR to streams and codecs it cannot read: clients
    /// try that again without end.</summary>
    private static bool IsSaidBetter(ErrorCode kafka, ErrorCode ours) => kafka == ErrorCode.UnknownServerError
        && ours is ErrorCode.InvalidRecord or ErrorCode.UnsupportedCompressionType or ErrorCode.CorruptMessage;

    private static byte[] Batch(CompressionCodec codec, Action<byte[]>? change = null, int records = 3, bool keyed = true, long? at = null, int valueBytes = 30)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions { Codec = codec });
        for (int i = 0; i < records; i++)
        {
            byte[] value = new byte[valueBytes];
            new Random(i).NextBytes(value);
            builder.Append(at ?? DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), keyed ? "key"u8.ToArray() : null, value);
        }
        byte[] batch = builder.Finish().ToArray();
        if (change is not null)
        {
            change(batch);
            BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(RecordBatchHeader.CrcAt), new RecordBatchView(batch).ComputeCrc());
        }
        return batch;
    }

    private static void Count(byte[] b, int count)
    {
        BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.CountAt), count);
        BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), count - 1);
    }

    private static IEnumerable<(string Name, string Topic, byte[] Records, short Version)> Cases()
    {
        foreach (CompressionCodec codec in s_codecs)
        {
            yield return ($"{codec}: good", "plain", Batch(codec), 9);
            yield return ($"{codec}: one record more announced", "plain", Batch(codec, b => Count(b, 4)), 9);
            yield return ($"{codec}: one record fewer announced", "plain", Batch(codec, b => Count(b, 2)), 9);
            yield return ($"{codec}: no record announced", "plain", Batch(codec, b => Count(b, 0)), 9);
            yield return ($"{codec}: keyless", "compacted", Batch(codec, keyed: false), 9);
            yield return ($"{codec}: too far ahead", "plain", Batch(codec, at: DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + 7_200_000), 9);
            yield return ($"{codec}: byte in the middle", "plain", Batch(codec, b => b[(RecordBatchHeader.Size + b.Length) / 2] ^= 0x55), 9);
            yield return ($"{codec}: first byte", "plain", Batch(codec, b => b[RecordBatchHeader.Size] ^= 0x55), 9);
            yield return ($"{codec}: claims append time", "append-time", Batch(codec, b => b[RecordBatchHeader.AttributesAt + 1] |= 8), 9);
            yield return ($"{codec}: for an append-time topic", "append-time", Batch(codec, at: 5), 9);
        }
        yield return ("wrong checksum", "plain", Flip(Batch(CompressionCodec.None), RecordBatchHeader.CrcAt), 9);
        yield return ("magic 1", "plain", Batch(CompressionCodec.None, b => b[RecordBatchHeader.MagicAt] = 1), 9);
        yield return ("magic 3", "plain", Batch(CompressionCodec.None, b => b[RecordBatchHeader.MagicAt] = 3), 9);
        yield return ("length 10", "plain", Batch(CompressionCodec.None, b => BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(8), 10)), 9);
        yield return ("codec 5", "plain", Batch(CompressionCodec.None, b => b[RecordBatchHeader.AttributesAt + 1] |= 5), 9);
        yield return ("two batches", "plain", [.. Batch(CompressionCodec.None), .. Batch(CompressionCodec.None)], 9);
        yield return ("nothing", "plain", [], 9);
        yield return ("cut off", "plain", Batch(CompressionCodec.None)[..80], 9);
        yield return ("base offset 1", "plain", Batch(CompressionCodec.None, b => b[7] = 1), 9);
        yield return ("control", "plain", Batch(CompressionCodec.None, b => b[RecordBatchHeader.AttributesAt + 1] |= 0x20), 9);
        yield return ("producer without sequence", "plain", Batch(CompressionCodec.None, b => BinaryPrimitives.WriteInt64BigEndian(b.AsSpan(RecordBatchHeader.ProducerIdAt), 5)), 9);
        yield return ("offsets of more records", "plain", Batch(CompressionCodec.None, b => b[RecordBatchHeader.LastOffsetDeltaAt + 3] = 9), 9);
        yield return ("negative offsets", "plain", Batch(CompressionCodec.None, b => BinaryPrimitives.WriteInt32BigEndian(b.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), -2)), 9);
        yield return ("too large", "small", Batch(CompressionCodec.None, valueBytes: 2000), 9);
        yield return ("too large for a segment", "short", Batch(CompressionCodec.None, records: 1, valueBytes: 1_100_000), 9);
        yield return ("zstd in an old version", "plain", Batch(CompressionCodec.Zstd), 6);
    }

    private static byte[] Flip(byte[] batch, int at)
    {
        batch[at] ^= 1;
        return batch;
    }

    [Fact]
    public async Task Produce_BatchesThatLie_AreRefusedAsApacheKafkaRefusesThem()
    {
        string launcher = Repository.Peer("bin", "kafka-kraft");
        int port = HostProcess.FreePorts(2);
        DirectoryInfo data = Directory.CreateTempSubdirectory("wheelhouse-peer-");
        using Process kafka = Process.Start(new ProcessStartInfo(launcher, [data.FullName, $"{port}"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["KAFKA_HEAP_OPTS"] = "-Xms256M -Xmx512M -XX:TieredStopAtLevel=1" },
        })!;
        _ = new ProcessOutput(kafka);
        try
        {
            List<(ErrorCode Error, string Said)> theirs = await AskAsync(port);
            List<(ErrorCode Error, string Said)> ours = await AskAsync(host.Host.Port);
            string[] different =
            [
                .. Cases().Zip(theirs, ours)
                    .Where(c => c.Second.Error != c.Third.Error ? !IsSaidBetter(c.Second.Error, c.Third.Error) : c.Second.Said.Length > NothingSaid.Length && c.Second.Said != c.Third.Said)
                    .Select(c => $"{c.First.Name}\n   Kafka {c.Second.Error} {c.Second.Said}\n   ours  {c.Third.Error} {c.Third.Said}"),
            ];
            Assert.True(different.Length == 0, string.Join('\n', different));
        }
        finally
        {
            kafka.Kill(entireProcessTree: true);
            await kafka.WaitForExitAsync(CancellationToken.None);
            data.Delete(recursive: true);
        }
    }

    private static async Task<List<(ErrorCode, string)>> AskAsync(int port)
    {
        await using KafkaConnection first = await ConnectAsync(port);
        string tail = Guid.NewGuid().ToString("N")[..8];
        var request = new CreateTopicsRequest { TimeoutMs = 20_000 };
        foreach ((string name, (string Key, string Value)[] configs) in new (string, (string, string)[])[]
        {
            ("plain", []), ("compacted", [("cleanup.policy", "compact")]), ("append-time", [("message.timestamp.type", "LogAppendTime")]),
            ("small", [("max.message.bytes", "1000")]), ("short", [("segment.bytes", "1048576"), ("max.message.bytes", "4000000")]),
        })
        {
            var topic = new CreateTopicsRequest.CreatableTopic { Name = $"{name}-{tail}", NumPartitions = 1, ReplicationFactor = 1 };
            topic.Assignments.Clear();
            foreach ((string key, string value) in configs)
            {
                topic.Configs.Add(new() { Name = key, Value = value });
            }
            request.Topics.Add(topic);
        }
        CreateTopicsResponse made = await first.SendAsync<CreateTopicsRequest, CreateTopicsResponse>(request, 7, TestContext.Current.CancellationToken);
        Assert.All(made.Topics, t => Assert.Equal(ErrorCode.None, t.ErrorCode));
        var answers = new List<(ErrorCode, string)>();
        foreach ((string name, string topic, byte[] records, short version) in Cases())
        {
            answers.Add(await ProduceAsync(port, $"{topic}-{tail}", records, version, tail));
        }
        return answers;
    }

    private static async Task<(ErrorCode Error, string Said)> ProduceAsync(int port, string topic, byte[] records, short version, string tail)
    {
        // A topic of several brokers is led by one of them: whoever leads answers.
        long end = Environment.TickCount64 + 60_000;
        while (true)
        {
            await using KafkaConnection connection = await ConnectAsync(await LeaderAsync(port, topic));
            var request = new ProduceRequest { Acks = -1, TimeoutMs = 10_000 };
            var data = new ProduceRequest.TopicProduceData { Name = System.Text.Encoding.UTF8.GetBytes(topic) };
            data.PartitionData.Add(new() { Index = 0, Records = new Broker.Protocol.Wire.Records(records) });
            request.TopicData.Add(data);
            ProduceResponse response;
            try
            {
                response = await connection.SendAsync<ProduceRequest, ProduceResponse>(request, version, TestContext.Current.CancellationToken);
            }
            catch (IOException)
            {
                return (ErrorCode.NetworkException, "the connection is closed");
            }
            ProduceResponse.PartitionProduceResponse answer = response.Responses[0].PartitionResponses[0];
            if (answer.ErrorCode is ErrorCode.NotLeaderOrFollower or ErrorCode.UnknownTopicOrPartition && Environment.TickCount64 < end)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
                continue;
            }
            string said = $"{answer.ErrorMessage} [{string.Join(", ", answer.RecordErrors.Select(e => $"{e.BatchIndex} {e.BatchIndexErrorMessage}"))}]";
            said = System.Text.RegularExpressions.Regex.Replace(said, @"\d{10,}", "N");
            return (answer.ErrorCode, answer.ErrorCode == ErrorCode.None ? "" : said.Replace(tail, "", StringComparison.Ordinal));
        }
    }

    private static async Task<int> LeaderAsync(int port, string topic)
    {
        await using KafkaConnection connection = await ConnectAsync(port);
        var request = new MetadataRequest { Topics = [new() { Name = topic }] };
        return await Until.SeenAsync(
            $"the port of the leader of {topic}",
            async () =>
            {
                MetadataResponse response = await connection.SendAsync<MetadataRequest, MetadataResponse>(request, 9, TestContext.Current.CancellationToken);
                return response.Topics[0].Partitions is [{ LeaderId: >= 0 } partition]
                    ? response.Brokers.First(b => b.NodeId == partition.LeaderId).Port : -1;
            },
            found => found > 0);
    }

    private static async Task<KafkaConnection> ConnectAsync(int port)
    {
        KafkaConnection? connection = null;
        await Until.SeenAsync(
            $"port {port} accepts a connection",
            async () =>
            {
                try
                {
                    connection = await KafkaConnection.ConnectAsync(
                        "127.0.0.1", port, "refusals", TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
                    return "connected";
                }
                catch (IOException e)
                {
                    return e.Message;
                }
            },
            _ => connection is not null, seconds: 90, pauseMs: 200);
        return connection!;
    }
}
