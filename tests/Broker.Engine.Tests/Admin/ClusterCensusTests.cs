using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted.Replicas;
using Broker.Engine.Metadata;
using Microsoft.Extensions.Time.Testing;
using static Broker.Engine.Tests.Admin.ImageSketch;

namespace Broker.Engine.Tests.Admin;

/// <summary>What is counted, and when it is counted anew.</summary>
public sealed class ClusterCensusTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Of_APicture_CountsEachKindOfTrouble()
    {
        MetadataImage image = Image(
            [0, 1, 2],
            ("a", [Partition(0, [0, 1, 2], [0, 1, 2]), Partition(1, [1, 2], [0, 1, 2]), Partition(2, [2], [2, 0, 1])]),
            ("b", [Partition(-1, [1], [1])]));
        Census census = new ClusterCensus(_time, topic => topic == "a" ? 2 : 1).Of(image);
        Counts counts = census.Counts;
        Assert.Equal(
            (4, 10, 1, 2, 1, 2, 2),
            (counts.Partitions, counts.Replicas, counts.Offline, counts.UnderReplicated, counts.UnderMinIsr, counts.AtMinIsr, counts.NotPreferred));
        Assert.Equal([("a", 1), ("a", 2), ("b", 0)], census.Partitions.Where(p => p.Is(PartitionFilter.Wrong)).Select(p => (p.Topic, p.Partition)));
        Assert.Equal(new BrokerShare(0, IsAlive: true, 3, 1, 2, 1, 2, IsSkewed: false, IsLeaderSkewed: false), census.Share(0));
    }

    [Fact]
    public void Of_TheSamePicture_CountsAgainAfterASecondOnly()
    {
        int asked = 0;
        var all = new ClusterCensus(_time, _ => Interlocked.Increment(ref asked));
        MetadataImage image = Image([0], ("a", [Partition(0, [0], [0])]));
        Census first = all.Of(image);
        Assert.Same(first, all.Of(image));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotSame(first, all.Of(image));
        Assert.Equal(2, asked);
        all.Of(Image([0], ("a", [Partition(0, [0], [0])])));
        Assert.Equal(3, asked);
    }
}
