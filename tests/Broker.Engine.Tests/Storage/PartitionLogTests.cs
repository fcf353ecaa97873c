using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Files;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage;

/// <summary>A log on real files: append, read, roll, cut, close.</summary>
public sealed class PartitionLogTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly LogFixture _fixture;

    public PartitionLogTests() => _fixture = new LogFixture(PhysicalDisk.Instance, _directory.Root);

    public void Dispose()
    {
        _fixture.Log?.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Append_ThenRead_GivesEveryBatchInOrder()
    {
        _fixture.Open();
        for (int i = 0; i < 300; i++)
        {
            Assert.Equal(_fixture.Log.LogEndOffset, _fixture.Append(1 + (i % 3), 200));
        }
        Assert.Equal(600, _fixture.Log.LogEndOffset);
        Assert.Equal(300, _fixture.Read().Count);
        for (long offset = 0; offset < 600; offset++)
        {
            (long first, long last) = _fixture.Read(offset, bytesMax: 1)[0];
            Assert.True(first <= offset && offset <= last);
        }
        Assert.True(_fixture.Log.ActiveSegment.OffsetIndex.Count > 5);
        _fixture.CheckIndexes();
    }

    [Fact]
    public void TryRead_OutsideTheLog_SaysSo()
    {
        _fixture.Open();
        _fixture.Append(5);
        Assert.True(_fixture.Log.TryRead(5, 100, 5, true, out LogSlice nothing));
        Assert.Equal(0, nothing.Length);
        Assert.False(_fixture.Log.TryRead(6, 100, 5, true, out _));
        Assert.False(_fixture.Log.TryRead(-1, 100, 5, true, out _));
    }

    [Fact]
    public void TryRead_UpToTheHighWatermark_GivesNothingBeyond()
    {
        _fixture.Open();
        _fixture.Append(3);
        _fixture.Append(3);
        int both = _fixture.Log.Measure(0, int.MaxValue, 6);
        Assert.Equal(both / 2, _fixture.Log.Measure(0, int.MaxValue, 3));
        Assert.Equal(0, _fixture.Log.Measure(3, int.MaxValue, 3));
    }

    [Fact]
    public void BytesOfWholeBatches_SliceThatEndsInsideOne_AreThoseBeforeIt()
    {
        _fixture.Open();
        for (int i = 0; i < 300; i++)
        {
            _fixture.Append(1, 200);
        }
        int batch = _fixture.Log.Measure(0, int.MaxValue, 1);
        foreach (int bytes in (int[])[batch, batch + 1, (10 * batch) - 1, 10 * batch, (299 * batch) + 20])
        {
            Assert.True(_fixture.Log.TryRead(0, bytes, 300, wholeFirstBatch: true, out LogSlice slice));
            Assert.Equal(bytes / batch * batch, _fixture.Log.BytesOfWholeBatches(slice));
            slice.File!.ReleaseReference();
        }
    }

    [Fact]
    public void Append_BatchThatDoesNotFit_RollsBySize()
    {
        byte[] batch = _fixture.Batch(1, 1_000);
        _fixture.Config = LogFixture.NewConfig(segmentBytes: (batch.Length * 3) + 10);
        _fixture.Open();
        for (int i = 0; i < 10; i++)
        {
            _fixture.Append(1, 1_000);
        }
        _fixture.Background.RunAll();
        Assert.Equal([0L, 3, 6, 9], _fixture.Log.Segments.Select(s => s.BaseOffset));
        Assert.Equal(9, _fixture.Log.RecoveryPoint);
        Assert.Equal(10, _fixture.Read().Count);
        _fixture.CheckIndexes();
    }

    [Fact]
    public void Append_TimestampBeyondSegmentMs_RollsByTime()
    {
        _fixture.Config = new LogConfig(Broker(), new Dictionary<string, string> { ["segment.ms"] = "1000" });
        _fixture.Open();
        _fixture.Append(timestampMs: _fixture.NowMs);
        _fixture.Append(timestampMs: _fixture.NowMs + 1_000);
        _fixture.Append(timestampMs: _fixture.NowMs + 1_001);
        Assert.Equal([0L, 2], _fixture.Log.Segments.Select(s => s.BaseOffset));
    }

    [Fact]
    public void Append_WithJitter_RollsEarlier_AndAtTheSameTimeAfterARestart()
    {
        _fixture.Config = new LogConfig(
            Broker(), new Dictionary<string, string> { ["segment.ms"] = "100000", ["segment.jitter.ms"] = "90000" });
        _fixture.Open();
        _fixture.Append();
        long rolls = _fixture.Log.RollsAtMs(_fixture.Log.ActiveSegment);
        Assert.InRange(rolls - _fixture.NowMs, 10_000, 99_999);
        _fixture.Log.Close();
        _fixture.Open(clean: true);
        Assert.Equal(rolls, _fixture.Log.RollsAtMs(_fixture.Log.ActiveSegment));
        _fixture.Append(timestampMs: rolls);
        Assert.Single(_fixture.Log.Segments);
        _fixture.Append(timestampMs: rolls + 1);
        Assert.Equal(2, _fixture.Log.Segments.Count);
    }

    [Fact]
    public void Append_IndexFull_Rolls()
    {
        _fixture.Config = new LogConfig(
            Broker(), new Dictionary<string, string> { ["segment.index.bytes"] = "40", ["index.interval.bytes"] = "0" });
        _fixture.Open();
        for (int i = 0; i < 20; i++)
        {
            _fixture.Append(timestampMs: _fixture.NowMs + i);
        }
        _fixture.Background.RunAll();
        Assert.True(_fixture.Log.Segments.Count > 4);
        Assert.All(_fixture.Log.Segments, s => Assert.True(s.OffsetIndex.SizeBytes <= 40 && s.TimeIndex.SizeBytes <= 40));
        _fixture.CheckIndexes();
    }

    [Fact]
    public void Append_OffsetBeyondIndexRange_RollsSegment()
    {
        // A segment whose base lies 2^31 - 2 before the next offset, as compaction may leave it.
        Directory.CreateDirectory(_fixture.Directory);
        _fixture.Open(logStartOffset: 0);
        _fixture.Log.TruncateFullyAndStartAt(0);
        _fixture.Append();
        byte[] far = _fixture.Batch(1);
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(far, int.MaxValue - 1L);
        _fixture.Log.ActiveSegment.Append(far, int.MaxValue - 1L, int.MaxValue - 1L, _fixture.NowMs, 4096);
        _fixture.Log.ActiveSegment.Sync();
        _fixture.Log.Dispose();
        _fixture.Open();
        Assert.Equal(int.MaxValue, _fixture.Log.LogEndOffset);
        _fixture.Append();
        Assert.Single(_fixture.Log.Segments);
        _fixture.Append();
        Assert.Equal([0L, int.MaxValue + 1L], _fixture.Log.Segments.Select(s => s.BaseOffset));
    }

    [Fact]
    public void Close_ThenOpenClean_RecoversNothing_AndFindsTheSame()
    {
        _fixture.Config = LogFixture.NewConfig(segmentBytes: 4_000, indexIntervalBytes: 500);
        _fixture.Open();
        _fixture.Log.Epochs.Assign(4, 0);
        for (int i = 0; i < 100; i++)
        {
            _fixture.Append(2, 100, _fixture.NowMs + i, epoch: 4);
        }
        List<(long, long)> before = _fixture.Read();
        TimestampAndOffset? byTime = _fixture.Log.FindByTimestamp(_fixture.NowMs + 50);
        _fixture.Log.Close();
        _fixture.Open(clean: true);
        Assert.Equal(200, _fixture.Log.RecoveryPoint);
        Assert.Equal(before, _fixture.Read());
        Assert.Equal(byTime, _fixture.Log.FindByTimestamp(_fixture.NowMs + 50));
        Assert.Equal([new EpochEntry(4, 0)], _fixture.Log.Epochs.Entries);
        Assert.Empty(_fixture.Logger.Lines);
        _fixture.CheckIndexes();
        Assert.Equal(200, _fixture.Append(epoch: 4));
    }

    [Fact]
    public void Close_SmallLog_LeavesAllItsFilesForTheNextStart()
    {
        _fixture.Open();
        _fixture.Log.Epochs.Assign(0, 0);
        _fixture.Append();
        _fixture.Background.RunAll();
        Assert.True(File.Exists(_fixture.File(0, ".index")));
        Assert.True(File.Exists(_fixture.File(0, ".timeindex")));
        Assert.Equal("0\n1\n0 0\n", File.ReadAllText(Path.Combine(_fixture.Directory, "leader-epoch-checkpoint")));
        _fixture.Log.Close();
        _fixture.Open(clean: true);
        Assert.Empty(_fixture.Logger.Lines);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(50)]
    [InlineData(99)]
    public void TruncateTo_AnyOffset_KeepsWhatIsBefore_AndTakesMore(long offset)
    {
        _fixture.Config = LogFixture.NewConfig(segmentBytes: 2_000, indexIntervalBytes: 200);
        _fixture.Open();
        for (int i = 0; i < 100; i++)
        {
            _fixture.Append(1, 50, _fixture.NowMs + i);
        }
        _fixture.Log.TruncateTo(offset);   // before rolled segments were sealed
        _fixture.Background.RunAll();
        Assert.Equal(offset, _fixture.Log.LogEndOffset);
        Assert.Equal((int)offset, _fixture.Read().Count);
        Assert.Equal(offset, _fixture.Append());
        _fixture.CheckIndexes();
        _fixture.Log.Close();
        _fixture.Open(clean: true);
        Assert.Equal((int)offset + 1, _fixture.Read().Count);
    }

    [Fact]
    public void IncrementLogStartOffset_DropsWholeSegments_EvenWhenTheTopicIsDeletedBeforeItsFilesAre()
    {
        _fixture.Config = LogFixture.NewConfig(segmentBytes: 2_000);
        _fixture.Open();
        for (int i = 0; i < 100; i++)
        {
            _fixture.Append(1, 50);
        }
        _fixture.Background.RunAll();
        Assert.True(_fixture.Log.IncrementLogStartOffset(60, 100));
        Assert.Equal(60, _fixture.Log.LogStartOffset);
        Assert.NotEqual(0, _fixture.Log.DeleteOldSegments(100));
        Assert.True(_fixture.Log.Segments[0].BaseOffset <= 60);
        Assert.False(_fixture.Log.TryRead(59, 100, 100, true, out _));
        Assert.Equal(60, _fixture.Read(60)[0].Base);
        _fixture.Log.RenameDirectory(_directory.At("t-0.x-delete"));
        _fixture.Background.RunAll();   // the dropped segments' deletion, which comes late
        Assert.Empty(_fixture.Background.Failures);
        Assert.Equal(ErrorCode.NotLeaderOrFollower, _fixture.Append(_fixture.Batch(1)).Error);
    }

    [Fact]
    public void Read_WhileTheLogIsDeleted_GivesNothingAndDoesNotThrow()
    {
        _fixture.Open();
        _fixture.Append();
        _fixture.Log.Dispose();
        Assert.True(_fixture.Log.TryRead(0, 100, 1, true, out LogSlice slice));
        Assert.Null(slice.File);
    }

    [Theory]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Snappy)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public void Append_Compressed_IsFoundByTime(CompressionCodec codec)
    {
        _fixture.Open();
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(ErrorCode.None, _fixture.Append(_fixture.Batch(10, 100, _fixture.NowMs + (i * 10), codec)).Error);
        }
        Assert.Equal(new TimestampAndOffset(_fixture.NowMs + 250, 250), _fixture.Log.FindByTimestamp(_fixture.NowMs + 241));
        Assert.Null(_fixture.Log.FindByTimestamp(_fixture.NowMs + 491));
    }

    private static BrokerConfig Broker() => new(new Dictionary<string, string>());
}
