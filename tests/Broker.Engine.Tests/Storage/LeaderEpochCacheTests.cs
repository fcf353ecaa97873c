using Broker.Engine.Storage;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Tests.Storage;

public sealed class LeaderEpochCacheTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private LeaderEpochCache Load() => LeaderEpochCache.Load(PhysicalDisk.Instance, _directory.Root, out _);

    private LeaderEpochCache With(params (int Epoch, long Start)[] entries)
    {
        LeaderEpochCache cache = Load();
        foreach ((int epoch, long start) in entries)
        {
            cache.Assign(epoch, start);
        }
        return cache;
    }

    [Theory]
    [InlineData(-1, -1, -1)]   // undefined
    [InlineData(9, -1, -1)]    // greater than any known
    [InlineData(7, 7, 100)]    // the latest: the log's end
    [InlineData(1, 1, 10)]     // below the first: the first's start
    [InlineData(2, 2, 20)]     // known: the next one's start
    [InlineData(3, 2, 20)]     // between two: the floor's
    [InlineData(5, 4, 30)]
    public void Trap42_EndOffsetFor_FollowsKafka(int requested, int epoch, long end)
    {
        LeaderEpochCache cache = With((2, 10), (4, 20), (7, 30));
        Assert.Equal((epoch, end), cache.EndOffsetFor(requested, 100));
    }

    [Fact]
    public void Assign_ThenLoad_CheckpointHasKafkasText()
    {
        LeaderEpochCache cache = With((0, 0));
        cache.WriteIfChanged(logEndOffset: 0);
        Assert.False(File.Exists(_directory.At("leader-epoch-checkpoint")), "the epoch has no batch yet");
        cache.Assign(3, 17);
        cache.WriteIfChanged(logEndOffset: 18);
        Assert.Equal("0\n2\n0 0\n3 17\n", File.ReadAllText(_directory.At("leader-epoch-checkpoint")));
        Assert.Equal([new EpochEntry(0, 0), new EpochEntry(3, 17)], Load().Entries);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Write_NextEpochBeginsBeforeThisOneIsWritten_KeepsTheOneThatHasBatches(bool sync)
    {
        LeaderEpochCache cache = With((0, 0));
        cache.WriteIfChanged(logEndOffset: 27);
        cache.Assign(1, 27);
        cache.Assign(2, 29);
        if (sync)
        {
            cache.Sync(logEndOffset: 29);
        }
        else
        {
            cache.WriteIfChanged(logEndOffset: 29);
        }
        Assert.Equal([new EpochEntry(0, 0), new EpochEntry(1, 27)], Load().Entries.Take(2));
    }

    [Fact]
    public void Assign_KnownEpoch_KeepsItsStart()
    {
        LeaderEpochCache cache = With((1, 5));
        cache.Assign(1, 50);
        Assert.Equal([new EpochEntry(1, 5)], cache.Entries);
    }

    [Fact]
    public void Assign_NewEpochAtTheSameStart_ReplacesTheEmptyOne()
    {
        LeaderEpochCache cache = With((1, 5), (2, 9));
        cache.Assign(3, 9);
        Assert.Equal([new EpochEntry(1, 5), new EpochEntry(3, 9)], cache.Entries);
    }

    [Fact]
    public void Truncate_BothEnds_KeepsWhatOverlaps()
    {
        LeaderEpochCache cache = With((1, 0), (2, 10), (3, 20));
        cache.TruncateFromEnd(20);
        Assert.Equal([new EpochEntry(1, 0), new EpochEntry(2, 10)], cache.Entries);
        cache.TruncateFromStart(15);
        Assert.Equal([new EpochEntry(2, 15)], cache.Entries);
        Assert.Equal((2, -1), (cache.EpochFor(16), cache.EpochFor(14)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("1\n0\n")]
    [InlineData("0\nx\n")]
    [InlineData("0\n2\n0 0\n")]
    [InlineData("0\n2\n5 0\n4 10\n")]
    [InlineData("0\n1\n0 0 0\n")]
    [InlineData("0\n2\n0 0\n1 11")]
    public void Load_Garbage_IsReportedAndEmpty(string text)
    {
        File.WriteAllText(_directory.At("leader-epoch-checkpoint"), text);
        LeaderEpochCache cache = LeaderEpochCache.Load(PhysicalDisk.Instance, _directory.Root, out bool damaged);
        Assert.True(damaged);
        Assert.Empty(cache.Entries);
    }
}
