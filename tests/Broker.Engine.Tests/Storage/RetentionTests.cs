using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Storage;

/// <summary>Old segments go: by time, by size, below the log's start; and nothing else does. On a disk in memory.</summary>
public sealed class RetentionTests
{
    private static readonly string[] s_kinds = [".log", ".index", ".timeindex"];
    private readonly FaultingDisk _disk = new();
    private readonly LogFixture _fixture;

    public RetentionTests() => _fixture = new LogFixture(_disk, "/data");

    private static LogConfig NewConfig(params (string Key, string Value)[] own)
    {
        var values = new Dictionary<string, string> { ["retention.ms"] = "-1" };
        foreach ((string key, string value) in own)
        {
            values[key] = value;
        }
        return new LogConfig(new BrokerConfig(new Dictionary<string, string>()), values);
    }

    /// <summary>One batch a segment, a second apart.</summary>
    private PartitionLog Fill(int segments, params (string Key, string Value)[] own)
    {
        _fixture.Config = NewConfig(own);
        int size = _fixture.Batch(1).Length;
        // Validation asks that a batch fits into a segment; it then is the segment.
        _fixture.Config = With(_fixture.Config, size);
        _fixture.Open();
        for (int i = 0; i < segments; i++)
        {
            _fixture.Append(timestampMs: _fixture.NowMs + (i * 1000));
        }
        _fixture.Background.RunAll();
        return _fixture.Log;
    }

    private static LogConfig With(LogConfig config, int segmentBytes) => new(new BrokerConfig(new Dictionary<string, string>()), new Dictionary<string, string>())
    {
        SegmentBytes = segmentBytes,
        RetentionMs = config.RetentionMs,
        RetentionBytes = config.RetentionBytes,
        CleanupPolicyDelete = config.CleanupPolicyDelete,
        CleanupPolicyCompact = config.CleanupPolicyCompact,
    };

    private void Pass(long ms) => _fixture.Time.Advance(TimeSpan.FromMilliseconds(ms));

    private IEnumerable<long> Bases => _fixture.Log.Segments.Select(s => s.BaseOffset);

    [Fact]
    public void DeleteOldSegments_ByTime_CountsFromTheGreatestTimestamp_OfEachSegment()
    {
        PartitionLog log = Fill(5, ("retention.ms", "10000"));
        Pass(12_000);   // ages 12 to 8 s
        Assert.Equal(2, log.DeleteOldSegments(5));
        Assert.Equal([2L, 3, 4], Bases);
        Assert.Equal(2, log.LogStartOffset);
        Assert.Equal(0, log.DeleteOldSegments(5));
        Assert.Contains(_fixture.Logger.Lines, l => l.Contains(
            "t-0: Deleting segment LogSegment(baseOffset=0, size=", StringComparison.Ordinal) && l.EndsWith(
            "due to log retention time 10000ms breach based on the largest record timestamp in the segment", StringComparison.Ordinal));
        Assert.Contains(_fixture.Logger.Lines, l => l.EndsWith("Incremented log start offset to 2 due to segment deletion", StringComparison.Ordinal));
    }

    [Fact]
    public void DeleteOldSegments_AllExpired_RollsTheActiveOne_AndTheLogGoesOnWhereItWas()
    {
        PartitionLog log = Fill(3, ("retention.ms", "10000"));
        Pass(60_000);
        Assert.Equal(3, log.DeleteOldSegments(3));
        Assert.Equal([3L], Bases);
        Assert.Equal((3, 3, 3, 0), (log.LogStartOffset, log.LogEndOffset, log.RecoveryPoint, log.SizeBytes));
        Assert.True(_disk.Exists(_fixture.File(3, ".log")));
        Assert.Equal(0, log.DeleteOldSegments(3));   // an empty active segment stays
        _fixture.Background.RunAll();
        Assert.Empty(_fixture.Background.Failures);
        Assert.Equal(3, _fixture.Append());
        Assert.Equal([(3L, 3L)], _fixture.Read(3));
    }

