using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Replication;

/// <summary>High watermark and in-sync replicas of a leader, on a clock that the test moves.</summary>
public sealed class PartitionLeaderTests : IDisposable
{
    private readonly ReplicaFixture _broker = new(brokerId: 0);

    [Fact]
    public void Append_WithoutFollowers_MovesTheHighWatermarkAtOnce()
    {
        _broker.Give(leader: 0, leaderEpoch: 1, isr: [0], replicas: [0]);

        _broker.Append(records: 3);

        Assert.Equal(3, _broker.Partition.HighWatermark);
    }

    [Fact]
    public void OnFollowerFetch_AllInSync_HighWatermarkIsTheLeast()
    {
        _broker.Give(0, 1, [0, 1, 2]);
        _broker.Append(10);
        _broker.Fetched(1, 7);
        Assert.Equal(0, _broker.Partition.HighWatermark);   // of 2 nothing is known

        _broker.Fetched(2, 5);
        Assert.Equal(5, _broker.Partition.HighWatermark);
        _broker.Fetched(2, 10);
        Assert.Equal(7, _broker.Partition.HighWatermark);
    }

    [Fact]
    public void OnFollowerFetch_FollowerGoesBack_HighWatermarkStays()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Append(10);
        _broker.Fetched(1, 10);

        _broker.Fetched(1, 4);

