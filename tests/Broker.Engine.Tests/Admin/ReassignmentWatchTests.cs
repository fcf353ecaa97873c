using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted.Replicas;

namespace Broker.Engine.Tests.Admin;

/// <summary>How fast replicas move, and when they should be there.</summary>
public sealed class ReassignmentWatchTests
{
    private static readonly DateTimeOffset s_begin = DateTimeOffset.UnixEpoch;
    private static readonly Reassignment s_move = new(new TopicPartition("a", 0), [1, 2, 0], [1], [0]);

    private readonly ReassignmentWatch _watch = new();

    private void Observe(int second, CopiedBytes? copied, params Reassignment[] list) =>
        _watch.Observe(list, _ => copied, s_begin.AddSeconds(second));

    [Fact]
    public void Read_AfterTwoLists_KnowsPaceAndEnd()
    {
        Observe(0, new CopiedBytes(0, 1000), s_move);
        Assert.Null(_watch.Read(0, 10, null).RemainingMs);
        Observe(1, new CopiedBytes(100, 1000), s_move);
        ReassignmentsView view = _watch.Read(0, 10, throttle: 7);
        ReassignmentView one = Assert.Single(view.Items.Items);
        Assert.Equal((100.0, 9000L, s_begin), (one.BytesPerSec, one.RemainingMs, one.StartedAt));
        Assert.Equal((1000L, 100L, 9000L, 7L), (view.BytesTotal, view.BytesDone, view.RemainingMs, view.ThrottleBytesPerSec));
        Assert.Equal([1, 2], one.Target);
    }

    [Fact]
    public void Observe_ListsRightAfterEachOther_SayNothingOfThePace()
    {
        Observe(0, new CopiedBytes(0, 1000), s_move);
        _watch.Observe([s_move], _ => new CopiedBytes(500, 1000), s_begin.AddMilliseconds(20));
        Assert.Equal((0.0, 500L), (_watch.Read(0, 10, null).BytesPerSec, _watch.Read(0, 10, null).BytesDone));
        Observe(1, new CopiedBytes(600, 1000), s_move);
        Assert.Equal(600.0, _watch.Read(0, 10, null).BytesPerSec);
    }

    [Fact]
    public void Observe_AStandstill_LetsThePaceSink()
    {
        Observe(0, new CopiedBytes(0, 1000), s_move);
        Observe(1, new CopiedBytes(100, 1000), s_move);
        Observe(11, new CopiedBytes(100, 1000), s_move);
        Assert.InRange(_watch.Read(0, 10, null).BytesPerSec, 30, 40);
    }

    [Fact]
    public void Observe_WhatIsThroughOrGoesElsewhere_BeginsAnew()
    {
        Observe(0, new CopiedBytes(0, 1000), s_move);
        Observe(5, new CopiedBytes(0, 1000), s_move with { Replicas = [2, 3, 0], Adding = [3] });
        Assert.Equal(s_begin.AddSeconds(5), _watch.Read(0, 10, null).Items.Items[0].StartedAt);
        Observe(6, null);
        Assert.Equal((0, null), (_watch.Count, _watch.Read(0, 10, null).RemainingMs));
    }

    [Fact]
    public void Read_WhereTheLeaderIsElsewhere_SaysThatItIsNotKnown()
    {
        Observe(0, null, s_move);
        ReassignmentView one = Assert.Single(_watch.Read(0, 10, null).Items.Items);
        Assert.Equal((null, null, null), (one.BytesTotal, one.BytesDone, one.RemainingMs));
    }
}
