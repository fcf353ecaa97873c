using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Files;
using Broker.Engine.Timing;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

public sealed class LogManagerTests : IDisposable
{
    private static readonly Guid s_first = new("00000000-0000-0000-0000-000000000011");
    private static readonly Guid s_second = new("00000000-0000-0000-0000-000000000022");
    private readonly TempDirectory _directory = new();
    private readonly TestBackground _background = new();
    private readonly LineLogger _logger = new();
    private readonly MonotonicClock _clock = new(new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000)));

    public void Dispose() => _directory.Dispose();

    private LogManager Open(params string[] directories)
    {
        var manager = new LogManager(
            new LogManagerOptions
            {
                BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = [.. directories.Select(d => _directory.At(d))],
            },
            PhysicalDisk.Instance, _ => LogConfig.Default, _clock, _background, new Random(1), _logger);
        manager.Open();
        return manager;
    }

    private static void Append(PartitionLog log)
    {
        using var builder = new Broker.Protocol.Records.RecordBatchBuilder(new Broker.Protocol.Records.RecordCodecs());
        builder.Begin(new Broker.Protocol.Records.RecordBatchOptions());
        builder.Append(1_700_000_000_000, (byte[]?)null, new byte[10]);
        Assert.Equal(Broker.Protocol.Messages.ErrorCode.None, log.AppendAsLeader(builder.Finish().ToArray(), 9, 1_700_000_000_000, 0).Error);
    }

    [Fact]
    public void GetOrCreate_SeveralDirectories_GoesToTheOneWithFewest()
    {
        using LogManager manager = Open("a", "b", "c");
        for (int i = 0; i < 9; i++)
        {
            manager.GetOrCreate(new TopicPartition("t", i), s_first);
        }
        Assert.All(manager.Directories, d => Assert.Equal(3, d.LogCount));
        manager.Delete(manager.Logs.First(l => l.ParentDirectory == _directory.At("b")).Partition);
        Assert.Equal(_directory.At("b"), manager.GetOrCreate(new TopicPartition("u", 0), s_first).ParentDirectory);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GetOrCreate_AfterATopicOfThatName_LeavesNothingOfItInTheCheckpoints(bool isKilledBetween)
    {
        var partition = new TopicPartition("t", 0);
        var other = new TopicPartition("u", 0);
        LogManager manager = Open("a");
        PartitionLog old = manager.GetOrCreate(partition, s_first);
        Append(manager.GetOrCreate(other, s_first));
        Append(old);
        Append(old);
        old.Flush();
        Assert.True(old.AdvanceHighWatermark(2));
        Assert.True(old.IncrementLogStartOffset(1, 2));
        manager.CheckpointRecoveryPoints();
        manager.CheckpointLogStartOffsets();
        manager.CheckpointHighWatermarks(p => p == partition ? 2 : 1);
        manager.Delete(partition);
        if (isKilledBetween)
        {
            manager.Dispose();
            manager = Open("a");
        }
        Append(manager.GetOrCreate(partition, s_second));
        manager.Dispose();

        using LogManager again = Open("a");

        PartitionLog found = again.Find(partition)!;
        Assert.Equal((0, 1), (found.LogStartOffset, found.LogEndOffset));
        LogDirectory directory = Assert.Single(again.Directories);
        Assert.Equal(1, Assert.Single(directory.HighWatermarks.Read(), e => e.Key == other).Value);
        Assert.All(
            new[] { directory.HighWatermarks, directory.RecoveryPoints, directory.LogStartOffsets },
            c => Assert.DoesNotContain(partition, c.Read().Keys));
    }

    [Fact]
    public void GetOrCreate_TopicOfAnotherId_TakesTheOldLogAway()
    {
        using (LogManager manager = Open("a"))
        {
            Append(manager.GetOrCreate(new TopicPartition("t", 0), s_first));
            manager.CloseCleanly(1, _ => null);
        }
        using LogManager again = Open("a");
        Assert.Equal(1, again.Find(new TopicPartition("t", 0))!.LogEndOffset);
        PartitionLog made = again.GetOrCreate(new TopicPartition("t", 0), s_second);
        Assert.Equal((0, s_second), (made.LogEndOffset, made.TopicId));
        _background.RunAll();
        Assert.Single(Directory.GetDirectories(_directory.At("a")));
        Assert.Contains("AAAAAAAAAAAAAAAAAAAAIg", File.ReadAllText(_directory.At("a", "t-0", "partition.metadata")), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_DamagedCheckpointsAndMetadata_StartsAndLosesNothing()
    {
        using (LogManager manager = Open("a"))
        {
            Append(manager.GetOrCreate(new TopicPartition("t", 0), s_first));
            manager.CheckpointRecoveryPoints();
            manager.CheckpointLogStartOffsets();
        }
        foreach (string name in new[] { LogFileNames.RecoveryPoints, LogFileNames.LogStartOffsets, LogFileNames.HighWatermarks, Path.Combine("t-0", LogFileNames.PartitionMetadata) })
        {
            File.WriteAllText(_directory.At("a", name), "garbage\n");
        }
        using LogManager again = Open("a");
        Assert.Equal(1, again.Find(new TopicPartition("t", 0))!.LogEndOffset);
        Assert.Equal(s_first, again.GetOrCreate(new TopicPartition("t", 0), s_first).TopicId);
        Assert.Contains(_logger.Lines, l => l.Contains("recovered from their start", StringComparison.Ordinal));
    }

    [Fact]
    public void Open_StrayAndDeletedDirectories_AreLeftAloneOrRemoved()
    {
        Directory.CreateDirectory(_directory.At("a", "lost+found"));
        Directory.CreateDirectory(_directory.At("a", "t-0.0123456789abcdef0123456789abcdef-delete"));
        File.WriteAllText(_directory.At("a", "t-0.0123456789abcdef0123456789abcdef-delete", "00000000000000000000.log"), "x");
        using LogManager manager = Open("a");
        _background.RunAll();
        Assert.Equal(0, manager.LogCount);
        Assert.Equal([_directory.At("a", "lost+found")], Directory.GetDirectories(_directory.At("a")));
    }

    [Fact]
    public void Open_PartitionInTwoDirectories_IsRefusedAndLetsGoOfBoth()
    {
        foreach (string name in new[] { "a", "b" })
        {
            using LogManager one = Open(name);
            one.GetOrCreate(new TopicPartition("t", 0), s_first);
        }
        LogDirectoryException e = Assert.Throws<LogDirectoryException>(() => Open("a", "b"));
        Assert.Contains("lies in two log directories", e.Message, StringComparison.Ordinal);
        Directory.Delete(_directory.At("b", "t-0"), recursive: true);
        using LogManager both = Open("a", "b");
        Assert.Equal(1, both.LogCount);
    }

    [Fact]
    public void Open_MissingDirectory_IsMade_AndAnothersIsRefused()
    {
        using (LogManager manager = Open("a", Path.Combine("deep", "down")))
        {
            Assert.True(Directory.Exists(_directory.At("deep", "down")));
        }
        File.WriteAllText(_directory.At("a", "meta.properties"), "version=0\nbroker.id=7\ncluster.id=abcdefghijklmnopqrstuv\n");
        LogDirectoryException e = Assert.Throws<LogDirectoryException>(() => Open("a", "b"));
        Assert.Contains("belongs to broker 7", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CloseCleanly_ThenOpen_RecoversNothing()
    {
        using (LogManager manager = Open("a", "b"))
        {
            for (int i = 0; i < 20; i++)
            {
                Append(manager.GetOrCreate(new TopicPartition("t", i), s_first));
            }
            manager.CloseCleanly(1, _ => 1);
        }
        using LogManager again = Open("a", "b");
        Assert.Equal(20, again.Logs.Count(l => l.LogEndOffset == 1 && l.RecoveryPoint == 1));
        Assert.Empty(_logger.Lines);
    }
}
