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
