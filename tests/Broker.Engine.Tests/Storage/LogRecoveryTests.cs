using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Storage;

/// <summary>What a start makes of files that a kill, a power failure or a hand left.</summary>
public sealed class LogRecoveryTests
{
    private readonly FaultingDisk _disk = new();
    private readonly LogFixture _fixture;

    public LogRecoveryTests()
    {
        _fixture = new LogFixture(_disk, "/logs", LogFixture.NewConfig(segmentBytes: 4_000, indexIntervalBytes: 300));
        _fixture.Open();
        for (int i = 0; i < 100; i++)
        {
            _fixture.Append(1, 100, _fixture.NowMs + i);
        }
    }

    private string Active => _fixture.File(_fixture.Log.ActiveSegment.BaseOffset, ".log");

    [Fact]
    public void Open_AfterAKill_HasEverything_AndBuildsTheIndexes()
    {
        List<(long, long)> before = _fixture.Read();
        _fixture.Disk = _disk.Crash();
        _fixture.Open();
        Assert.Equal(before, _fixture.Read());
        Assert.True(_fixture.Log.Segments.Count > 3);
        Assert.All(_fixture.Log.Segments.SkipLast(1), s => Assert.True(s.OffsetIndex.Count > 3));
        _fixture.CheckIndexes();
        Assert.Equal(100, _fixture.Append());
    }

