using System.Collections.Immutable;
using Broker.Engine.Controller;

namespace Broker.Engine.Tests.Controller;

public class ReplicaPlacementTests
{
    [Fact]
    public void Leaders_GoRoundTheBrokers()
    {
        var placed = ReplicaPlacement.Place([(0, null), (1, null), (2, null)], 0, 9, 1, startIndex: 1, startShift: 0);
        Assert.Equal([1, 2, 0, 1, 2, 0, 1, 2, 0], placed.Values.Select(r => r[0]));
    }

    /// <summary>The example in the comment of Kafka's AdminUtils: ten partitions, three replicas, five brokers.</summary>
    [Fact]
    public void Replicas_FollowKafkasExample()
    {
        var placed = ReplicaPlacement.Place([.. Enumerable.Range(0, 5).Select(i => (i, (string?)null))], 0, 10, 3, 0, 0);
        Assert.Equal([0, 1, 2], placed[0]);
        Assert.Equal([4, 0, 1], placed[4]);
        Assert.Equal([0, 2, 3], placed[5]);
        Assert.Equal([4, 1, 2], placed[9]);
    }

    [Fact]
    public void Replicas_WithRacks_LieOnDifferentOnes()
    {
        (int, string?)[] brokers = [(0, "a"), (1, "b"), (2, "c"), (3, "a"), (4, "b"), (5, "c")];
        Dictionary<int, string?> rackOf = brokers.ToDictionary(b => b.Item1, b => b.Item2);
        foreach (ImmutableArray<int> replicas in ReplicaPlacement.Place(brokers, 0, 60, 3, 2, 1).Values)
        {
            Assert.Equal(3, replicas.Select(r => rackOf[r]).Distinct().Count());
        }
    }
}
