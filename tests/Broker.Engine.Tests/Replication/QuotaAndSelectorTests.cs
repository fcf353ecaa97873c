using Broker.Engine.Configuration;
using Broker.Engine.Replication;
using Broker.Engine.Timing;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Replication;

/// <summary>Throttled replication, and which replica a consumer is sent to.</summary>
public sealed class QuotaAndSelectorTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Rate_SteadyTransfer_IsWhatGoesASecond()
    {
        var quota = new ReplicationQuota(11, 1, new MonotonicClock(_time)) { BytesPerSecondMax = 1_000 };
        for (int i = 0; i < 300; i++)
        {
            quota.Record(100);
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.InRange(quota.Rate, 900, 1_000);
        Assert.False(quota.IsExceeded);
        quota.Record(2_000);
        Assert.True(quota.IsExceeded);
    }

    [Fact]
    public void IsExceeded_AsFastAsItMayGo_KeepsToTheRateWithinATenth()
    {
        var quota = new ReplicationQuota(11, 1, new MonotonicClock(_time)) { BytesPerSecondMax = 10_000 };
        long sent = 0;
        for (int ms = 0; ms < 60_000; ms += 10)
        {
            if (!quota.IsExceeded)
            {
                quota.Record(1_000);
                sent += 1_000;
            }
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.InRange(sent / 60.0, 9_000, 11_000);
    }

    [Fact]
    public void IsExceeded_AfterAPause_IsNot()
    {
        var quota = new ReplicationQuota(11, 1, new MonotonicClock(_time)) { BytesPerSecondMax = 10 };
        quota.Record(1_000_000);
        Assert.True(quota.IsExceeded);

        _time.Advance(TimeSpan.FromSeconds(12));

        Assert.False(quota.IsExceeded);
        Assert.Equal(0, quota.Rate);
    }

    [Fact]
    public void WaitMs_Exceeded_IsUntilItMayGoAgainAndNoLonger()
    {
        var quota = new ReplicationQuota(11, 1, new MonotonicClock(_time)) { BytesPerSecondMax = 10_000 };
        Assert.Equal(0, quota.WaitMs);
        quota.Record(33_330);
        long waited = 0;
        while (quota.WaitMs is > 0 and var ms)
        {
            _time.Advance(TimeSpan.FromMilliseconds(ms - 1));
            Assert.True(quota.IsExceeded);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            waited += ms;
        }

        Assert.Equal(3_333, waited);
        Assert.False(quota.IsExceeded);
    }

    /// <summary>A move: what the leader sends counts there, beside what replicas in sync take of the same partitions, and where it
    /// arrives. Each answer is large beside what may go in a millisecond.</summary>
    [Theory]
    [InlineData(20)]
    [InlineData(60)]
    [InlineData(100)]
    public void WaitMs_WaitedForOnBothSides_KeepsToTheRate(int megabytes)
    {
        const int Answer = 5_000_000;
        var clock = new MonotonicClock(_time);
        var leader = new ReplicationQuota(11, 1, clock) { BytesPerSecondMax = megabytes * 1_000_000L };
        var follower = new ReplicationQuota(11, 1, clock) { BytesPerSecondMax = megabytes * 1_000_000L };
        long moved = 0;
        long others = 0;
        long next = 0;
        for (; clock.NowMs < 60_000; _time.Advance(TimeSpan.FromMilliseconds(1)))
        {
            leader.Record(1_000);
            others += 1_000;
            if (clock.NowMs >= next)
            {
                next = clock.NowMs + Math.Max(leader.WaitMs, follower.WaitMs);
                if (next == clock.NowMs)
                {
                    leader.Record(Answer);
                    follower.Record(Answer);
                    moved += Answer;
                    next += 15;   // it takes its time
                }
            }
        }

        Assert.InRange((moved + others) / 60e6, 0.98 * megabytes, 1.03 * megabytes);
    }

    [Theory]
    [InlineData("", 0, 1, false)]
    [InlineData("*", 5, 9, true)]
    [InlineData("0:1,2:3", 0, 1, true)]
    [InlineData("0:1,2:3", 0, 3, false)]
    public void Contains_List_NamesReplicas(string list, int partition, int broker, bool contained) =>
        Assert.Equal(contained, ThrottledReplicas.Parse(ConfigValue.List(list)).Contains(partition, broker));

    [Theory]
    [InlineData("b", 5, 2)]      // the one in the rack
    [InlineData("a", 5, -1)]     // the leader is there
    [InlineData("c", 5, -1)]     // nobody is there: the leader
    [InlineData("b", 12, 3)]     // 2 does not have it yet
    [InlineData("", 5, -1)]
    [InlineData("b", 40, -1)]
    public void Select_Rack_TakesTheReplicaThereThatHasTheOffset(string rack, long offset, int chosen)
    {
        FollowerState Follower(int id, long end)
        {
            var state = new FollowerState(id);
            state.OnFetch(end, 0, 1, 100, -1);
            return state;
        }
        var role = new PartitionRole(1, 1, 1, IsLeader: true, [1, 2, 3], [1, 2, 3])
        {
            Followers = [Follower(2, offset < 10 ? 30 : 10), Follower(3, 20)],
        };

        Assert.Equal(chosen, RackAwareReplicaSelector.Select(role, rack, offset, id => id == 1 ? "a" : "b"));
    }
}
