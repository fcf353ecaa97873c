using System.Text;
using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Cleaning;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage.Cleaning;

public sealed class LogCleanerTests : IDisposable
{
    private static readonly Guid s_id = new("00000000-0000-0000-0000-000000000011");
    private readonly FaultingDisk _disk = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000));
    private readonly RecordBatchBuilder _builder = new(new RecordCodecs());
    private readonly LineLogger _logger = new();
    private readonly LogManager _logs;
    private readonly LogCleaner _cleaner;

    public LogCleanerTests()
    {
        _logs = new LogManager(
            new LogManagerOptions { BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = ["/logs"] }, _disk, ConfigOf,
            new MonotonicClock(_time), new TestBackground(), new Random(1), _logger);
        _logs.Open();
        _cleaner = NewCleaner();
    }

    public void Dispose()
    {
        _cleaner.Dispose();
        _logs.Dispose();
    }

    private static LogConfig ConfigOf(string topic) => new(
        new BrokerConfig(new Dictionary<string, string>()), new Dictionary<string, string>())
    {
        SegmentBytes = 300, CleanupPolicyCompact = topic != "deleted", CleanupPolicyDelete = topic != "compacted",
    };

    private LogCleaner NewCleaner(params (string, string)[] config) => new(
        _logs, () => new BrokerConfig(config.ToDictionary(c => c.Item1, c => c.Item2)), p => _logs.Find(p)?.LogEndOffset,
        () => new Random(1), _time, _logger);

    private PartitionLog Fill(string topic, int records)
    {
        PartitionLog log = _logs.GetOrCreate(new TopicPartition(topic, 0), s_id);
        for (int i = 0; i < records; i++)
        {
            _builder.Begin(new RecordBatchOptions());
            _builder.Append(1_700_000_000_000, "key"u8, Encoding.ASCII.GetBytes($"value {i}"));
            Assert.Equal(ErrorCode.None, log.AppendAsLeader(_builder.Finish().ToArray(), 9, 1_700_000_000_000, 0).Error);
        }
        return log;
    }

    [Fact]
    public void CleanFilthiest_DirtyLog_IsCleanedOnceAndCheckpointed()
    {
        PartitionLog log = Fill("compacted", 20);
        Fill("deleted", 20);

        Assert.True(_cleaner.CleanFilthiest());
        Assert.False(_cleaner.CleanFilthiest());

        long end = log.ActiveSegment.BaseOffset;
        Assert.Equal($"0\n1\ncompacted 0 {end}\n", Encoding.ASCII.GetString(_disk["/logs/cleaner-offset-checkpoint"]));
        CleanerRun run = _cleaner.Runs[log.Partition];
        Assert.Equal((end, 1L), (run.Stats.MessagesRead, run.Stats.MessagesWritten));
        // Who starts again does not clean again.
        using LogCleaner next = NewCleaner();
        Assert.False(next.CleanFilthiest());
        Assert.Equal(end, next.Measure(log).FirstDirtyOffset);
    }

    [Fact]
    public void CleanFilthiest_DirtyLog_LiesBelowTheRecoveryPointOnTheDiskBefore()
    {
        PartitionLog log = Fill("compacted", 20);
        string? before = null;
        _disk.OnOperation = (what, path) =>
        {
            if (what == "rename" && path.EndsWith(LogFileNames.CleanedSuffix, StringComparison.Ordinal))
            {
                before ??= Encoding.ASCII.GetString(_disk["/logs/" + LogFileNames.RecoveryPoints]);
            }
        };

        _cleaner.CleanFilthiest();

        Assert.Equal($"0\n1\ncompacted 0 {log.LogEndOffset}\n", before);
    }

    [Fact]
    public void CleanFilthiest_OneBadLog_IsMarkedAndTheOthersAreCleaned()
    {
        PartitionLog bad = Fill("compacted", 40);
        PartitionLog good = Fill("both", 20);
        string path = bad.Segments[0].File.Path;
        byte[] bytes = _disk[path];
        bytes[65] ^= 1;
        bad.Segments[0].Rest();
        _disk[path] = bytes;

        Assert.True(_cleaner.CleanFilthiest());
        Assert.True(_cleaner.CleanFilthiest());
        Assert.False(_cleaner.CleanFilthiest());

        Assert.Equal([bad.Partition], _cleaner.Uncleanable.Keys);
        Assert.Equal([good.Partition], _cleaner.Runs.Keys);
    }

    [Fact]
    public void CleanFilthiest_RatioBelowTheLeast_IsLeft()
    {
        PartitionLog log = Fill("compacted", 20);
        log.Config = new LogConfig(new BrokerConfig(new Dictionary<string, string>()), new Dictionary<string, string>())
        {
            SegmentBytes = 300, CleanupPolicyCompact = true, MinCleanableDirtyRatio = 1, MaxCompactionLagMs = 1_000,
        };
        Assert.False(_cleaner.CleanFilthiest());
        Assert.Equal(100, _cleaner.MaxDirtyPercent);

        _time.Advance(TimeSpan.FromSeconds(2));   // older than max.compaction.lag.ms
        Assert.True(_cleaner.CleanFilthiest());
    }

    [Fact]
    public void AbortAndPause_LogIsDirty_KeepsTheCleanerOff()
    {
        PartitionLog log = Fill("compacted", 20);
        using (_cleaner.AbortAndPause(log.Partition))
        {
            Assert.False(_cleaner.CleanFilthiest());
            using IDisposable? second = _cleaner.TryPause(log);
            Assert.NotNull(second);
        }
        Assert.True(_cleaner.CleanFilthiest());
    }

    [Fact]
    public void Delete_CleanedLog_LeavesTheCheckpoint()
    {
        PartitionLog log = Fill("compacted", 20);
        _logs.Deleting = _cleaner.Forget;
        _cleaner.CleanFilthiest();

        _logs.Delete(log.Partition);

        Assert.Equal("0\n0\n", Encoding.ASCII.GetString(_disk["/logs/cleaner-offset-checkpoint"]));
        Assert.Empty(_cleaner.Runs);
    }

    [Fact]
    public void CleanFilthiest_CheckpointBehindTheStart_BeginsAtTheStart()
    {
        PartitionLog log = Fill("compacted", 20);
        _disk["/logs/cleaner-offset-checkpoint"] = Encoding.ASCII.GetBytes("0\n1\ncompacted 0 999\n");
        using LogCleaner cleaner = NewCleaner();

        Assert.True(cleaner.CleanFilthiest());
        Assert.Equal(log.ActiveSegment.BaseOffset, cleaner.Measure(log).FirstDirtyOffset);
    }

    [Fact]
    public async Task Configure_Throttled_WaitsUntilTheLimitRisesOrTheCleaningIsAborted()
    {
        PartitionLog log = Fill("compacted", 200);
        var config = new Dictionary<string, string> { ["log.cleaner.io.max.bytes.per.second"] = "1", ["log.cleaner.threads"] = "1" };
        using LogCleaner cleaner = new(
            _logs, () => new BrokerConfig(config), p => _logs.Find(p)?.LogEndOffset, () => new Random(1), _time, _logger);
        cleaner.Configure("throttled");
        await UntilAsync(() => cleaner.IsInProgress(log.Partition));
        using (cleaner.AbortAndPause(log.Partition))
        {
            Assert.False(cleaner.IsInProgress(log.Partition));
        }
        Assert.Empty(cleaner.Runs);
        config["log.cleaner.io.max.bytes.per.second"] = "1.0E9";
        config["log.cleaner.backoff.ms"] = "1";
        cleaner.Configure("throttled");
        await UntilAsync(() => cleaner.Runs.ContainsKey(log.Partition));
    }

    [Fact]
    public async Task Configure_AnotherNumberOfThreads_MakesAndEndsThem()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "threads are counted in /proc");
        var config = new Dictionary<string, string> { ["log.cleaner.threads"] = "3", ["log.cleaner.backoff.ms"] = "1" };
        using LogCleaner cleaner = new(
            _logs, () => new BrokerConfig(config), p => _logs.Find(p)?.LogEndOffset, () => new Random(1), _time, _logger);
        cleaner.Configure("resized");
        await UntilAsync(() => Threads("resized-") == 3);
        config["log.cleaner.threads"] = "1";
        cleaner.Configure("resized");
        await UntilAsync(() => Threads("resized-") == 1);
        config["log.cleaner.threads"] = "2";
        cleaner.Configure("resized");
        await UntilAsync(() => Threads("resized-") == 2);
        PartitionLog log = Fill("compacted", 20);
        await UntilAsync(() => cleaner.Runs.ContainsKey(log.Partition));
        Assert.Equal(0, cleaner.DeadThreads);
    }

    private static int Threads(string name) => Directory.GetFiles("/proc/self/task", "comm", new EnumerationOptions
    {
        RecurseSubdirectories = true, MaxRecursionDepth = 1,
    }).Count(f => TryRead(f).StartsWith(name, StringComparison.Ordinal));

    private static string TryRead(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";   // the thread has ended
        }
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!holds())
        {
            await Task.Delay(2, patience.Token);
        }
    }
}
