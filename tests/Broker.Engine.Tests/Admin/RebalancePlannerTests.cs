using Broker.Engine.Admin.Hosted.Replicas;

namespace Broker.Engine.Tests.Admin;

/// <summary>Proposals: even, with few moves, and keeping racks.</summary>
public sealed class RebalancePlannerTests
{
    private static (int, string?)[] Brokers(int count, Func<int, string?>? rack = null) =>
        [.. Enumerable.Range(0, count).Select(b => (b, rack?.Invoke(b)))];

    private static int[] Counts(IEnumerable<PlannedPartition> partitions, int brokers, Func<PlannedPartition, IEnumerable<int>> of) =>
        [.. Enumerable.Range(0, brokers).Select(b => partitions.SelectMany(of).Count(r => r == b))];

    private static int Spread(int[] counts) => counts.Max() - counts.Min();

    [Fact]
    public void Spread_ANewBroker_GetsItsShare_AndNoMoreMovesThanThat()
    {
        PlannedPartition[] all = [.. Enumerable.Range(0, 12).Select(i => new PlannedPartition("a", i, [i % 3, (i + 1) % 3], 100 + i))];
        int[][] before = [.. all.Select(p => (int[])p.Replicas.Clone())];
        var planner = new RebalancePlanner(all, Brokers(4));
        planner.SpreadReplicas();
        planner.SpreadLeaders();
        Assert.Equal([6, 6, 6, 6], Counts(all, 4, p => p.Replicas));
        Assert.Equal([3, 3, 3, 3], Counts(all, 4, p => [p.Replicas[0]]));
        Assert.Equal(6, all.Zip(before).Sum(p => p.First.Replicas.Except(p.Second).Count()));
        Assert.All(all, p => Assert.Equal(2, p.Replicas.Distinct().Count()));
    }

    [Fact]
    public void Spread_AnEvenCluster_StaysAsItIs()
    {
        PlannedPartition[] all = [.. Enumerable.Range(0, 9).Select(i => new PlannedPartition("a", i, [i % 3, (i + 1) % 3, (i + 2) % 3], 1))];
        int[][] before = [.. all.Select(p => (int[])p.Replicas.Clone())];
        var planner = new RebalancePlanner(all, Brokers(3));
        planner.SpreadReplicas();
        planner.SpreadLeaders();
        Assert.Equal(before, all.Select(p => p.Replicas));
    }

    [Fact]
    public void SpreadLeaders_WhereNoneHasBoth_GoesAlongAChain()
    {
        PlannedPartition[] all =
        [
            new("a", 0, [0, 1], 1), new("a", 1, [0, 1], 1), new("a", 2, [0, 1], 1), new("a", 3, [1, 2], 1), new("a", 4, [1, 2], 1),
            new("a", 5, [1, 2], 1),
        ];
        new RebalancePlanner(all, Brokers(3)).SpreadLeaders();
        Assert.Equal([2, 2, 2], Counts(all, 3, p => [p.Replicas[0]]));
    }

    [Fact]
    public void Spread_OverRacks_KeepsReplicasApart()
    {
        PlannedPartition[] all = [.. Enumerable.Range(0, 8).Select(i => new PlannedPartition("a", i, [0, 1], 1))];
        new RebalancePlanner(all, Brokers(4, b => b % 2 == 0 ? "east" : "west")).SpreadReplicas();
        Assert.All(all, p => Assert.Equal(2, p.Replicas.Select(r => r % 2).Distinct().Count()));
        Assert.Equal([4, 4, 4, 4], Counts(all, 4, p => p.Replicas));
    }

    [Fact]
    public void Empty_ABroker_LeavesNothingThere_OrSaysWhatIsStuck()
    {
        PlannedPartition[] all = [.. Enumerable.Range(0, 6).Select(i => new PlannedPartition("a", i, [i % 3, (i + 1) % 3], 1))];
        var planner = new RebalancePlanner(all, [(0, null), (2, null), (3, null)]);
        Assert.Null(planner.Empty(new HashSet<int> { 1 }));
        planner.SpreadReplicas();
        Assert.Equal(0, Counts(all, 4, p => p.Replicas)[1]);
        PlannedPartition[] stuck = [new("b", 0, [0, 1], 1)];
        Assert.Equal("b", new RebalancePlanner(stuck, [(0, null)]).Empty(new HashSet<int> { 1 })?.Topic);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Spread_WhateverLay_EndsEven(int seed)
    {
        var random = new Random(seed);
        PlannedPartition[] all =
        [
            .. Enumerable.Range(0, 20).SelectMany(t => Enumerable.Range(0, random.Next(1, 30)).Select(i =>
            {
                int[] order = [0, 1, 2, 3, 4];
                random.Shuffle(order);
                return new PlannedPartition($"t{t}", i, order[..3], random.Next(1000));
            })),
        ];
        var planner = new RebalancePlanner(all, Brokers(5));
        planner.SpreadReplicas();
        planner.SpreadLeaders();
        Assert.InRange(Spread(Counts(all, 5, p => p.Replicas)), 0, 1);
        Assert.InRange(Spread(Counts(all, 5, p => [p.Replicas[0]])), 0, 2);
        foreach (IGrouping<string, PlannedPartition> topic in all.GroupBy(p => p.Topic))
        {
            Assert.InRange(Spread(Counts(topic, 5, p => p.Replicas)), 0, 2);
            Assert.InRange(Spread(Counts(topic, 5, p => [p.Replicas[0]])), 0, 2);
        }
        Assert.All(all, p => Assert.Equal(3, p.Replicas.Distinct().Count()));
    }
}
