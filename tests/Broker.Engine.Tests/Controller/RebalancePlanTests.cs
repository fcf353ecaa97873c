using System.Collections.Immutable;
using Broker.Engine.Controller;

namespace Broker.Engine.Tests.Controller;

/// <summary>How replicas would lie evenly.</summary>
public sealed class RebalancePlanTests
{
    [Fact]
    public void Spread_EvenAlready_MovesNothing()
    {
        List<ImmutableArray<int>> even = [[1, 2], [2, 3], [3, 1]];

        Assert.Equal(even, RebalancePlan.Spread(even, Brokers(1, 2, 3)));
    }

    [Fact]
    public void Spread_NewBroker_TakesItsShareAndNoMore()
    {
        List<ImmutableArray<int>> before = [.. Enumerable.Range(0, 12).Select(i => ImmutableArray.Create(1 + i % 3, 1 + (i + 1) % 3))];

        List<ImmutableArray<int>> after = RebalancePlan.Spread(before, Brokers(1, 2, 3, 4));

        Assert.All(Brokers(1, 2, 3, 4).Keys, b => Assert.Equal(6, after.Sum(p => p.Count(r => r == b))));
        Assert.All(Brokers(1, 2, 3, 4).Keys, b => Assert.Equal(3, after.Count(p => p[0] == b)));
        Assert.Equal(6, after.Zip(before).Sum(p => p.First.Count(r => !p.Second.Contains(r))));
        Assert.All(after, p => Assert.Equal(2, p.Distinct().Count()));
    }

    [Fact]
    public void Spread_BrokerThatIsToHaveNone_IsEmptied()
    {
        List<ImmutableArray<int>> after = RebalancePlan.Spread([[1, 2], [2, 1], [1, 3]], Brokers(2, 3));

        Assert.All(after, p => Assert.DoesNotContain(1, p));
        Assert.All(after, p => Assert.Equal(2, p.Distinct().Count()));
    }

    [Fact]
    public void Spread_Racks_StayApart()
    {
        var racks = new Dictionary<int, string?> { [1] = "a", [2] = "b", [3] = "a", [4] = "b" };
        List<ImmutableArray<int>> before = [.. Enumerable.Range(0, 8).Select(_ => ImmutableArray.Create(1, 2))];

        List<ImmutableArray<int>> after = RebalancePlan.Spread(before, racks);

        Assert.All(after, p => Assert.Equal(2, p.Select(r => racks[r]).Distinct().Count()));
        Assert.All(racks.Keys, b => Assert.Equal(4, after.Sum(p => p.Count(r => r == b))));
    }

    [Fact]
    public void Spread_FewerBrokersThanReplicas_LeavesWhatCannotMove()
    {
        Assert.Equal([[1, 2]], RebalancePlan.Spread([[1, 2]], Brokers(1)));
    }

    private static Dictionary<int, string?> Brokers(params int[] ids) => ids.ToDictionary(id => id, _ => (string?)null);
}
