using System.Diagnostics;
using Broker.Client;
using Broker.Protocol.Messages;
using static Broker.Engine.Tests.Groups.GroupCluster;

namespace Broker.Engine.Tests.Groups;

/// <summary>A group of 200 members on 200 partitions, each over a connection of its own.</summary>
public sealed class LargeGroupTests
{
    private const int Members = 200;
    private static readonly TimeSpan s_settleMax = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task TwoHundredMembers_JoinSettleAndSettleAgain_EachTimeWithinFiveSeconds()
    {
        await using GroupCluster cluster = await GroupCluster.StartAsync(3, ("group.initial.rebalance.delay.ms", "1000"));
        await cluster.CreateTopicAsync("orders", Members);
        (KafkaConnection _, int broker) = await cluster.CoordinatorAsync("g");
        KafkaConnection[] connections = await Task.WhenAll(Enumerable.Range(0, Members).Select(_ => cluster.ConnectAsync(broker)));
        long began = Stopwatch.GetTimestamp();
        (JoinGroupResponse Joined, byte[] Assignment)[] settled = await Task.WhenAll(connections.Select(c => SettleAsync(c, "")));
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, s_settleMax);
        AssertWhole(settled);

        // One leaves: the others find out by their heartbeats, and settle again.
        var leave = new LeaveGroupRequest { GroupId = "g" };
        leave.Members.Add(new() { MemberId = settled[0].Joined.MemberId });
        began = Stopwatch.GetTimestamp();
        await connections[0].SendAsync<LeaveGroupRequest, LeaveGroupResponse>(leave, 5, Cancelled);
        (JoinGroupResponse Joined, byte[] Assignment)[] again = await Task.WhenAll(
            connections.Skip(1).Select((c, i) => RejoinAsync(c, settled[i + 1].Joined)));
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, s_settleMax);
        AssertWhole(again);
    }

    /// <summary>All in one generation, and every one with a place of its own.</summary>
    private static void AssertWhole((JoinGroupResponse Joined, byte[] Assignment)[] settled)
    {
        Assert.Single(settled.Select(s => s.Joined.GenerationId).Distinct());
        Assert.Equal(settled.Length, settled.Select(s => s.Assignment.Single()).Distinct().Count());
    }

    private static async Task<(JoinGroupResponse, byte[])> RejoinAsync(KafkaConnection connection, JoinGroupResponse before)
    {
        Assert.Equal(ErrorCode.RebalanceInProgress, await HeartbeatAsync(connection, "g", before));
        return await SettleAsync(connection, before.MemberId);
    }

    /// <summary>Joins and syncs as a client does, until an assignment is there.</summary>
    private static async Task<(JoinGroupResponse, byte[])> SettleAsync(KafkaConnection connection, string memberId)
    {
        while (true)
        {
            JoinGroupResponse joined = await JoinAsync(connection, JoinRequest("g", memberId));
            memberId = joined.MemberId;
            if (joined.ErrorCode != ErrorCode.None)
            {
                Assert.Equal(ErrorCode.MemberIdRequired, joined.ErrorCode);
                continue;
            }
            SyncGroupResponse synced = await SyncAsync(connection, "g", joined);
            if (synced.ErrorCode == ErrorCode.None)
            {
                return (joined, synced.Assignment.ToArray());
            }
            Assert.Equal(ErrorCode.RebalanceInProgress, synced.ErrorCode);
        }
    }
}
