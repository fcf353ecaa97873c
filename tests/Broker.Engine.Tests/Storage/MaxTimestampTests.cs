using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage;

/// <summary>The record with the greatest timestamp, among those that can still be read.</summary>
public sealed class MaxTimestampTests
{
    private readonly LogFixture _fixture = new(new FaultingDisk(), "/data");
    private readonly RecordBatchBuilder _builder = new(new RecordCodecs());

    private void Append(CompressionCodec codec, params long[] ahead)
    {
        _builder.Begin(new RecordBatchOptions { Codec = codec });
        foreach (long ms in ahead)
        {
            _builder.Append(ms < 0 ? -1 : _fixture.NowMs + ms, "k"u8.ToArray(), "v"u8.ToArray());
        }
        Assert.Equal(ErrorCode.None, _fixture.Append(_builder.Finish().ToArray()).Error);
    }

    private (long Ahead, long Offset)? Found =>
        _fixture.Log.FindMaxTimestamp() is { } found ? (found.TimestampMs - _fixture.NowMs, found.Offset) : null;

    [Theory]
    [InlineData(CompressionCodec.None)]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Lz4)]
    public void FindMaxTimestamp_RecordIsDeleted_GivesTheNextGreatest_InsideItsBatchToo(CompressionCodec codec)
    {
        _fixture.Open();
        Assert.Null(Found);
        Append(codec, 10, 90, 20, 70, 30);
        Append(codec, 40, 60, 60);
        Append(codec, 50);
        Assert.Equal((90, 1), Found);
        foreach ((long start, (long, long)? greatest) in new (long, (long, long)?)[]
        {
            (1, (90, 1)), (2, (70, 3)), (3, (70, 3)), (4, (60, 6)), (6, (60, 6)), (7, (60, 7)), (8, (50, 8)), (9, null),
        })
        {
            Assert.True(_fixture.Log.IncrementLogStartOffset(start, 9));
            Assert.Equal(greatest, Found);
        }
    }

    [Fact]
    public void FindMaxTimestamp_LaterSegmentHasMoreThanWhatIsLeft_GivesThat()
    {
        _fixture.Config = LogFixture.NewConfig(segmentBytes: 160);
        _fixture.Open();
        Append(CompressionCodec.None, 90, 10);
        Append(CompressionCodec.None, 40, 20);
        Append(CompressionCodec.None, 30, 50);
        Assert.True(_fixture.Log.Segments.Count > 1);
        Assert.Equal((90, 0), Found);
        Assert.True(_fixture.Log.IncrementLogStartOffset(1, 6));
        Assert.Equal((50, 5), Found);
    }

    [Fact]
    public void FindMaxTimestamp_NoRecordHasOne_GivesNone()
    {
        _fixture.Open();
        Append(CompressionCodec.None, -1, -1);
        Assert.Null(Found);
    }

    [Fact]
    public void TruncateTo_TakesTheGreatestTimestampAway_SoThatRetentionAndLookUpsDoNotSeeIt()
    {
        _fixture.Config = LogFixture.NewConfig(indexIntervalBytes: 0);
        _fixture.Open();
        for (int i = 0; i < 10; i++)
        {
            Append(CompressionCodec.None, 10 + i);
        }
        Append(CompressionCodec.None, 500);
        Append(CompressionCodec.None, 20);
        _fixture.Log.TruncateTo(10);
        Assert.Equal((19, 9), Found);
        Assert.Equal((_fixture.NowMs + 19, 9), (_fixture.Log.ActiveSegment.MaxTimestampMs, _fixture.Log.ActiveSegment.OffsetOfMaxTimestamp));
        _fixture.Log.TruncateTo(1);
        Assert.Equal((10, 0), Found);
    }
}