    [Fact]
    public void Open_TornAnywhereInTheLastBatch_CutsThatBatch()
    {
        string path = Active;
        byte[] whole = _disk[path];
        int lastBatch = whole.Length - _fixture.Log.Measure(99, 1 << 20, 100);
        for (int length = lastBatch; length < whole.Length; length++)
        {
            FaultingDisk crashed = _disk.Crash();
            crashed[path] = whole[..length];
            _fixture.Disk = crashed;
            Assert.Equal(99, _fixture.Open().LogEndOffset);
            Assert.Equal(99, _fixture.Read().Count);
            Assert.Equal(lastBatch, crashed.LengthOf(path));
            Assert.Equal(99, _fixture.Append());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_IndexesBuiltAnewBelowTheRecoveryPoint_SurviveThePower(bool lostEpochs)
    {
        var disk = new FaultingDisk();
        var fixture = new LogFixture(disk, "/logs", LogFixture.NewConfig(segmentBytes: 20_000, indexIntervalBytes: 0));
        fixture.Open();
        for (int i = 0; i < 300; i++)
        {
            fixture.Append(1, 100, fixture.NowMs + i);
        }
        fixture.Background.RunAll();
        fixture.Log.Flush();
        long flushed = fixture.Log.RecoveryPoint;
        FaultingDisk crashed = disk.Crash();
        crashed.Delete(lostEpochs ? Path.Combine(fixture.Directory, LogFileNames.LeaderEpochs) : fixture.File(0, ".timeindex"));
        fixture.Disk = crashed;
        fixture.Open(recoveryPoint: flushed);
        fixture.Log.Epochs.Sync(fixture.Log.LogEndOffset);   // as the next flush does
        int[] entries = [.. fixture.Log.Segments.SkipLast(1).Select(s => s.TimeIndex.Count)];
        Assert.True(entries.Length > 1 && entries[0] > 100, "the time indexes are too small to lose a page");
        for (int seed = 0; seed < 40; seed++)
        {
            fixture.Disk = crashed.LosePower(new Random(seed));
            fixture.Open(recoveryPoint: flushed);

            fixture.CheckIndexes();
            Assert.Equal(entries, fixture.Log.Segments.SkipLast(1).Select(s => s.TimeIndex.Count));
        }
    }

    [Fact]
    public void Open_FirstSegmentAndTheNextAreEmpty_BeginsAtTheFirst()
    {
        FaultingDisk crashed = _disk.Crash();
        crashed[_fixture.File(0, ".log")] = [];   // rolled, and nothing of it reached the disk before the power failed
        string next = _fixture.File(_fixture.Log.Segments[1].BaseOffset, ".log");
        crashed[next] = new byte[130];
        _fixture.Disk = crashed;

        _fixture.Open();

        Assert.Equal(0, _fixture.Log.LogEndOffset);
        Assert.False(crashed.Exists(next));
        Assert.Equal(0, _fixture.Append());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Open_SealedSegmentIsShorter_AndTheNextIsEmpty_EndsThereUnlessCleaned(bool isCompacted, bool isCleaned)
    {
        int last = _fixture.Log.Segments.Count - 1;
        long nextBase = _fixture.Log.Segments[last].BaseOffset;
        string sealedPath = _fixture.File(_fixture.Log.Segments[last - 1].BaseOffset, ".log");
        FaultingDisk crashed = _disk.Crash();
        crashed[sealedPath] = crashed[sealedPath][..^_fixture.Log.Measure(0, 1, 100)];
        crashed[Active] = new byte[130];   // never written, but for the length
        _fixture.Config = new LogConfig(
            new BrokerConfig(new Dictionary<string, string>()),
            new Dictionary<string, string> { ["cleanup.policy"] = isCompacted ? "compact" : "delete" }) { SegmentBytes = 4_000 };
        string next = Active;
        _fixture.Disk = crashed;

        _fixture.Open(cleanedTo: isCleaned ? nextBase : 0);

        Assert.Equal(isCleaned ? nextBase : nextBase - 1, _fixture.Log.LogEndOffset);
        Assert.Equal(isCleaned, crashed.Exists(next));
        Assert.Equal(nextBase - 1, _fixture.Read().Count);
    }

    [Fact]
    public void Open_SegmentBehindTheRecoveryPointAndTheNextAreEmpty_EndsAtTheRecoveryPoint()
    {
        int last = _fixture.Log.Segments.Count - 1;
        long flushed = _fixture.Log.Segments[last - 1].BaseOffset;
        FaultingDisk crashed = _disk.Crash();
        crashed[_fixture.File(flushed, ".log")] = [];
        crashed[Active] = [];
        _fixture.Disk = crashed;

        _fixture.Open(recoveryPoint: flushed);

        Assert.Equal(flushed, _fixture.Log.LogEndOffset);
        Assert.Equal(last, _fixture.Log.Segments.Count);
        Assert.Equal(flushed, _fixture.Append());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(57)]
    [InlineData(90)]
    public void Open_ByteFlippedInABatch_CutsThere_AndDropsLaterSegments(int at)
    {
        FaultingDisk crashed = _disk.Crash();
        string path = _fixture.File(0, ".log");
        byte[] bytes = crashed[path];
        int size = _fixture.Log.Measure(0, 1, 100);
        bytes[(size * 5) + at] ^= 0x40;
        crashed[path] = bytes;
        _fixture.Disk = crashed;
        _fixture.Open();
        Assert.Equal(5, _fixture.Log.LogEndOffset);
        Assert.Single(_fixture.Log.Segments);
        Assert.Single(crashed.FilesIn(_fixture.Directory), f => f.EndsWith(".log", StringComparison.Ordinal));
        Assert.Contains(_fixture.Logger.Lines, l => l.Contains("cut at offset 5", StringComparison.Ordinal));
    }

    [Fact]
    public void Open_ZeroFilledTail_IsCut()
    {
        FaultingDisk crashed = _disk.Crash();
        crashed[Active] = [.. crashed[Active], .. new byte[5_000]];
        _fixture.Disk = crashed;
        Assert.Equal(100, _fixture.Open().LogEndOffset);
        Assert.Equal(100, _fixture.Read().Count);
    }

    [Fact]
    public void Open_BelowTheRecoveryPoint_IsNotReadAgain()
    {
        _fixture.Background.RunAll();
        long recoveryPoint = _fixture.Log.RecoveryPoint;
        Assert.Equal(_fixture.Log.ActiveSegment.BaseOffset, recoveryPoint);
        FaultingDisk crashed = _disk.Crash();
        byte[] bytes = crashed[_fixture.File(0, ".log")];
        bytes[100] ^= 1;   // would be found by a recovery from the start
        crashed[_fixture.File(0, ".log")] = bytes;
        _fixture.Disk = crashed;
        Assert.Equal(100, _fixture.Open(recoveryPoint: recoveryPoint).LogEndOffset);
        _fixture.CheckIndexes();
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("odd length")]
    [InlineData("zeros behind")]
    [InlineData("zeros only")]
    [InlineData("wrong position")]
    [InlineData("wrong offset")]
    [InlineData("beyond the end")]
    [InlineData("empty log's leftovers")]
    public void Open_CleanButIndexWrong_RebuildsIt(string damage)
    {
        _fixture.Log.Close();
        List<(long, long)> before = [.. Enumerable.Range(0, 100).Select(i => ((long)i, (long)i))];
        FaultingDisk disk = _disk.Crash();
        string path = _fixture.File(0, ".index");
        byte[] index = disk[path];
        switch (damage)
        {
            case "missing":
                disk.Delete(path);
                break;
            case "odd length":
                disk[path] = [.. index, 0, 0, 0];
                break;
            case "zeros behind":
                disk[path] = [.. index, .. new byte[800]];
                break;
            case "zeros only":
                disk[path] = new byte[index.Length];
                break;
            case "wrong position":
                index[^1] ^= 1;
                disk[path] = index;
                break;
            case "wrong offset":
                index[^5] ^= 1;
                disk[path] = index;
                break;
            case "beyond the end":
                disk[path] = [.. index, 0, 0, 0, 90, 0, 0x7f, 0, 0];
                break;
            default:
                disk[_fixture.File(5_000, ".index")] = new byte[80];
                disk[_fixture.File(5_000, ".timeindex")] = new byte[120];
                break;
        }
        _fixture.Disk = disk;
        _fixture.Open(clean: true);
        Assert.Equal(before, _fixture.Read());
        _fixture.CheckIndexes();
        Assert.False(disk.Exists(_fixture.File(5_000, ".index")));
    }

    [Fact]
    public void Open_CleanButTailIsNoBatch_IsRecoveredRatherThanAppendedTo()
    {
        _fixture.Log.Close();
        FaultingDisk disk = _disk.Crash();
        disk[Active] = [.. disk[Active], 1, 2, 3];
        _fixture.Disk = disk;
        Assert.Equal(100, _fixture.Open(clean: true).LogEndOffset);
        Assert.Equal(100, _fixture.Append());
        Assert.Equal(101, _fixture.Read().Count);
    }

    [Fact]
    public void Open_EndBeforeTheLogsStart_BeginsAnewThere()
    {
        FaultingDisk crashed = _disk.Crash();
        _fixture.Disk = crashed;
        _fixture.Open(logStartOffset: 150);
        Assert.Equal((150, 150), (_fixture.Log.LogStartOffset, _fixture.Log.LogEndOffset));
        Assert.Equal(150, _fixture.Append());
        Assert.Single(crashed.FilesIn(_fixture.Directory), f => f.EndsWith(".log", StringComparison.Ordinal));
    }

    [Fact]
    public void Open_AfterAKill_KnowsTheEpochs_AndKeepsThemThroughACleanStop()
    {
        _fixture.Append(epoch: 3);
        _fixture.Append(epoch: 8);
        FaultingDisk crashed = _disk.Crash();
        crashed.Delete(Path.Combine(_fixture.Directory, LogFileNames.LeaderEpochs));
        _fixture.Disk = crashed;
        _fixture.Open();
        EpochEntry[] expected = [new(0, 0), new(3, 100), new(8, 101)];
        Assert.Equal(expected, _fixture.Log.Epochs.Entries);
        _fixture.Log.Close();
        _fixture.Open(clean: true);
        Assert.Equal(expected, _fixture.Log.Epochs.Entries);
    }

    [Fact]
    public void Open_AfterAKill_KnowsWhatIdempotentProducersSent()
    {
        Assert.Equal(ErrorCode.None, _fixture.Append(_fixture.Batch(3, producerId: 7, sequence: 0)).Error);
        _fixture.Disk = _disk.Crash();
        _fixture.Open();
        AppendResult again = _fixture.Append(_fixture.Batch(3, producerId: 7, sequence: 0));
        Assert.True(again.IsDuplicate);
        Assert.Equal(100, again.BaseOffset);
        Assert.Equal(103, _fixture.Append(_fixture.Batch(1, producerId: 7, sequence: 3)).BaseOffset);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, _fixture.Append(_fixture.Batch(1, producerId: 7, sequence: 9)).Error);
    }

    [Fact]
    public void Open_LeftoversOfDeletions_AreRemoved()
    {
        FaultingDisk crashed = _disk.Crash();
        crashed[_fixture.File(900, ".log.deleted")] = [1];
        crashed[_fixture.File(900, ".index.deleted")] = [1];
        crashed[_fixture.File(900, ".log.cleaned")] = [1];
        crashed[Path.Combine(_fixture.Directory, "leader-epoch-checkpoint.tmp")] = [1];
        _fixture.Disk = crashed;
        Assert.Equal(100, _fixture.Open().LogEndOffset);
        Assert.DoesNotContain(crashed.FilesIn(_fixture.Directory), f => f.Contains("900", StringComparison.Ordinal) || f.EndsWith(".tmp", StringComparison.Ordinal));
    }
}