        Assert.Equal(10, _broker.Partition.HighWatermark);
    }

    [Fact]
    public void MaybeShrinkIsr_FollowerLateForLagTime_ProposesWithoutIt()
    {
        _broker.Give(0, 1, [0, 1, 2]);
        _broker.Append(10);
        _broker.Fetched(1, 10);
        _broker.Advance(29_000);
        _broker.Fetched(1, 10);
        _broker.Partition.MaybeShrinkIsr();
        Assert.Empty(_broker.Proposed);

        _broker.Advance(2_000);
        _broker.Partition.MaybeShrinkIsr();

        Assert.Equal([0, 1], _broker.Role.Proposal!.InSyncReplicas);
        Assert.Equal([0, 1, 2], _broker.Role.InSyncReplicas);   // until the controller has answered
        Assert.Equal(0, _broker.Partition.HighWatermark);
        _broker.Answer();
        Assert.Equal([0, 1], _broker.Role.InSyncReplicas);
        Assert.Equal(10, _broker.Partition.HighWatermark);
        Assert.Equal([false], _broker.IsrChanges);
        IsrChange change = Assert.Single(_broker.Partition.IsrHistory);
        Assert.Equal((2, false), (change.BrokerId, change.Joined));
        Assert.Contains("not caught up for 31000 ms", change.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void MaybeShrinkIsr_FollowerAtTheEndThatDoesNotFetch_StaysWhileNothingIsAppended()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Append(10);
        _broker.Fetched(1, 10);

        _broker.Advance(100_000);
        _broker.Partition.MaybeShrinkIsr();

        Assert.Null(_broker.Role.Proposal);   // Kafka: a follower whose log end is the leader's is caught up
    }

    [Fact]
    public void OnFollowerFetch_AlwaysOneFetchBehind_CountsAsCaughtUpWhenItReachedTheEndOfBefore()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        for (int i = 0; i < 100; i++)
        {
            _broker.Append(10);
            _broker.Fetched(1, i * 10L);
            _broker.Advance(1_000);
            _broker.Partition.MaybeShrinkIsr();
        }

        Assert.Null(_broker.Role.Proposal);
    }

    [Fact]
    public void OnFollowerFetch_CatchesUp_ProposesToLetItIn()
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        _broker.Advance(60_000);
        _broker.Append(10);
        Assert.Equal(10, _broker.Partition.HighWatermark);
        _broker.Fetched(1, 9);
        Assert.Null(_broker.Role.Proposal);   // below the high watermark

        _broker.Fetched(1, 10);

        Assert.Equal([0, 1], _broker.Role.Proposal!.InSyncReplicas);
        Assert.Same(_broker.Partition, Assert.Single(_broker.Proposed));
    }

    [Fact]
    public void Stray_WhileAnExpansionIsOpen_IsAskedForNoMore()
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        _broker.Advance(60_000);
        _broker.Append(10);
        _broker.Fetched(1, 10);
        Partition gone = _broker.Partition;
        Assert.NotNull(gone.Role.Proposal);

        // Otherwise the controller is asked for ever in the name of a partition that may be led here again, as another object.
        _broker.Replicas.Apply(new LeaderAndIsrRequest { ControllerEpoch = 2, Type = ReplicaManager.FullRequest });

        Assert.Null(gone.Role.Proposal);
        Assert.Null(_broker.Replicas.Partitions.Find(gone.Id));
    }

    [Fact]
    public void Append_WhileAnExpansionIsOpen_HighWatermarkWaitsForTheNewReplica()
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        _broker.Advance(60_000);
        _broker.Append(10);
        _broker.Fetched(1, 10);
        Assert.NotNull(_broker.Role.Proposal);

        _broker.Append(5);   // the controller may have let it in already

        Assert.Equal(10, _broker.Partition.HighWatermark);
        _broker.Fetched(1, 15);
        Assert.Equal(15, _broker.Partition.HighWatermark);
    }

    [Fact]
    public void Append_WhileAFollowerIsCloseToJoining_HighWatermarkWaitsForIt()
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        _broker.Append(10);
        _broker.Dead.Add(1);
        _broker.Fetched(1, 10);
        Assert.Null(_broker.Role.Proposal);   // nobody lets in who is not registered
        _broker.Dead.Clear();

        _broker.Append(5);

        // It was caught up within the lag time: else it could never join a busy partition (KIP-497).
        Assert.Equal(10, _broker.Partition.HighWatermark);
        _broker.Advance(30_001);
        _broker.Append(1);
        Assert.Equal(16, _broker.Partition.HighWatermark);
    }

    [Fact]
    public void OnFollowerFetch_BelowTheStartOfTheEpoch_DoesNotJoin()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Append(10);
        _broker.Give(0, 2, [0], replicas: [0, 1], partitionEpoch: 1);   // the high watermark is still 0
        _broker.Advance(60_000);
        _broker.Fetched(1, 5);

        Assert.Null(_broker.Role.Proposal);
        Assert.Equal(10, _broker.Role.EpochStartOffset);
    }

    [Theory]
    [InlineData(ErrorCode.UnknownServerError, true, true)]
    [InlineData(ErrorCode.OperationNotAttempted, false, false)]
    [InlineData(ErrorCode.IneligibleReplica, false, false)]
    [InlineData(ErrorCode.FencedLeaderEpoch, false, true)]
    [InlineData(ErrorCode.InvalidUpdateVersion, false, true)]
    public void OnProposalAnswered_Error_AsksAgainOrGoesBackOrWaits(ErrorCode error, bool again, bool open)
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        _broker.Fetched(1, 0);

        Assert.Equal(again, _broker.Answer(error));

        Assert.Equal(open, _broker.Role.Proposal is not null);
        Assert.Equal([0], _broker.Role.InSyncReplicas);
    }

    [Fact]
    public void OnProposalAnswered_AfterTheControllerGaveAnotherState_IsIgnored()
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        _broker.Fetched(1, 0);
        IsrProposal open = _broker.Role.Proposal!;
        _broker.Give(0, 2, [0], replicas: [0, 1], partitionEpoch: 5);

        _broker.Partition.OnProposalAnswered(open, ErrorCode.None, 1, 1, [0, 1]);

        Assert.Equal([0], _broker.Role.InSyncReplicas);
        Assert.Equal(5, _broker.Role.PartitionEpoch);
    }

    [Fact]
    public void Give_NewEpoch_ForgetsHowFarFollowersWereOnlyWhenItDidNotLead()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Append(10);
        _broker.Fetched(1, 10);
        _broker.Give(0, 2, [0, 1], replicas: [0, 1], partitionEpoch: 1);
        Assert.Equal(10, _broker.Role.Follower(1)!.LogEndOffset);

        _broker.Give(1, 3, [0, 1], replicas: [0, 1], partitionEpoch: 2);
        _broker.Give(0, 4, [0, 1], replicas: [0, 1], partitionEpoch: 3);

        Assert.Equal(FollowerState.Unknown, _broker.Role.Follower(1)!.LogEndOffset);
        Assert.Equal(10, _broker.Partition.HighWatermark);
    }

    [Fact]
    public void Give_OlderEpoch_IsRefused()
    {
        _broker.Give(0, 5, [0], replicas: [0, 1]);

        Assert.Equal(ErrorCode.StaleControllerEpoch, _broker.Give(1, 4, [1], replicas: [0, 1]));
        Assert.True(_broker.Role.IsLeader);
    }

    [Fact]
    public void IsrHistory_BecameLeader_SaysWhoIsInSyncNoMore()
    {
        _broker.Give(2, 1, [0, 1, 2]);

        _broker.Give(0, 2, [0, 1], partitionEpoch: 1);

        IsrChange change = Assert.Single(_broker.Partition.IsrHistory);
        Assert.Equal((2, false, "as broker 0 became leader in epoch 2"), (change.BrokerId, change.Joined, change.Cause));
        Assert.Empty(_broker.IsrChanges);   // Kafka counts only what leaders ask for
    }

    [Fact]
    public void AppendAsLeader_NotLeading_IsRefused()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Give(1, 2, [0, 1], replicas: [0, 1], partitionEpoch: 1);

        Assert.Equal(ErrorCode.NotLeaderOrFollower, _broker.Append().Error);
    }

    [Fact]
    public void IsDecided_ReignEndedAndBeganAgain_IsRefused()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Append(3);
        _broker.Give(1, 2, [0, 1], replicas: [0, 1], partitionEpoch: 1);
        _broker.Give(0, 3, [0, 1], replicas: [0, 1], partitionEpoch: 2);
        _broker.Fetched(1, 3);

        Assert.True(_broker.Partition.IsDecided(3, leaderEpoch: 1, out ErrorCode error));
        Assert.Equal(ErrorCode.NotLeaderOrFollower, error);   // what lies there now may be another's
    }

    [Fact]
    public void IsDecided_EpochRisesWhileThisBrokerGoesOnLeading_IsAcknowledged()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Append(3);
        _broker.Give(0, 2, [0, 1], replicas: [0, 1], partitionEpoch: 1);
        Assert.False(_broker.Partition.IsDecided(3, leaderEpoch: 1, out _));
        _broker.Fetched(1, 3);

        Assert.True(_broker.Partition.IsDecided(3, leaderEpoch: 1, out ErrorCode error));
        Assert.Equal(ErrorCode.None, error);
    }

    [Fact]
    public async Task AppendAsLeader_EpochRisesMeanwhile_IsAppendedInTheOneOrTheOther()
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        using var done = new CancellationTokenSource();
        Task rising = Task.Run(() =>
        {
            for (int epoch = 2; epoch < 500; epoch++)
            {
                _broker.Give(0, epoch, [0], replicas: [0, 1], partitionEpoch: epoch);
            }
            done.Cancel();
        }, TestContext.Current.CancellationToken);
        int appended = 0;
        while (!done.IsCancellationRequested)
        {
            Assert.Equal(ErrorCode.None, _broker.Append().Error);
            appended++;
        }
        await rising;

        Assert.Equal(appended, _broker.Partition.Log.LogEndOffset);
    }

    [Fact]
    public void OnFollowerFetch_LookedAtInAnEarlierEpoch_IsIgnored()
    {
        _broker.Give(0, 1, [0, 1], replicas: [0, 1]);
        _broker.Append(10);
        _broker.Give(0, 3, [0, 1], replicas: [0, 1], partitionEpoch: 1);   // another led meanwhile, and cut the follower

        _broker.Partition.OnFollowerFetch(1, 10, 0, 10, brokerEpoch: -1, leaderEpoch: 1);
        Assert.Equal(0, _broker.Partition.HighWatermark);
        _broker.Partition.OnFollowerFetch(1, 10, 0, 10, brokerEpoch: -1, leaderEpoch: 3);
        Assert.Equal(10, _broker.Partition.HighWatermark);
    }

    [Fact]
    public void OnFollowerFetch_OfAnEarlierLifeOfTheFollower_IsIgnored()
    {
        _broker.Give(0, 1, [0], replicas: [0, 1]);
        _broker.Append(10);
        _broker.Fetched(1, 3, brokerEpoch: 9);

        _broker.Fetched(1, 10, brokerEpoch: 8);

        Assert.Equal(3, _broker.Role.Follower(1)!.LogEndOffset);
    }

    [Fact]
    public void AppendAsLeader_FewerInSyncThanTheLeast_IsRefusedForAcksAllOnly()
    {
        using var broker = new ReplicaFixture(brokerId: 0, minIsr: 2);
        broker.Give(0, 1, [0], replicas: [0, 1, 2]);

        Assert.Equal(ErrorCode.NotEnoughReplicas, broker.Append(acks: -1).Error);
        Assert.Equal(ErrorCode.None, broker.Append(acks: 1).Error);
        Assert.Equal(0, broker.Partition.HighWatermark);   // KIP-966: it does not move either
    }

    [Fact]
    public void IsDecided_InSyncReplicasFewerAfterTheAppend_SaysSo()
    {
        using var broker = new ReplicaFixture(brokerId: 0, minIsr: 2);
        broker.Give(0, 1, [0, 1, 2]);
        broker.Append(5);
        Assert.False(broker.Partition.IsDecided(5, 1, out _));
        broker.Fetched(1, 5);
        broker.Fetched(2, 5);
        Assert.True(broker.Partition.IsDecided(5, 1, out ErrorCode error));
        Assert.Equal(ErrorCode.None, error);
        broker.Give(0, 1, [0], partitionEpoch: 1);

        Assert.True(broker.Partition.IsDecided(5, 1, out error));
        Assert.Equal(ErrorCode.NotEnoughReplicasAfterAppend, error);
    }

    public void Dispose() => _broker.Dispose();
}
