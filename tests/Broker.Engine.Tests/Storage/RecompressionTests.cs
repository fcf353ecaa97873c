using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage;

/// <summary>What writing a batch anew may cost.</summary>
public sealed class RecompressionTests
{
    /// <summary>A few kilobytes that become 110 MB: kept as they are they pass, through a window; to be written anew they are
    /// refused at the size of the largest request, and no room is made for the rest.</summary>
    [Theory]
    [InlineData("producer", ErrorCode.None, 20_000_000)]
    [InlineData("zstd", ErrorCode.None, 20_000_000)]
    [InlineData("lz4", ErrorCode.MessageTooLarge, 400_000_000)]
    [InlineData("uncompressed", ErrorCode.MessageTooLarge, 400_000_000)]
    public void Append_DecompressionBomb_IsBounded(string type, ErrorCode error, long bytesMax)
    {
        var config = new LogConfig(
            new BrokerConfig(new Dictionary<string, string>()), new Dictionary<string, string> { ["compression.type"] = type });
        var fixture = new LogFixture(new FaultingDisk(), "/data", config);
        fixture.Open();
        byte[] bomb = fixture.Batch(11, 10_000_000, codec: CompressionCodec.Zstd);
        Assert.InRange(bomb.Length, 100, 100_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(error, fixture.Append(bomb).Error);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, bytesMax);
        Assert.Equal(ErrorCode.None, fixture.Append(fixture.Batch(1)).Error);
    }

    /// <summary>Inner offsets with gaps, as some old clients sent them: compressed or not, the log numbers them 0, 1, 2.</summary>
    [Theory]
    [InlineData(CompressionCodec.None)]
    [InlineData(CompressionCodec.Snappy)]
    public void Append_RelativeOffsetsWithGaps_AreNumberedAnew(CompressionCodec codec)
    {
        var fixture = new LogFixture(new FaultingDisk(), "/data");
        fixture.Open();
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        byte[] source = fixture.Batch(3);
        using (var records = new RecordCursor(new RecordBatchView(source), new RecordCodecs()))
        {
            builder.Begin(new RecordBatchOptions { Codec = codec });
            for (int offset = 0; records.MoveNext(); offset += 2)
            {
                builder.Append(offset, records.Current);
            }
        }
        byte[] batch = builder.Finish().ToArray();
        batch[RecordBatchHeader.LastOffsetDeltaAt + 3] = 2;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(
            batch.AsSpan(RecordBatchHeader.CrcAt), new RecordBatchView(batch).ComputeCrc());
        AppendResult result = fixture.Append(batch);
        Assert.Equal((ErrorCode.None, 0, 2, 3), (result.Error, result.BaseOffset, result.LastOffset, result.ConvertedRecords));
        var stored = new RecordBatchView(fixture.Log.Copy(0, 1 << 20, 3));
        Assert.True(stored.IsCrcValid());
        using var read = new RecordCursor(stored, new RecordCodecs());
        for (int i = 0; i < 3; i++)
        {
            Assert.True(read.MoveNext());
            Assert.Equal((i, (byte)i), (read.Offset, read.Current.Value.Span[0]));
        }
    }
}
