using Broker.Engine.Configuration;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Storage;
using Broker.Engine.Tests.Storage.Cleaning;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

/// <summary>A power failure takes names that were not synced, and brings old ones back: of what was synced, or must be gone, none.</summary>
public sealed class NameDurabilityTests
{
    private const int Seeds = 40;
    private readonly FaultingDisk _disk = new();

    private LogFixture Filled()
    {
        var fixture = new LogFixture(_disk, "/logs", LogFixture.NewConfig(segmentBytes: 4_000, indexIntervalBytes: 300));
        fixture.Open();
        Append(fixture, 0, 100);
        return fixture;
    }

    /// <summary>Batches of one producer.</summary>
    private static void Append(LogFixture fixture, int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            fixture.Append(fixture.Batch(1, 100, producerId: 5, sequence: i));
        }
        fixture.Background.RunAll();
    }

    private static void ForEachLoss(FaultingDisk disk, Action<FaultingDisk> check)
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            check(disk.LosePower(new Random(seed)));
        }
    }

    private static bool HasAny(FaultingDisk disk, string directory, Predicate<string> which) =>
        disk.FilesIn(directory).ToList().Exists(which);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Flush_NewSegment_IsThereAfterAPowerFailure(bool isClosed)
    {
        var fixture = new LogFixture(_disk, "/logs");
        fixture.Open();
        fixture.Append();
        fixture.Append();
        if (isClosed)
        {
            fixture.Log.Close();
        }
        else
        {
            fixture.Log.Flush();
        }
        ForEachLoss(_disk, disk =>
        {
            fixture.Disk = disk;
            Assert.Equal(2, fixture.Open(recoveryPoint: 2).LogEndOffset);
            Assert.Equal(2, fixture.Read().Count);
        });
    }

    [Fact]
    public void Roll_SegmentBelowTheRecoveryPoint_IsThereAfterAPowerFailure()
    {
        LogFixture fixture = Filled();
        long synced = fixture.Log.RecoveryPoint;
        Assert.Equal(fixture.Log.ActiveSegment.BaseOffset, synced);
        ForEachLoss(_disk, disk =>
        {
            fixture.Disk = disk;
            Assert.InRange(fixture.Open(recoveryPoint: synced).LogEndOffset, synced, 100);
            Assert.Equal(fixture.Log.LogEndOffset, fixture.Read().Count);
        });
    }

    [Fact]
    public void Truncation_SnapshotsOfWhatIsCutOff_DoNotComeBack()
    {
        LogFixture fixture = Filled();
        fixture.Log.TruncateTo(99);   // which leaves a snapshot there
        Append(fixture, 99, 100);
        _disk.SyncDirectory(fixture.Directory);
        Assert.True(HasAny(_disk, fixture.Directory, n => IsSnapshotBeyond(n, 98)));

        fixture.Log.TruncateTo(98);

        ForEachLoss(_disk, disk => Assert.False(HasAny(disk, fixture.Directory, n => IsSnapshotBeyond(n, 98))));
    }

    private static bool IsSnapshotBeyond(string name, long offset) =>
        LogFileNames.TryParseOffset(name, LogFileNames.SnapshotSuffix, out long at) && at > offset;

    [Fact]
    public void Truncation_OfEverything_BeginsAnewAfterAPowerFailureToo()
    {
        LogFixture fixture = Filled();
        fixture.Log.Flush();

        fixture.Log.TruncateFullyAndStartAt(500);

        ForEachLoss(_disk, disk =>
        {
            fixture.Disk = disk;
            fixture.Open();
            Assert.Equal((500, 500), (fixture.Log.LogStartOffset, fixture.Log.LogEndOffset));
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cleaning_SegmentIsInPlace_WhatItReplacesDoesNotComeBack(bool isByTheLoader)
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(("a", "1"), ("b", "1"));
        fixture.FillSegment();
        fixture.Append(("a", "2"), ("b", "2"));
        fixture.FillSegment();
        fixture.Log.Flush();
        fixture.Compact();
        if (isByTheLoader)
        {
            foreach (string name in _disk.FilesIn(fixture.Logs.Directory).Where(n => n.StartsWith("00000000000000000000.", StringComparison.Ordinal)))
            {
                string path = Path.Combine(fixture.Logs.Directory, name);
                if (!name.EndsWith(LogFileNames.DeletedSuffix, StringComparison.Ordinal))
                {
                    _disk.Rename(path, path + LogFileNames.SwapSuffix);
                }
            }
            _disk.SyncDirectory(fixture.Logs.Directory);
            fixture.Logs.Open(recoveryPoint: fixture.Log.LogEndOffset);
        }

        ForEachLoss(_disk, disk => Assert.False(HasAny(
            disk, fixture.Logs.Directory, n => n.EndsWith(LogFileNames.SwapSuffix, StringComparison.Ordinal))));
    }

    private static LogManager OpenManager(FaultingDisk disk)
    {
        var logs = new LogManager(
            new LogManagerOptions { BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = ["/logs"] }, disk,
            _ => LogFixture.NewConfig(), new MonotonicClock(new FakeTimeProvider()), new TestBackground(), new Random(1), new LineLogger());
        logs.Open();
        return logs;
    }

    [Fact]
    public void Flush_FilesThatAKilledProcessLeft_AreThereAfterAPowerFailure()
    {
        var topic = new Guid("00000000-0000-0000-0000-000000000011");
        byte[] batch = new LogFixture(_disk, "/other").Batch(1, timestampMs: 1);
        PartitionLog log = OpenManager(_disk).GetOrCreate(LogFixture.Partition, topic);
        Assert.Equal(ErrorCode.None, log.AppendAsLeader(batch, 9, 1, leaderEpoch: 0).Error);
        FaultingDisk killed = _disk.Crash();
        LogManager next = OpenManager(killed);
        next.Find(LogFixture.Partition)!.Flush();
        next.CheckpointRecoveryPoints();

        ForEachLoss(killed, disk =>
        {
            PartitionLog? found = OpenManager(disk).Find(LogFixture.Partition);
            Assert.Equal((1, topic), (found?.LogEndOffset, found?.TopicId));
        });
    }

    [Fact]
    public void Roll_EpochThatAKilledProcessLeft_HasItsStartAfterAPowerFailure()
    {
        var fixture = new LogFixture(_disk, "/logs", LogFixture.NewConfig(segmentBytes: 4_000));
        fixture.Open();
        fixture.Append();
        fixture.Log.Flush();
        fixture.Append(epoch: 1);
        fixture.Background.RunAll();
        FaultingDisk killed = _disk.Crash();
        fixture.Disk = killed;
        fixture.Open(recoveryPoint: 1);
        while (fixture.Log.Segments.Count == 1)
        {
            fixture.Append(1, 100, epoch: 1);
        }
        fixture.Background.RunAll();
        long synced = fixture.Log.RecoveryPoint;
        Assert.True(synced > 2);

        ForEachLoss(killed, disk =>
        {
            fixture.Disk = disk;
            Assert.Equal([new EpochEntry(0, 0), new EpochEntry(1, 1)], fixture.Open(recoveryPoint: synced).Epochs.Entries);
        });
    }

    [Fact]
    public void Open_NewLogDirectory_IsThereAfterAPowerFailure()
    {
        OpenManager(_disk);

        ForEachLoss(_disk, disk => Assert.True(disk.Exists("/logs/meta.properties")));
    }

    [Fact]
    public async Task Journal_OfANewDirectory_IsThereAfterAPowerFailure()
    {
        static EmbeddedStore Open(FaultingDisk disk) => new(disk, "/c", new MonotonicClock(new FakeTimeProvider()), NullLogger.Instance);
        ICoordinationSession session = await Open(_disk).OpenSessionAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        await session.CreateAsync("/a", new byte[] { 1 }, CreateMode.Persistent, TestContext.Current.CancellationToken);
        for (int seed = 0; seed < Seeds; seed++)
        {
            ICoordinationSession later = await Open(_disk.LosePower(new Random(seed)))
                .OpenSessionAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
            Assert.Equal(
                CoordinationError.None, (await later.ExistsAsync("/a", TestContext.Current.CancellationToken)).Error);
        }
    }
}
