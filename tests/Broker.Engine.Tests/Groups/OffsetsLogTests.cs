using System.Text;
using Broker.Engine.Groups;
using Broker.Engine.Replication;

namespace Broker.Engine.Tests.Groups;

/// <summary>The bytes in <c>__consumer_offsets</c>.</summary>
public sealed class OffsetsLogTests
{
    private static readonly TopicPartition s_partition = new("t", 5);

    private static byte[] Hex(string bytes) => Convert.FromHexString(bytes.Replace(" ", "", StringComparison.Ordinal));

    [Fact]
    public void Trap54_KeysAndValues_HaveTypeAndVersionBeforeThem()
    {
        Assert.Equal(Hex("0001 000167 000174 00000005"), OffsetsLog.OffsetKey("g", s_partition));
        Assert.Equal(Hex("0002 000167"), OffsetsLog.GroupKey("g"));
        Assert.Equal(
            Hex("0003 0000000000000102 00000007 00026d64 0000000000000304"),
            OffsetsLog.OffsetValue(new CommittedOffset(0x102, 7, "md", 0x304, Guid.Empty)));
        Assert.Equal(
            Hex("0001 0000000000000102 00026d64 0000000000000304 0000000000000506"),
            OffsetsLog.OffsetValue(new CommittedOffset(0x102, 7, "md", 0x304, Guid.Empty, ExpireMs: 0x506)));
    }

    /// <summary>What other Kafkas wrote: version 4 with a topic id in a tag, the legacy key type, records of newer kinds of groups, and bytes
    /// that are none of these. None of it keeps a coordinator from what it can read.</summary>
    [Fact]
    public void Trap54_RecordsOfOthers_AreReadOrPassedOver()
    {
        using var fixture = new GroupFixture();
        Partition partition = fixture.Replicas.Partitions.Find(new TopicPartition(InternalTopics.ConsumerOffsets, 0))!;
        OffsetsLog.Entry[] entries =
        [
            new(OffsetsLog.OffsetKey("g", s_partition), Hex("0004 0000000000000102 00000007 036d64 0000000000000304 01 00 10 000102030405060708090a0b0c0d0e0f")),
            new(Hex("0000 000167 000175 00000001"), Hex("0000 0000000000000009 0000 0000000000000001")),
            new(Hex("0001 000168 000174 00000005"), Hex("0003 0000000000000001 00000007 0000 0000000000000304")),
            new(Hex("0001 000168 000174 00000005"), null),
            new(Hex("0003 000167"), Hex("0000 00000001 00")),
            new(Hex("0001 000167"), Hex("0003")),
            new(Hex("0001 000169 000174 00000005"), Hex("00")),
            new(Hex("0001 000169 000174 00000005"), Hex("7000 00")),
            new(Hex("00"), []),
            new(Encoding.UTF8.GetBytes("nothing of ours"), null),
        ];
        foreach (OffsetsLog.Entry entry in entries)
        {
            OffsetsLog.Append(partition, [entry], 1_000);
        }
        var loader = new GroupLoader();
        loader.Read(partition.Log);
        Assert.Equal(0x102, loader.Offsets["g"][s_partition].Offset);
        Assert.Equal("md", loader.Offsets["g"][s_partition].Metadata);
        Assert.Equal(new Guid(Hex("000102030405060708090a0b0c0d0e0f"), bigEndian: true), loader.Offsets["g"][s_partition].TopicId);
        Assert.Equal(9, loader.Offsets["g"][new TopicPartition("u", 1)].Offset);
        Assert.Empty(loader.Offsets["h"]);
        Assert.Equal(6, loader.Unknown);
    }
}
