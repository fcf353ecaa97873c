using Broker.Protocol.Records;

namespace Broker.Protocol.Tests.Records;

/// <summary>Messages of magic 0 and 1, plain and in compressed wrappers.</summary>
public class LegacyTests
{
    public static TheoryData<byte, CompressionCodec> Wrappers => new(
        from magic in new byte[] { 0, 1 }
        from codec in new[] { CompressionCodec.Gzip, CompressionCodec.Snappy, CompressionCodec.Lz4 }
        select (magic, codec));

    private static (List<(long Offset, long Timestamp, string? Key, string? Value)> Records, RecordFault Fault) Read(byte[] entry)
    {
        var read = new List<(long, long, string?, string?)>();
        using var records = new LegacyRecordCursor(new LegacyMessageView(entry), new RecordCodecs());
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            read.Add((
                record.Offset, record.Timestamp, record.Key.IsNull ? null : record.Key.ToString(),
                record.Value.IsNull ? null : record.Value.ToString()));
        }
        return (read, records.Fault);
    }

    [Theory]
    [InlineData(0, -1)]
    [InlineData(1, 77)]
    public void Plain_KeysAndValuesNullOrNot_AreRead(byte magic, long timestamp)
    {
        Assert.Equal([(5, timestamp, "k", "v")], Read(LegacyMessages.Entry(magic, 5, "k"u8.ToArray(), "v"u8.ToArray(), 77)).Records);
        Assert.Equal([(6, timestamp, null, null)], Read(LegacyMessages.Entry(magic, 6, null, null, 77)).Records);
        Assert.Equal([(7, timestamp, "", "")], Read(LegacyMessages.Entry(magic, 7, [], [], 77)).Records);
    }

    /// <summary>Offsets inside are absolute in magic 0, and in magic 1 relative to the wrapper's, which is the last one's.</summary>
    [Theory]
    [MemberData(nameof(Wrappers))]
    public void Wrapper_InnerOffsetsAndTimes_AreRight(byte magic, CompressionCodec codec)
    {
        (List<(long Offset, long Timestamp, string? Key, string? Value)> records, RecordFault fault) =
            Read(LegacyMessages.Wrapper(magic, 100, 20, codec));
        Assert.Equal(RecordFault.None, fault);
        Assert.Equal(
            Enumerable.Range(0, 20).Select(i => (100L + i, magic == 0 ? -1L : 1000L + i, (string?)"k", (string?)$"value {100 + i}")), records);
    }

    [Fact]
    public void Wrapper_OfLogAppendTime_GivesItsOwnTimeToAll() => Assert.All(
        Read(LegacyMessages.Wrapper(1, 0, 3, CompressionCodec.Gzip, appendTime: true)).Records, r => Assert.Equal(5000, r.Timestamp));

    [Theory]
    [MemberData(nameof(Wrappers))]
    public void ConvertToBatch_OfWrappersAndPlainOnes_KeepsEverything(byte magic, CompressionCodec codec)
    {
        byte[] entries = [.. LegacyMessages.Wrapper(magic, 10, 5, codec), .. LegacyMessages.Wrapper(magic, 20, 5, codec)];
        using var codecs = new RecordCodecs();
        using var builder = new RecordBatchBuilder(codecs);
        using var output = new PooledBuffer();
        Assert.Equal(
            RecordFault.None, LegacyMessageSet.ConvertToBatch(entries, codecs, builder, 1 << 20, output, out int consumed));
        Assert.Equal(entries.Length, consumed);
        var batch = new RecordBatchView(output.WrittenSpan);
        Assert.Equal((10L, 24L, 10, true), (batch.BaseOffset, batch.LastOffset, batch.Count, batch.IsCrcValid()));
        using var records = new RecordCursor(batch, codecs);
        var offsets = new List<long>();
        while (records.MoveNext())
        {
            offsets.Add(records.Offset);
            Assert.Equal($"value {records.Offset}", records.Current.Value.ToString());
        }
        Assert.Equal([10, 11, 12, 13, 14, 20, 21, 22, 23, 24], offsets);
    }

    [Theory]
    [MemberData(nameof(Wrappers))]
    public void Wrapper_MutatedOrCut_IsAFaultNeverAnException(byte magic, CompressionCodec codec)
    {
        byte[] original = LegacyMessages.Wrapper(magic, 100, 8, codec);
        var random = new Random(2);
        for (int round = 0; round < 500; round++)
        {
            byte[] bytes = [.. original];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                bytes[random.Next(17, bytes.Length)] ^= (byte)(1 << random.Next(8));
            }
            long before = GC.GetAllocatedBytesForCurrentThread();
            (_, RecordFault fault) = Read(bytes);
            Assert.True(fault != RecordFault.None || bytes.AsSpan().SequenceEqual(original));

            // With a checksum that fits, the inside must hold by itself.
            byte[] inside = LegacyMessages.Entry(magic, 107, null, bytes[(magic == 0 ? 26 : 34)..], 1007, codec);
            Read(inside);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2 * 1024 * 1024);
        }
    }
}
