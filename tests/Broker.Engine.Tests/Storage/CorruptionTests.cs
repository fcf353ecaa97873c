using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Timing;
using Broker.Protocol.Records;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

/// <summary>Damage that a start repairs, serves as it is, leaves alone or refuses: as Kafka does.</summary>
public sealed class CorruptionTests
{
    private const string Cluster = "abcdefghijklmnopqrstuv";
    private readonly FaultingDisk _disk = new();
    private readonly LogFixture _fixture;

    public CorruptionTests()
    {
        _fixture = new LogFixture(_disk, "/logs", LogFixture.NewConfig(segmentBytes: 4_000, indexIntervalBytes: 300));
        _fixture.Open();
        for (int i = 0; i < 100; i++)
        {
            _fixture.Append(1, 100, _fixture.NowMs + i);
        }
        _fixture.Background.RunAll();
    }

    private FaultingDisk Reopen(Action<FaultingDisk> damage, bool clean)
    {
        long recoveryPoint = _fixture.Log.RecoveryPoint;
        if (clean)
        {
            _fixture.Log.Close();
        }
        FaultingDisk disk = _disk.Crash();
        damage(disk);
        _fixture.Disk = disk;
        _fixture.Open(clean, recoveryPoint);
        return disk;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void BitFlip_BeforeTheRecoveryPoint_IsServedForTheClientsCrcToTell(bool clean)
    {
        string path = _fixture.File(0, ".log");
        int size = _fixture.Log.Measure(0, 1, 100);
        FaultingDisk disk = Reopen(
            d =>
            {
                byte[] bytes = d[path];
                bytes[(size * 5) + 80] ^= 1;
                d[path] = bytes;
            },
            clean);
        Assert.Equal(100, _fixture.Log.LogEndOffset);
        byte[] read = _fixture.Log.Copy(5, 1, 100)!;
        Assert.Equal(disk[path].AsSpan(size * 5, size).ToArray(), read);
        Assert.False(new RecordBatchView(read).IsCrcValid());
        Assert.True(new RecordBatchView(_fixture.Log.Copy(6, 1, 100)!).IsCrcValid());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void BitFlip_InASegmentWhoseIndexIsLostToo_CostsOnlyThatSegmentsRest(bool clean)
    {
        long second = _fixture.Log.Segments[1].BaseOffset;
        Assert.True(_fixture.Log.Segments.Count > 3);
        Reopen(
            d =>
            {
                byte[] bytes = d[_fixture.File(0, ".log")];
                bytes[(bytes.Length / 2) + 80] ^= 1;
                d[_fixture.File(0, ".log")] = bytes;
                d.Delete(_fixture.File(0, ".index"));
            },
            clean);
        Assert.Equal(100, _fixture.Log.LogEndOffset);
        List<(long Base, long Last)> left = _fixture.Read(0);
        Assert.Equal(Enumerable.Range((int)second, 100 - (int)second).Select(i => (long)i), left.Select(b => b.Base).Where(b => b >= second));
        Assert.InRange(left.Count(b => b.Base < second), 1, (int)second - 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TimeIndex_EmptyOrMissing_LookupsByTimeStayRight(bool clean)
    {
        FaultingDisk disk = Reopen(
            d =>
            {
                d[_fixture.File(0, ".timeindex")] = [];
                d.Delete(_fixture.File(_fixture.Log.Segments[1].BaseOffset, ".timeindex"));
            },
            clean);
        Assert.Equal(100, _fixture.Read().Count);
        for (int i = 0; i < 100; i += 7)
        {
            Assert.Equal(i, _fixture.Log.FindByTimestamp(_fixture.NowMs + i)!.Value.Offset);
        }
        Assert.True(disk.Exists(_fixture.File(0, ".timeindex")));
    }

    [Theory]
    [InlineData("position")]
    [InlineData("offset")]
    [InlineData("swapped")]
    public void OffsetIndex_WrongEntriesBelowTheRecoveryPoint_ReadsStayRight(string what)
    {
        Reopen(
            d =>
            {
                byte[] index = d[_fixture.File(0, ".index")];
                for (int at = 0; at + 16 < index.Length; at += 8)
                {
                    switch (what)
                    {
                        case "position":
                            index[at + 7] ^= 0x15;
                            break;
                        case "offset":
                            index[at + 3] ^= 0x03;
                            break;
                        default:
                            index.AsSpan(at, 4).Reverse();
                            break;
                    }
                }
                d[_fixture.File(0, ".index")] = index;
            },
            clean: false);
        for (int offset = 0; offset < 100; offset++)
        {
            Assert.Equal(offset, _fixture.Read(offset)[0].Base);
        }
    }

    [Fact]
    public void IndexLongerThanTheLog_IsRebuilt()
    {
        string log = _fixture.File(_fixture.Log.ActiveSegment.BaseOffset, ".log");
        int half = _fixture.Log.Measure(0, 1, 100) * 2;
        _fixture.Log.Close();
        FaultingDisk disk = _disk.Crash();
        disk[log] = disk[log][..half];
        _fixture.Disk = disk;
        _fixture.Open(clean: true);
        Assert.Equal(_fixture.Log.LogEndOffset, _fixture.Read().Count);
        _fixture.CheckIndexes();
        Assert.Contains(_fixture.Logger.Lines, l => l.Contains("are rebuilt", StringComparison.Ordinal));
    }

    [Fact]
    public void UnknownFiles_AndASecondFileOfTheSameBaseOffset_AreLeftInPlace()
    {
        FaultingDisk disk = Reopen(
            d =>
            {
                d[Path.Combine(_fixture.Directory, "notes.txt")] = [1];
                d[Path.Combine(_fixture.Directory, "0.log")] = [1];
                d[Path.Combine(_fixture.Directory, "remote_log_snapshot")] = [1];
            },
            clean: false);
        Assert.Equal(100, _fixture.Read().Count);
        Assert.True(disk.Exists(Path.Combine(_fixture.Directory, "notes.txt")));
        Assert.True(disk.Exists(Path.Combine(_fixture.Directory, "0.log")));
    }

    [Theory]
    [InlineData("version=0\nbroker.id=0\ncluster.id=abcdefghijklmnopqrstuv\n", null)]
    [InlineData("#Sat\nversion=1\nnode.id=0\ncluster.id=abcdefghijklmnopqrstuv\ndirectory.id=AAAAAAAAAAAAAAAAAAAAIg\n", null)]
    [InlineData("version=0\nbroker.id=7\ncluster.id=abcdefghijklmnopqrstuv\n", "belongs to broker 7")]
    [InlineData("version=1\nnode.id=7\ncluster.id=abcdefghijklmnopqrstuv\n", "belongs to broker 7")]
    [InlineData("version=1\nnode.id=0\ncluster.id=ZZZZZZZZZZZZZZZZZZZZZZ\n", "belongs to cluster ZZZZ")]
    [InlineData("version=2\nnode.id=0\ncluster.id=abcdefghijklmnopqrstuv\n", "version")]
    [InlineData("version=1\nnode.id=zero\n", "is not a number")]
    [InlineData("garbage", "version")]
    public void MetaProperties_OfAnother_AreRefusedInOneLine(string text, string? refusal)
    {
        var disk = new FaultingDisk();
        disk["/one/meta.properties"] = System.Text.Encoding.UTF8.GetBytes(text);
        if (refusal is null)
        {
            using LogManager opened = Open(disk);
            Assert.Equal(text.Contains("directory.id", StringComparison.Ordinal), opened.Directories[0].Id.ToString().EndsWith("22", StringComparison.Ordinal));
            Assert.NotNull(MetaProperties.Read(disk, "/one")!.DirectoryId);
            return;
        }
        LogDirectoryException e = Assert.Throws<LogDirectoryException>(() => Open(disk));
        Assert.Contains(refusal, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void KRaftMetadataAndStrayDirectories_AreLeftAlone()
    {
        var disk = new FaultingDisk();
        foreach (string name in new[] { "__cluster_metadata-0", "lost+found", "t-0.0123456789abcdef0123456789abcdef-stray" })
        {
            disk.CreateDirectory("/one/" + name);
            disk[$"/one/{name}/00000000000000000000.log"] = [1, 2, 3];
        }
        disk["/one/bootstrap.checkpoint"] = [1];
        using LogManager manager = Open(disk);
        Assert.Equal(0, manager.LogCount);
        Assert.Equal([1, 2, 3], disk["/one/__cluster_metadata-0/00000000000000000000.log"]);
        Assert.Equal([1, 2, 3], disk["/one/t-0.0123456789abcdef0123456789abcdef-stray/00000000000000000000.log"]);
        Assert.True(disk.Exists("/one/bootstrap.checkpoint"));
    }

    private LogManager Open(FaultingDisk disk)
    {
        var manager = new LogManager(
            new LogManagerOptions { BrokerId = 0, ClusterId = Cluster, Directories = ["/one"] }, disk, _ => LogConfig.Default,
            new MonotonicClock(new FakeTimeProvider()), _fixture.Background, new Random(1), _fixture.Logger);
        manager.Open();
        return manager;
    }
}
