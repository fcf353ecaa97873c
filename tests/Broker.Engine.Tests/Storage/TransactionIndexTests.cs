using Broker.Engine.Storage.Index;

namespace Broker.Engine.Tests.Storage;

public sealed class TransactionIndexTests
{
    private const string Path = "/t-0/00000000000000000100.txnindex";
    private readonly FaultingDisk _disk = new();

    private TransactionIndex Open() => new(_disk, "/t-0", 100);

    [Fact]
    public void Append_IsKafkasFormat_AndReadBack()
    {
        TransactionIndex index = Open();
        Assert.False(_disk.Exists(Path));
        AbortedTransaction[] entries = [new(7, 100, 120, 105), new(8, 90, 130, 131)];
        foreach (AbortedTransaction entry in entries)
        {
            index.Append(entry);
        }
        Assert.Equal(
            "0000" + "0000000000000007" + "0000000000000064" + "0000000000000078" + "0000000000000069",
            Convert.ToHexString(_disk[Path].AsSpan(0, TransactionIndex.EntryBytes)));
        Assert.Equal(entries, Open().Entries);
        Assert.True(Open().IsSane());
        index.TruncateTo(130);
        Assert.Equal(entries[..1], Open().Entries);
        index.Reset();
        Assert.False(_disk.Exists(Path));
    }

    [Theory]
    [InlineData("odd length")]
    [InlineData("version")]
    [InlineData("before the segment")]
    [InlineData("order")]
    public void IsSane_Damaged_SaysNo(string damage)
    {
        TransactionIndex index = Open();
        index.Append(new AbortedTransaction(7, 100, 120, 105));
        index.Append(new AbortedTransaction(8, 90, 130, 131));
        byte[] bytes = _disk[Path];
        switch (damage)
        {
            case "odd length":
                bytes = bytes[..^1];
                break;
            case "version":
                bytes[1] = 1;
                break;
            case "before the segment":
                bytes[25] = 99;
                break;
            default:
                bytes = [.. bytes[34..], .. bytes[..34]];
                break;
        }
        _disk[Path] = bytes;
        Assert.False(Open().IsSane());
    }

    [Fact]
    public void Collect_Range_StopsWhereAllIsStable()
    {
        TransactionIndex index = Open();
        index.Append(new AbortedTransaction(7, 100, 120, 105));
        index.Append(new AbortedTransaction(8, 90, 130, 131));
        List<AbortedTransaction> found = [];
        Assert.False(index.Collect(125, 200, found));
        Assert.Equal([8], found.Select(f => f.ProducerId));
        found.Clear();
        Assert.True(index.Collect(100, 103, found));
        Assert.Equal([7], found.Select(f => f.ProducerId));
    }

    [Fact]
    public void Rename_FollowsTheSegment()
    {
        TransactionIndex index = Open();
        index.Append(new AbortedTransaction(7, 100, 120, 105));
        index.Rename(".deleted");
        Assert.True(_disk.Exists(Path + ".deleted"));
        Assert.Equal(Path + ".deleted", index.Path);
    }
}