    [Fact]
    public void DeleteOldSegments_AllExpiredThenKilled_GivesNoOffsetTwice()
    {
        Fill(3, ("retention.ms", "10000"));
        Pass(60_000);
        _fixture.Log.DeleteOldSegments(3);
        _fixture.Disk = _disk.Crash();
        _fixture.Open();   // with no checkpoint at all
        Assert.Equal((3, 3), (_fixture.Log.LogStartOffset, _fixture.Log.LogEndOffset));
        Assert.DoesNotContain(_fixture.Disk.FilesIn(_fixture.Directory), f => f.EndsWith(".deleted", StringComparison.Ordinal));
    }

    [Fact]
    public void DeleteOldSegments_BySize_KeepsAtLeastThatMuch()
    {
        int batch = _fixture.Batch(1).Length;
        PartitionLog log = Fill(6, ("retention.bytes", $"{(3 * batch) + 1}"));
        Assert.Equal(2, log.DeleteOldSegments(6));
        Assert.Equal(4 * batch, log.SizeBytes);
        Assert.Contains(_fixture.Logger.Lines, l => l.EndsWith(
            $"due to log retention size {(3 * batch) + 1} breach. Log size after deletion will be {5 * batch}.", StringComparison.Ordinal));
        log.Config = With(NewConfig(("retention.bytes", "0")), batch);   // acts at the next look
        Assert.Equal(4, log.DeleteOldSegments(6));
        Assert.Equal([6L], Bases);
    }

    [Fact]
    public void DeleteOldSegments_NeverPassesTheHighWatermark()
    {
        PartitionLog log = Fill(5, ("retention.ms", "1"), ("retention.bytes", "0"));
        Pass(60_000);
        Assert.Equal(0, log.DeleteOldSegments(0));
        Assert.Equal(2, log.DeleteOldSegments(2));
        Assert.Equal([2L, 3, 4], Bases);
        Assert.Equal(2, log.DeleteOldSegments(4));
        Assert.Equal([4L], Bases);
    }

    [Theory]
    [InlineData("compact", 0)]
    [InlineData("compact,delete", 4)]
    [InlineData("delete", 4)]
    public void DeleteOldSegments_GoesByTheCleanupPolicy_ButBelowTheLogStartAlways(string policy, int expired)
    {
        PartitionLog log = Fill(5, ("cleanup.policy", "delete"), ("retention.ms", "1000"));
        log.IncrementLogStartOffset(1, 5);
        log.Config = With(NewConfig(("cleanup.policy", policy), ("retention.ms", "1000")), _fixture.Batch(1).Length);
        Pass(60_000);
        Assert.Equal(1 + expired, log.DeleteOldSegments(5));
        Assert.Contains(_fixture.Logger.Lines, l => l.Contains("Deleting segments due to log start offset 1 breach: LogSegment(baseOffset=0,", StringComparison.Ordinal));
    }

    [Fact]
    public void DeleteOldSegments_NoTimestamps_GoesByTheTimeOfTheLastWrite()
    {
        _fixture.Config = With(NewConfig(("retention.ms", "10000")), _fixture.Batch(1).Length);
        PartitionLog log = _fixture.Open();
        _fixture.Append(timestampMs: -1);
        Pass(5_000);
        _fixture.Append(timestampMs: -1);
        Pass(6_000);
        Assert.Equal(1, log.DeleteOldSegments(2));
        Assert.Equal([1L], Bases);
        Assert.Contains(_fixture.Logger.Lines, l => l.EndsWith("based on the last modified time of the segment", StringComparison.Ordinal));
    }

