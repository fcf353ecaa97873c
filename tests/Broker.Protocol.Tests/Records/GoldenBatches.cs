using System.Text;
using Broker.Protocol.Records;

namespace Broker.Protocol.Tests.Records;

/// <summary>A batch as a real client sent it.</summary>
public sealed record GoldenBatch(string Client, string Codec, byte[] Bytes)
{
    public static IReadOnlyList<GoldenBatch> All { get; } =
    [
        .. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Records", "golden-batches.txt"))
            .Where(l => l.Length > 0).Select(l => l.Split(' ')).Select(p => new GoldenBatch(p[0], p[1], Convert.FromHexString(p[2]))),
    ];

    public CompressionCodec Compression => CompressionCodecs.TryParse(Codec, out CompressionCodec codec) ? codec : CompressionCodec.None;
}

/// <summary>What librdkafka, franz-go, kafkajs, kafka-python and Kafka's own producer send is read as they meant it.</summary>
public class GoldenBatchTests
{
    public static TheoryData<string, string> All => new(GoldenBatch.All.Select(g => (g.Client, g.Codec)));

    private static GoldenBatch Get(string client, string codec) => GoldenBatch.All.Single(g => g.Client == client && g.Codec == codec);

    /// <summary>Keys, values and headers as text.</summary>
    private static List<string> Records(byte[] bytes)
    {
        var read = new List<string>();
        using var records = new RecordCursor(new RecordBatchView(bytes), new RecordCodecs());
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            var text = new StringBuilder($"{record.Offset} {Show(record.Key)}={Show(record.Value)}");
            foreach (RecordHeaderCursor header in record.Headers)
            {
                text.Append($" {Encoding.UTF8.GetString(header.Key)}:{Show(header.Value)}");
            }
            read.Add(text.ToString());
        }
        Assert.Equal(RecordFault.None, records.Fault);
        return read;

        static string Show(NullableBytes bytes) => bytes.IsNull ? "null" : bytes.ToString();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Header_OfARealBatch_SaysWhatTheClientSent(string client, string codec)
    {
        GoldenBatch golden = Get(client, codec);
        var batch = new RecordBatchView(golden.Bytes);
        Assert.True(batch.IsCrcValid());
        Assert.Equal(golden.Bytes.Length, batch.SizeInBytes);
        Assert.Equal((0L, 3, 4, (byte)2), (batch.BaseOffset, batch.LastOffsetDelta, batch.Count, batch.Magic));
        Assert.Equal(golden.Compression, batch.Codec);
        Assert.Equal(TimestampType.CreateTime, batch.TimestampType);
        Assert.InRange(batch.BaseTimestamp, 1_700_000_000_000, batch.MaxTimestamp);
        Assert.False(batch.IsControl || batch.IsTransactional || batch.HasDeleteHorizon);
        // kafka-python, and kafkajs unless asked, are not idempotent; kafkajs then numbers from 0 all the same.
        Assert.Equal(client switch { "kafka-python" => false, "kafkajs" => codec == "none", _ => true }, batch.HasProducerId);
        Assert.Equal(client == "kafka-python" ? -1 : 0, batch.BaseSequence);
        Assert.Equal(client == "kafka-python" ? -1 : 0, batch.ProducerEpoch);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Records_OfEveryCodec_AreThoseSentWithout(string client, string codec)
    {
        List<string> records = Records(Get(client, codec).Bytes);
        Assert.Equal(4, records.Count);
        Assert.Equal(Records(Get(client, "none").Bytes), records);
        Assert.Contains("wheelhouse wheelhouse", records[3], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Validator_OfARealBatch_AcceptsIt(string client, string codec)
    {
        var options = new BatchValidatorOptions { TopicPartition = "t-0" };
        BatchRejection? rejection = BatchValidator.Validate(
            Get(client, codec).Bytes, options, long.MaxValue / 2, 9, new RecordCodecs(), out ValidatedBatch facts);
        Assert.Null(rejection);
        Assert.Equal((4, 3, false), (facts.Count, facts.LastOffsetDelta, facts.NeedsRebuild));
    }

    /// <summary>Read, built again with the same header, and read: the same; without a codec to the last byte.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public void Builder_OfARealBatch_MakesTheSame(string client, string codec)
    {
        byte[] bytes = Get(client, codec).Bytes;
        var original = new RecordBatchView(bytes);
        using var codecs = new RecordCodecs();
        using var builder = new RecordBatchBuilder(codecs);
        builder.Begin(RecordBatchOptions.Of(original));
        using var records = new RecordCursor(original, codecs);
        while (records.MoveNext())
        {
            builder.Append(records.Offset, records.Current);
        }
        byte[] built = builder.Finish().ToArray();
        var again = new RecordBatchView(built);
        Assert.Equal(Records(bytes), Records(built));
        Assert.True(again.IsCrcValid());
        Assert.Equal(
            (original.Attributes, original.LastOffsetDelta, original.BaseTimestamp, original.MaxTimestamp, original.ProducerId),
            (again.Attributes, again.LastOffsetDelta, again.BaseTimestamp, again.MaxTimestamp, again.ProducerId));
        Assert.Equal(
            (original.ProducerEpoch, original.BaseSequence, original.Count, original.PartitionLeaderEpoch),
            (again.ProducerEpoch, again.BaseSequence, again.Count, again.PartitionLeaderEpoch));
        if (codec == "none")
        {
            Assert.Equal(bytes, built);
        }
    }
}
