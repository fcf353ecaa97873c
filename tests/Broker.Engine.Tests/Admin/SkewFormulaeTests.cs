using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted.Replicas;
using Broker.Engine.Metadata;
using static Broker.Engine.Tests.Admin.ImageSketch;

namespace Broker.Engine.Tests.Admin;

/// <summary>CMAK's figures, by the values that its own formulae give.</summary>
public sealed class SkewFormulaeTests
{
    private static readonly PartitionImage[] s_uneven =
    [
        Partition(1, [1, 2], [1, 2]), Partition(1, [1, 2], [1, 2]), Partition(1, [1, 3], [1, 3]), Partition(2, [2, 3], [2, 3]),
        Partition(1, [1], [3, 1]), Partition(1, [1, 2], [2, 1]),
    ];

    [Fact]
    public void Of_AnUnevenTopic_IsWhatCmakShows() =>
        Assert.Equal(new SkewView(BrokersSkew: 33, LeaderSkew: 33, Spread: 75, Preferred: 66, UnderReplicated: 16), SkewFormulae.Of(s_uneven, 4));

    [Fact]
    public void Of_AnEvenTopic_IsNotSkewed() => Assert.Equal(
        new SkewView(0, 0, 100, 100, 0),
        SkewFormulae.Of([Partition(0, [0, 1, 2], [0, 1, 2]), Partition(1, [1, 2, 0], [1, 2, 0]), Partition(2, [2, 0, 1], [2, 0, 1])], 3));

    [Fact]
    public void Of_NothingAtAll_IsNotSkewed() => Assert.Equal(new SkewView(0, 0, 100, 100, 0), SkewFormulae.Of([], 0));

    [Fact]
    public void IsSkewed_OfABroker_ComparesItWithItsShare()
    {
        var skew = new SkewFormulae();
        Array.ForEach(s_uneven, p => skew.Add(p.Leader, p.InSyncReplicas.AsSpan(), p.Replicas.AsSpan()));
        Assert.Equal([true, false, false, false], new[] { 1, 2, 3, 9 }.Select(skew.IsSkewed));
        Assert.Equal([true, false, false, false], new[] { 1, 2, 3, 9 }.Select(skew.IsLeaderSkewed));
    }
}