    [Fact]
    public void DeleteOldSegments_FilesAreRenamed_ThenRemoved_SideFilesToo()
    {
        PartitionLog log = Fill(3, ("retention.ms", "10000"));
        _disk[_fixture.File(0, ".txnindex")] = [1];
        _disk[_fixture.File(0, ".snapshot")] = [1];
        Pass(11_001);
        Assert.Equal(2, log.DeleteOldSegments(3));
        foreach (string kind in (string[])[.. s_kinds, ".txnindex", ".snapshot"])
        {
            Assert.False(_disk.Exists(_fixture.File(0, kind)), kind);
            Assert.True(_disk.Exists(_fixture.File(0, kind + ".deleted")), kind);
        }
        _fixture.Background.RunAll();
        Assert.DoesNotContain(_disk.FilesIn(_fixture.Directory), f => f.Contains(".deleted", StringComparison.Ordinal));
        Assert.Empty(_fixture.Background.Failures);
    }

    [Fact]
    public void DeleteOldSegments_KilledAtAnyFile_IsTakenUpAtTheStart()
    {
        // Whatever subset of the old files is renamed, the next start has a log from some segment on, to the same end.
        foreach (int renamed in Enumerable.Range(0, 7))
        {
            var disk = new FaultingDisk();
            var fixture = new LogFixture(disk, "/data", LogFixture.NewConfig(segmentBytes: _fixture.Batch(1).Length));
            fixture.Open();
            for (int i = 0; i < 4; i++)
            {
                fixture.Append();
            }
            fixture.Background.RunAll();
            foreach ((long at, string kind) in new long[] { 0, 1 }.SelectMany(b => s_kinds.Select(k => (b, k))).Take(renamed))
            {
                disk.Rename(fixture.File(at, kind), fixture.File(at, kind + ".deleted"));
            }
            fixture.Disk = disk.Crash();
            fixture.Open();
            long first = renamed >= 4 ? 2 : renamed >= 1 ? 1 : 0;
            Assert.Equal((first, 4), (fixture.Log.LogStartOffset, fixture.Log.LogEndOffset));
            Assert.Equal(4 - first, fixture.Read(first).Count);
            Assert.DoesNotContain(fixture.Disk.FilesIn(fixture.Directory), f => f.Contains(".deleted", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void TryRead_OfADeletedSegment_IsOutOfRange_AndASliceTakenBeforeStaysReadable()
    {
        PartitionLog log = Fill(3, ("retention.ms", "10000"));
        Assert.True(log.TryRead(0, 1000, 3, wholeFirstBatch: true, out LogSlice slice));
        Pass(11_500);
        log.DeleteOldSegments(3);
        Assert.False(log.TryRead(0, 1000, 3, wholeFirstBatch: true, out _));
        byte[] bytes = new byte[slice.Length];
        Assert.Equal(slice.Length, slice.File!.Read(bytes, slice.Position));
        slice.File.ReleaseReference();
        Assert.Equal([(2L, 2L)], _fixture.Read(2));
    }

    [Fact]
    public void DeleteOldSegments_DiskFails_TakesTheLogOutOfService()
    {
        PartitionLog log = Fill(3, ("retention.ms", "10000"));
        Pass(60_000);
        _disk.OnWrite = (_, _) => -1;
        log.Epochs.Assign(7, 3);
        _disk.OnSync = _ => true;
        log.DeleteOldSegments(3);
        _disk.OnWrite = null;
        Assert.True(log.IsFailed);
        Assert.Single(_fixture.Background.Failures);
        Assert.Equal(ErrorCode.KafkaStorageError, _fixture.Append(_fixture.Batch(1)).Error);
    }

    [Fact]
    public void IncrementLogStartOffset_BeyondTheHighWatermark_IsRefused()
    {
        PartitionLog log = Fill(4);
        Assert.False(log.IncrementLogStartOffset(3, 2));
        Assert.True(log.IncrementLogStartOffset(2, 2));
        Assert.True(log.IncrementLogStartOffset(1, 2));   // never back
        Assert.Equal(2, log.LogStartOffset);
        Assert.Equal(2, log.DeleteOldSegments(2));
        Assert.Equal([2L, 3], Bases);
    }
}
