using Broker.Engine.Storage;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;

namespace Broker.Engine.Tests.Storage;

public sealed class CheckpointTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly Random _random = new(5);

    public void Dispose() => _directory.Dispose();

    private LogDirectory Open(int broker = 1, string cluster = "abcdefghijklmnopqrstuv") =>
        LogDirectory.Open(PhysicalDisk.Instance, _directory.At("logs"), broker, cluster, _random);

    [Fact]
    public void OffsetCheckpoint_WrittenAndRead_HasKafkasText()
    {
        var checkpoint = new OffsetCheckpoint(PhysicalDisk.Instance, _directory.At("offsets"));
        checkpoint.Write([KeyValuePair.Create(new TopicPartition("a-b", 3), 42L), KeyValuePair.Create(new TopicPartition("c", 0), 0L)], sync: true);
        Assert.Equal("0\n2\na-b 3 42\nc 0 0\n", File.ReadAllText(checkpoint.FilePath));
        Assert.Equal(42, checkpoint.Read()[new TopicPartition("a-b", 3)]);
        Assert.False(File.Exists(checkpoint.FilePath + ".tmp"));
    }

    [Theory]
    [InlineData("7\n0\n", "line 1")]
    [InlineData("0\nmany\n", "line 2")]
    [InlineData("0\n2\na 0 1\n", "line 4")]
    [InlineData("0\n1\na zero 1\n", "line 3")]
    [InlineData("0\n1\na 0 12", "line 3")]
    public void OffsetCheckpoint_Garbage_NamesTheLine(string text, string where)
    {
        File.WriteAllText(_directory.At("offsets"), text);
        InvalidDataException e = Assert.Throws<InvalidDataException>(
            () => new OffsetCheckpoint(PhysicalDisk.Instance, _directory.At("offsets")).Read());
        Assert.Contains(where, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LogDirectory_OpenedTwice_SaysWhoHasIt()
    {
        using LogDirectory first = Open();
        LogDirectoryException e = Assert.Throws<LogDirectoryException>(() => Open());
        Assert.Contains("in use by another process", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LogDirectory_OfAnotherClusterOrBroker_IsRefused()
    {
        Guid id;
        using (LogDirectory made = Open())
        {
            id = made.Id;
        }
        Assert.Contains("belongs to cluster", Assert.Throws<LogDirectoryException>(() => Open(cluster: "zzzzzzzzzzzzzzzzzzzzzz")).Message, StringComparison.Ordinal);
        Assert.Contains("belongs to broker 1", Assert.Throws<LogDirectoryException>(() => Open(broker: 2)).Message, StringComparison.Ordinal);
        using LogDirectory again = Open();
        Assert.Equal(id, again.Id);
    }

    [Fact]
    public void LogDirectory_CleanMark_IsThereOnceOnly()
    {
        using (LogDirectory made = Open())
        {
            Assert.False(made.WasClean);
            made.MarkClean(77);
            Assert.Equal("{\"version\":0,\"brokerEpoch\":77}", File.ReadAllText(_directory.At("logs", ".kafka_cleanshutdown")));
        }
        using (LogDirectory clean = Open())
        {
            Assert.True(clean.WasClean);
        }
        using LogDirectory unclean = Open();
        Assert.False(unclean.WasClean);
    }

    [Fact]
    public void LogDirectory_NotWritable_IsOfflineAndSaysWhy()
    {
        File.WriteAllText(_directory.At("file"), "");
        using LogDirectory failed = LogDirectory.Open(PhysicalDisk.Instance, _directory.At("file", "logs"), 0, "c", _random);
        Assert.False(failed.IsOnline);
        Assert.Contains("cannot be written", failed.OfflineReason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failed.OfflineReason!);
    }

    [Theory]
    [InlineData("t-0", "t", 0)]
    [InlineData("a-b-12", "a-b", 12)]
    public void DirectoryNames_OfPartitions_AreParsed(string name, string topic, int partition)
    {
        Assert.True(LogFileNames.TryParsePartition(name, out TopicPartition parsed));
        Assert.Equal(new TopicPartition(topic, partition), parsed);
    }

    [Fact]
    public void DeletedDirectory_LongTopic_StaysWithinTheLimit()
    {
        var partition = new TopicPartition(new string('x', 249), 12);
        string name = LogFileNames.DeletedDirectory(partition, Guid.NewGuid());
        Assert.InRange(name.Length, 1, 255);
        Assert.EndsWith("-delete", name, StringComparison.Ordinal);
    }

    [Fact]
    public void Uuid_Text_IsKafkas()
    {
        Assert.True(Uuids.TryParse("AAAAAAAAAAAAAAAAAAAAAQ", out Guid one));
        Assert.Equal(new Guid("00000000-0000-0000-0000-000000000001"), one);
        for (int i = 0; i < 1_000; i++)
        {
            Guid id = Uuids.New(_random);
            string text = Uuids.Format(id);
            Assert.Equal(22, text.Length);
            Assert.False(text.StartsWith('-'));
            Assert.True(Uuids.TryParse(text, out Guid back));
            Assert.Equal(id, back);
        }
        Assert.False(Uuids.TryParse("short", out _));
    }
}
