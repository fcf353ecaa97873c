using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Index;

namespace Broker.Engine.Tests.Storage;

public sealed class IndexTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private DiskFile Open(string name) => PhysicalDisk.Instance.Open(_directory.At(name));

    private OffsetIndex Offsets(int count = 0) => new(Open("0.index"), 1_000, count);

    private TimeIndex Times(int count = 0) => new(Open("0.timeindex"), 1_000, count);

    [Fact]
    public void OffsetLookup_EveryOffset_GivesTheFloorEntry()
    {
        using OffsetIndex index = Offsets();
        for (int i = 1; i <= 500; i++)
        {
            index.Append(1_000 + (i * 10), i * 4_096);
        }
        Assert.Equal(0, index.Lookup(1_000));
        Assert.Equal(0, index.Lookup(1_009));
        for (int i = 1; i <= 500; i++)
        {
            Assert.Equal(i * 4_096, index.Lookup(1_000 + (i * 10)));
            Assert.Equal(i * 4_096, index.Lookup(1_009 + (i * 10)));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(64)]
    [InlineData(299)]
    [InlineData(300)]
    public void OffsetLookup_EntriesInFileAndInMemory_GivesTheFloorEntry(int sealedEntries)
    {
        using OffsetIndex index = Offsets();
        for (int i = 1; i <= 300; i++)
        {
            if (i == sealedEntries + 1)
            {
                index.Seal();
            }
            index.Append(1_000 + (i * 10), i);
        }
        for (int i = 0; i <= 300; i++)
        {
            Assert.Equal(i, index.Lookup(1_000 + (i * 10), out long entry));
            Assert.Equal(i == 0 ? -1 : 1_000 + (i * 10), entry);
            Assert.Equal(i, index.Lookup(1_009 + (i * 10)));
        }
    }

    [Fact]
    public void OffsetIndex_File_HasKafkasBytes()
    {
        using (OffsetIndex index = Offsets())
        {
            index.Append(1_007, 0x01020304);
            index.Write();
        }
        Assert.Equal([0, 0, 0, 7, 1, 2, 3, 4], File.ReadAllBytes(_directory.At("0.index")));
    }

    [Fact]
    public void Seal_ThenReopen_EntriesComeFromTheFile()
    {
        using (OffsetIndex index = Offsets())
        {
            for (int i = 0; i < 100; i++)
            {
                index.Append(1_001 + i, i);
            }
            index.Write();
            index.Append(2_000, 777);
            index.Seal();
            Assert.Equal(101, index.Count);
            Assert.Equal((1_050, 49), index.Entry(49));
            Assert.Equal((2_000, 777), index.Entry(100));
        }
        using OffsetIndex reopened = Offsets(101);
        Assert.Equal(777, reopened.Lookup(5_000));
        Assert.Equal((1_001, 0), reopened.Entry(0));
    }

    [Fact]
    public void Append_AfterSeal_TakesEntriesAgain()
    {
        using OffsetIndex index = Offsets();
        index.Append(1_010, 10);
        index.Seal();
        index.Append(1_020, 20);
        Assert.Equal(10, index.Lookup(1_015));
        Assert.Equal(20, index.Lookup(1_025));
        index.Write();
        Assert.Equal(16, new FileInfo(_directory.At("0.index")).Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TruncateTo_MiddleOffset_DropsWhatPointsBeyond(bool written)
    {
        using OffsetIndex index = Offsets();
        for (int i = 1; i <= 10; i++)
        {
            index.Append(1_000 + (i * 10), i);
        }
        if (written)
        {
            index.Write();
        }
        index.TruncateTo(1_050);
        Assert.Equal(4, index.Count);
        index.Append(1_060, 60);
        index.Write();
        Assert.Equal((1_060, 60), index.Entry(4));
        Assert.Equal(5 * 8, new FileInfo(_directory.At("0.index")).Length);
    }

    [Fact]
    public void TimeIndex_MaybeAppendBeforeAnyTimestamp_AppendsNothing()
    {
        using TimeIndex index = Times();
        index.MaybeAppend(-1, -1);
        Assert.Equal(0, index.Count);
    }

    [Fact]
    public void TimeIndex_MaybeAppend_KeepsBothColumnsRising()
    {
        using TimeIndex index = Times();
        index.MaybeAppend(100, 1_005);
        index.MaybeAppend(100, 1_006);
        index.MaybeAppend(90, 1_007);
        index.MaybeAppend(120, 1_005);
        index.MaybeAppend(130, 1_009);
        Assert.Equal(2, index.Count);
        Assert.Equal((100, 1_005), index.Lookup(129));
        Assert.Equal((130, 1_009), index.Lookup(130));
        Assert.Equal((-1, 1_000), index.Lookup(99));
    }

    [Fact]
    public async Task Readers_WhileTheWriterAppendsAndSeals_SeeOnlyWhatWasWritten()
    {
        using OffsetIndex index = Offsets();
        index.Append(1_001, 1);
        using var stop = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                int count = index.Count;
                (long offset, int position) = index.Entry(count - 1);
                Assert.Equal((1_000 + count, count), (offset, position));
                Assert.Equal((1_001, 1), index.Entry(0));
            }
        }))];
        for (int i = 2; i <= 20_000; i++)
        {
            index.Append(1_000 + i, i);
            if (i % 1_000 == 0)
            {
                index.Write();
            }
        }
        index.Seal();
        await stop.CancelAsync();
        await Task.WhenAll(readers);
    }
}
