using System.Collections.Immutable;
using Broker.Engine.Controller;
using Broker.Engine.Coordination;

namespace Broker.Engine.Tests.Controller;

/// <summary>Who leads, and who stays in sync, when replicas come and go.</summary>
public sealed class LeaderElectionTests
{
    private const int None = -1;

    private static PartitionStateNode State(int leader, params int[] isr) => new(leader, 4, [.. isr], 1, 7);

    public static TheoryData<string, int, int[], int[], bool, int, int[]> Losses => new()
    {
        // what, leader, isr, online, unclean allowed -> leader, isr
        { "nothing lost", 1, [1, 2, 3], [1, 2, 3], false, 1, [1, 2, 3] },
        { "leader lost", 1, [1, 2, 3], [2, 3], false, 2, [2, 3] },
        { "leader lost, first replica not in sync", 1, [1, 3], [2, 3], false, 3, [3] },
        { "follower lost", 1, [1, 2, 3], [1, 3], false, 1, [1, 3] },
        { "follower that was not in sync lost", 1, [1, 2], [1, 2], false, 1, [1, 2] },
        { "all in sync lost", 1, [1, 2], [3], false, None, [1, 2] },
        { "all in sync lost, unclean", 1, [1, 2], [3], true, 3, [3] },
        { "all lost, unclean", 1, [1, 2], [], true, None, [1, 2] },
        { "last in sync lost", 2, [2], [1, 3], false, None, [2] },
        { "one of those in sync comes back", None, [1, 2], [2, 3], false, 2, [2] },
        { "one of the others comes back", None, [2], [1, 3], false, None, [2] },
    };

    [Theory]
    [MemberData(nameof(Losses))]
    public void Offline_ReplicasGo_NextInSyncLeads(
        string what, int leader, int[] isr, int[] online, bool unclean, int expectedLeader, int[] expectedIsr)
    {
        Assert.NotEmpty(what);
        PartitionStateNode before = State(leader, isr);

        PartitionStateNode after = LeaderElection.Offline([1, 2, 3], before, online.Contains, unclean) ?? before;

        Assert.Equal(expectedLeader, after.Leader);
        Assert.Equal(expectedIsr, after.InSyncReplicas);
        bool isChanged = leader != expectedLeader || !isr.SequenceEqual(expectedIsr);
        Assert.Equal(before.LeaderEpoch + (isChanged ? 1 : 0), after.LeaderEpoch);
        Assert.Equal(LeaderElection.IsUnclean(before, after), after.IsRecovering);
    }

    [Fact]
    public void First_SomeReplicasLive_AllOfThemAreInSync()
    {
        PartitionStateNode state = LeaderElection.First([3, 1, 2], id => id != 3)!;

        Assert.Equal(1, state.Leader);
        Assert.Equal([1, 2], state.InSyncReplicas);
        Assert.Null(LeaderElection.First([3], id => id != 3));
    }

    [Fact]
    public void Preferred_FirstReplicaInSync_Leads()
    {
        Assert.Equal(1, LeaderElection.Preferred([1, 2], State(2, 1, 2), _ => true)!.Leader);
        Assert.Null(LeaderElection.Preferred([1, 2], State(2, 2), _ => true));
        Assert.Null(LeaderElection.Preferred([1, 2], State(2, 1, 2), id => id == 2));
        Assert.Null(LeaderElection.Preferred([1, 2], State(1, 1, 2), _ => true));
    }

    [Fact]
    public void ControlledShutdown_Leader_HandsOverAndLeavesTheInSync()
    {
        PartitionStateNode after = LeaderElection.ControlledShutdown(1, [1, 2, 3], State(1, 1, 2, 3), id => id != 1)!;

        Assert.Equal(2, after.Leader);
        Assert.Equal([2, 3], after.InSyncReplicas);
    }

    [Fact]
    public void ControlledShutdown_OthersShutDownToo_StaysWhereItIs()
    {
        Assert.Null(LeaderElection.ControlledShutdown(1, [1, 2, 3], State(1, 1, 2), id => id == 3));
        Assert.Null(LeaderElection.ControlledShutdown(1, [1, 2], State(2, 2), _ => true));
        Assert.Equal([2], LeaderElection.ControlledShutdown(1, [1, 2], State(2, 1, 2), _ => true)!.InSyncReplicas);
    }

    [Fact]
    public void Remain_LeaderGoes_OneThatStaysLeads()
    {
        PartitionStateNode after = LeaderElection.Remain([3, 4], State(1, 1, 2, 3, 4), _ => true);

        Assert.Equal(3, after.Leader);
        Assert.Equal([3, 4], after.InSyncReplicas);
        Assert.Equal(5, after.LeaderEpoch);
        Assert.Equal(4, LeaderElection.Remain([3, 4], State(4, 1, 2, 3, 4), _ => true).Leader);
        Assert.Equal(None, LeaderElection.Remain([3, 4], State(1, 1, 3), id => id != 3).Leader);
    }

