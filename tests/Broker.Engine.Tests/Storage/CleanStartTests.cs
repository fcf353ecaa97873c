using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

/// <summary>What a start reads: nothing of the segments after a clean stop, what follows the recovery point after a kill.</summary>
public sealed class CleanStartTests
{
    private const int Partitions = 6;
    private const int Batches = 50;
    private static readonly Guid s_topic = new("00000000-0000-0000-0000-000000000011");
    private readonly FaultingDisk _disk = new();
    private readonly TestBackground _background = new();
    private readonly LineLogger _logger = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000));
    private readonly LogConfig _config = LogFixture.NewConfig(segmentBytes: 2_000, indexIntervalBytes: 300);
    private readonly Dictionary<string, int> _read = [];

    private LogManager Open(FaultingDisk disk, int threads = 2)
    {
        _read.Clear();
        disk.OnRead = (path, bytes) =>
        {
            lock (_read)
            {
                _read[path] = _read.GetValueOrDefault(path) + bytes;
            }
        };
        var manager = new LogManager(
            new LogManagerOptions
            {
                BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = ["/logs"], RecoveryThreads = threads,
            },
            disk, _ => _config, new MonotonicClock(_time), _background, new Random(1), _logger);
        manager.Open();
        return manager;
    }

    private void Fill(LogManager manager)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        for (int p = 0; p < Partitions; p++)
        {
            PartitionLog log = manager.GetOrCreate(new TopicPartition("t", p), s_topic);
            for (int i = 0; i < Batches; i++)
            {
                builder.Begin(new RecordBatchOptions { ProducerId = 7, ProducerEpoch = 0, BaseSequence = i });
                builder.Append(_time.GetUtcNow().ToUnixTimeMilliseconds(), (byte[]?)null, new byte[60]);
                Assert.Equal(ErrorCode.None, log.AppendAsLeader(builder.Finish().ToArray(), 9, 1_700_000_000_000, 0).Error);
            }
        }
        _background.RunAll();
    }

    private string[] SegmentsRead => [.. _read.Keys.Where(p => p.EndsWith(".log", StringComparison.Ordinal))];

    [Fact]
    public void Open_AfterACleanStop_ReadsNoSegment()
    {
        LogManager manager = Open(_disk);
        Fill(manager);
        manager.CloseCleanly(1, _ => null);
        FaultingDisk stopped = _disk.Crash();
        LogManager again = Open(stopped);
        Assert.Empty(SegmentsRead);
        Assert.Equal(Partitions, again.Logs.Count(l => l.LogEndOffset == Batches && l.ProducerCount == 1));
        Assert.Equal(0, again.RemainingToRecover);
        Assert.DoesNotContain(_logger.Lines, l => l.Contains("recover", StringComparison.Ordinal));
        Assert.False(stopped.Exists("/logs/log-end-checkpoint"));
        GoOn(again);
    }

    /// <summary>The logs go on where they ended.</summary>
    private static void GoOn(LogManager manager)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        foreach (PartitionLog log in manager.Logs)
        {
            builder.Begin(new RecordBatchOptions());
            builder.Append(1_700_000_000_000, (byte[]?)null, new byte[60]);
            Assert.Equal(Batches, log.AppendAsLeader(builder.Finish().ToArray(), 9, 1_700_000_000_000, 0).BaseOffset);
            Assert.NotNull(log.Copy(Batches - 1, 1_000, Batches + 1));
        }
    }

    [Fact]
    public void Open_CleanButASegmentHasAnotherLength_LooksAtItsEnd()
    {
        LogManager manager = Open(_disk);
        Fill(manager);
        long active = manager.Logs.First().ActiveSegment.BaseOffset;
        manager.CloseCleanly(1, _ => null);
        FaultingDisk stopped = _disk.Crash();
        string path = LogFileNames.Segment("/logs/t-0", active, ".log");
        stopped[path] = [.. stopped[path], 1, 2, 3];
        LogManager again = Open(stopped);
        Assert.Contains(path, SegmentsRead);
        Assert.All(SegmentsRead, p => Assert.StartsWith("/logs/t-0/", p, StringComparison.Ordinal));
        Assert.Equal(Batches, again.Find(new TopicPartition("t", 0))!.LogEndOffset);
    }

    [Fact]
    public void Open_AfterAKill_ReadsOnlyWhatFollowsTheRecoveryPoint()
    {
        LogManager manager = Open(_disk);
        Fill(manager);
        manager.CheckpointRecoveryPoints();
        Dictionary<string, int> expected = [];
        foreach (PartitionLog log in manager.Logs)
        {
            Assert.Equal(log.ActiveSegment.BaseOffset, log.RecoveryPoint);
            Assert.True(log.Segments.Count > 2);
            expected.Add(log.ActiveSegment.File.Path, log.ActiveSegment.SizeBytes);
        }
        LogManager again = Open(_disk.Crash());
        Assert.Equal(expected.Keys.Order(), SegmentsRead.Order());
        Assert.All(expected, e => Assert.Equal(e.Value, _read[e.Key]));
        Assert.Equal(Partitions, again.Logs.Count(l => l.LogEndOffset == Batches && l.ProducerCount == 1));
    }

    [Fact]
    public void Open_AfterAKill_RecoversOverItsThreads_AndTellsOfItOnceASecond()
    {
        LogManager manager = Open(_disk);
        Fill(manager);
        FaultingDisk killed = _disk.Crash();
        using var together = new Barrier(2);
        int first = 0;
        List<(int Logs, int Segments)> seen = [];
        LogManager? opened = null;
        var reads = new System.Collections.Concurrent.ConcurrentDictionary<int, bool>();
        var again = new LogManager(
            new LogManagerOptions { BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = ["/logs"], RecoveryThreads = 2 },
            killed, _ => _config, new MonotonicClock(_time), _background, new Random(1), _logger);
        opened = again;
        killed.OnRead = (path, _) =>
        {
            if (!path.EndsWith(".log", StringComparison.Ordinal))
            {
                return;
            }
            if (Interlocked.Increment(ref first) <= 2)
            {
                Assert.True(together.SignalAndWait(TimeSpan.FromSeconds(20)), "two logs are not recovered at once");
            }
            lock (seen)
            {
                seen.Add((opened.Recovery!.RemainingLogs, opened.Recovery.RemainingSegments));
                _time.Advance(TimeSpan.FromMilliseconds(400));
            }
        };
        again.Open();
        Assert.Equal((Partitions, manager.Logs.Sum(l => l.Segments.Count)), seen[0]);
        Assert.True(seen[^1].Segments < 4);
        Assert.Null(again.Recovery);
        int lines = _logger.Lines.Count(l => l.Contains("still to be recovered", StringComparison.Ordinal));
        Assert.InRange(lines, 1, (seen.Count * 400 / 1_000) + 1);
        Assert.Contains(_logger.Lines, l => l.Contains("6 logs are recovered", StringComparison.Ordinal));
    }
}
