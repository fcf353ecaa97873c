using System.Buffers.Binary;
using Broker.Client;
using Broker.Engine.Admin;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>Files that Kafka wrote before 0.11 are served: their records are found, fetched as they are, and shown.</summary>
public class LegacyFileTests
{
    /// <summary>An entry of magic 0 or 1 with one key; <paramref name="wrapped"/> makes it a wrapper.</summary>
    internal static byte[] Entry(byte magic, long offset, byte[]? key, byte[] value, long timestamp, CompressionCodec wrapped = CompressionCodec.None)
    {
        int header = magic == 0 ? 18 : 26;
        byte[] entry = new byte[header + 8 + (key?.Length ?? 0) + value.Length];
        BinaryPrimitives.WriteInt64BigEndian(entry, offset);
        BinaryPrimitives.WriteInt32BigEndian(entry.AsSpan(8), entry.Length - 12);
        (entry[16], entry[17]) = (magic, (byte)wrapped);
        if (magic == 1)
        {
            BinaryPrimitives.WriteInt64BigEndian(entry.AsSpan(18), timestamp);
        }
        BinaryPrimitives.WriteInt32BigEndian(entry.AsSpan(header), key?.Length ?? -1);
        key?.CopyTo(entry, header + 4);
        int at = header + 4 + (key?.Length ?? 0);
        BinaryPrimitives.WriteInt32BigEndian(entry.AsSpan(at), value.Length);
        value.CopyTo(entry, at + 4);
        uint crc = uint.MaxValue;
        foreach (byte b in entry.AsSpan(16))
        {
            crc ^= b;
            for (int i = 0; i < 8; i++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            }
        }
        BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(12), ~crc);
        return entry;
    }

    internal static byte[] Wrapper(byte magic, long first, int count, long timestamp, CompressionCodec codec)
    {
        byte[] inner =
        [
            .. Enumerable.Range(0, count).SelectMany(i => Entry(
                magic, magic == 0 ? first + i : i, "k"u8.ToArray(), Value(first + i), timestamp + i)),
        ];
        using var codecs = new RecordCodecs();
        using var output = new PooledBuffer();
        codecs.Compress(codec, CompressionCodecs.LevelDefault(codec), inner, output);
        return Entry(magic, first + count - 1, null, output.WrittenSpan.ToArray(), timestamp + count - 1, codec);
    }

    private static byte[] Value(long offset) => System.Text.Encoding.UTF8.GetBytes($"old {offset}");

    [Fact]
    public async Task Segment_OfMagic0And1And2_IsRecoveredFetchedSearchedAndShown()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestTopic topic = await cluster.NewTopicAsync();
        KafkaConnection client = await cluster.ConnectAsync();
        await client.ProduceAsync(topic, Calls.Batch(1));
        string log = Directory.GetFiles(cluster.DataDirectory, "*.log", SearchOption.AllDirectories)
            .Single(f => f.Contains($"{topic.Name}-0", StringComparison.Ordinal));
        await cluster.Brokers[0].StopAsync();
        byte[] old =
        [
            .. Entry(0, 0, "k"u8.ToArray(), Value(0), -1),
            .. Wrapper(0, 1, 4, -1, CompressionCodec.Gzip),         // offsets 1 to 4
            .. Entry(1, 5, "k"u8.ToArray(), Value(5), 100),
            .. Wrapper(1, 6, 5, 200, CompressionCodec.Snappy),      // 6 to 10
            .. Wrapper(1, 11, 5, 300, CompressionCodec.Lz4),        // 11 to 15
        ];
        await File.WriteAllBytesAsync(log, old, TestContext.Current.CancellationToken);
        foreach (string beside in new[] { ".index", ".timeindex" })
        {
            File.Delete(Path.ChangeExtension(log, beside));
        }
        File.Delete(Directory.GetFiles(cluster.DataDirectory, ".kafka_cleanshutdown", SearchOption.AllDirectories).Single());
        File.Delete(Directory.GetFiles(cluster.DataDirectory, "recovery-point-offset-checkpoint", SearchOption.AllDirectories).Single());
        await cluster.Brokers[0].StartAsync(TestContext.Current.CancellationToken);
        await cluster.UntilServedAsync(topic);

        client = await cluster.ConnectAsync();
        Assert.Equal(16, (await client.ProduceAsync(topic, Calls.Batch(2, timestampMs: 400))).BaseOffset);
        FetchResponse.PartitionData whole = await client.FetchOneAsync(topic, 0);
        Assert.Equal(18, whole.HighWatermark);
        Assert.Equal(old, whole.Records.Memory.Span[..old.Length].ToArray());
        FetchResponse.PartitionData inside = await client.FetchOneAsync(topic, 8);
        Assert.Equal(10, BinaryPrimitives.ReadInt64BigEndian(inside.Records.Memory.Span));

        foreach ((long time, long offset) in new (long, long)[] { (50, 5), (101, 6), (202, 8), (205, 11), (303, 14), (305, 16) })
        {
            Assert.Equal(offset, (await client.ListOffsetsAsync(topic, time)).Offset);
        }

        var admin = ClusterDoor.Open(cluster.Hosted);
        using var owned = (IDisposable)admin;
        MessagePage page = await admin.BrowseAsync(
            new MessageQuery { Topic = topic.Name, From = BrowseFrom.Oldest, Limit = 100 }, TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(0, 18).Select(i => (long)i), page.Messages.Select(m => m.Offset));
        Assert.All(page.Messages.Take(16), m => Assert.Equal(Value(m.Offset), m.Value!.Value.ToArray()));
        Assert.Equal(["gzip", "none", "snappy", "lz4"], new[] { 1, 5, 6, 11 }.Select(i => page.Messages[i].Compression));
    }
}