    [Fact]
    public void ReassignTo_OtherReplicas_SaysWhoComesAndGoes()
    {
        ReplicaAssignment way = new ReplicaAssignment([1, 2, 3]).ReassignTo([4, 2]);

        Assert.Equal([4, 2, 1, 3], way.Replicas);
        Assert.Equal([4], way.Adding);
        Assert.Equal([1, 3], way.Removing);
        Assert.Equal([4, 2], way.Target);
        Assert.Equal([2, 1, 3], way.Origin);
        Assert.Equal([5, 2, 1, 3], way.ReassignTo([5]).Replicas);
        Assert.False(way.ReassignTo(way.Origin).IsBeingReassigned);
    }

    public static TheoryData<int[]?, bool, string> Targets => new()
    {
        { [], true, "Empty replica list specified in partition reassignment." },
        { [1, 1], true, "Duplicate replica ids in partition reassignment replica list: [1, 1]" },
        { [-1], true, "Invalid broker id in replica list: [-1]" },
        { [1, 9], true, "Replica assignment has brokers that are not alive. Replica list: [9], live broker list: [1, 2, 3]" },
        { [1, 2, 3], false, "The replication factor is changed from 2 to 3" },
        { null, true, "No partition reassignment is in progress." },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void Build_WhatCannotBe_IsRefusedInKafkasWords(int[]? target, bool allowFactorChange, string message)
    {
        (ReplicaAssignment? next, _, string? why) = ReassignmentPlan.Build(
            new ReplicaAssignment([1, 2]), State(1, 1, 2), target, allowFactorChange, [1, 2, 3]);

        Assert.Null(next);
        Assert.Equal(message, why);
    }

    [Fact]
    public void Build_CancelThatWouldDropTheOnlyOneInSync_IsRefused()
    {
        ReplicaAssignment current = new ReplicaAssignment([1]).ReassignTo([2]);

        Assert.Null(ReassignmentPlan.Build(current, State(2, 2), null, true, [1, 2, 3]).Next);
        Assert.Null(ReassignmentPlan.Build(current, State(2, 2), [3], true, [1, 2, 3]).Next);
        Assert.Equal([1], ReassignmentPlan.Build(current, State(1, 1, 2), null, true, [1, 2, 3]).Next!.Replicas);
    }

    [Fact]
    public void Topic_BeingReassigned_IsWrittenAndReadAsKafkaDoes()
    {
        var topic = new TopicAssignment(
            new Guid("00000000-0000-0000-0000-000000000001"),
            ImmutableSortedDictionary<int, ImmutableArray<int>>.Empty.Add(0, [1]).Add(1, [2]));
        TopicAssignment moving = new ReplicaAssignment([1]).ReassignTo([3]).PutInto(topic, 0);

        byte[] json = ClusterJson.Topic(moving);

        Assert.Equal(
            """{"partitions":{"0":[3,1],"1":[2]},"topic_id":"AAAAAAAAAAAAAAAAAAAAAQ","adding_replicas":{"0":[3]},"removing_replicas":{"0":[1]},"version":3}""",
            System.Text.Encoding.UTF8.GetString(json));
        TopicAssignment read = ClusterJson.ReadTopic(json);
        Assert.Equal([3], read.Adding[0]);
        Assert.Equal([1], read.Removing[0]);
        Assert.Equal(topic.Partitions[1], read.Partitions[1]);
    }

    [Fact]
    public void Topic_OfManyPartitions_HasThemInKafkasOrder()
    {
        var topic = new TopicAssignment(
            Guid.Empty, Enumerable.Range(0, 25).ToImmutableSortedDictionary(p => p, _ => ImmutableArray.Create(1)));

        string json = System.Text.Encoding.UTF8.GetString(ClusterJson.Topic(topic));

        // As Kafka 3.9.1 writes it.
        int[] order = [22, 23, 24, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21];
        Assert.StartsWith($$"""{"partitions":{{{string.Join(',', order.Select(p => $"\"{p}\":[1]"))}}},"topic_id":""", json);
    }

    [Fact]
    public void PartitionState_Recovering_IsWrittenAndReadAsKafkaDoes()
    {
        PartitionStateNode state = State(1, 1) with { IsRecovering = true };

        byte[] json = ClusterJson.PartitionState(state);

        Assert.Equal(
            """{"controller_epoch":1,"leader":1,"version":1,"leader_recovery_state":1,"leader_epoch":4,"isr":[1]}""",
            System.Text.Encoding.UTF8.GetString(json));
        Assert.True(ClusterJson.ReadPartitionState(json, 7).IsRecovering);
    }
}
