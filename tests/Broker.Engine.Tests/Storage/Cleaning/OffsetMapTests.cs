using Broker.Engine.Storage.Cleaning;

namespace Broker.Engine.Tests.Storage.Cleaning;

public sealed class OffsetMapTests
{
    [Fact]
    public void Put_ManyKeys_GivesTheLastOffsetOfEach()
    {
        var map = new OffsetMap(OffsetMap.SlotsOf(24 * 2_000), new Random(3));
        for (int i = 0; i < 3_600; i++)
        {
            map.Put(BitConverter.GetBytes(i % 1_800), i);
        }

        Assert.Equal((2_000, 1_800, 3_599L), (map.Slots, map.Count, map.LatestOffset));
        for (int i = 0; i < 1_800; i++)
        {
            Assert.Equal(i + 1_800, map.Get(BitConverter.GetBytes(i)));
        }
        Assert.Equal(-1, map.Get("absent"u8));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Get_InTheLeastMap_Ends(long bytes)
    {
        var map = new OffsetMap(OffsetMap.SlotsOf(bytes), new Random(3));
        map.Put("there"u8, 7);
        Assert.Equal((7, -1), (map.Get("there"u8), map.Get("absent"u8)));
    }

    [Fact]
    public void Put_KeysOfEveryLength_AreToldApart()
    {
        var map = new OffsetMap(100, new Random(3));
        for (int length = 0; length < 40; length++)
        {
            map.Put(new byte[length], length);
        }
        for (int length = 0; length < 40; length++)
        {
            Assert.Equal(length, map.Get(new byte[length]));
        }
    }
}
