using Broker.Engine.Storage;
using Broker.Engine.Storage.Files;
using Broker.Engine.Tests.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Replication;

/// <summary>A log that takes what another has: the same bytes, segments, epochs and producers.</summary>
public sealed class FollowerLogTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly LogFixture _leader;
    private readonly LogFixture _follower;

    public FollowerLogTests()
    {
        _leader = new LogFixture(PhysicalDisk.Instance, _directory.At("leader"), LogFixture.NewConfig(segmentBytes: 2_000, indexIntervalBytes: 200));
        _follower = new LogFixture(PhysicalDisk.Instance, _directory.At("follower"), LogFixture.NewConfig(segmentBytes: 2_000, indexIntervalBytes: 200));
        _leader.Open();
        _follower.Open();
        _leader.Log.BeginReign(0, isAlone: true);
        _follower.Log.EndReign();
    }

    [Fact]
    public void AppendAsFollower_ManyBatchesAtOnce_RollsWhereTheLeaderDid()
    {
        for (int i = 0; i < 100; i++)
        {
            _leader.Append(records: 1 + (i % 4), valueBytes: 10 + (i % 90));
        }

        Follow(bytesMax: 5_000);

        Assert.True(_leader.Log.Segments.Count > 3);
        Assert.Equal(_leader.Log.Segments.Select(s => s.BaseOffset), _follower.Log.Segments.Select(s => s.BaseOffset));
        Assert.Equal(_leader.Log.Segments.Select(s => s.SizeBytes), _follower.Log.Segments.Select(s => s.SizeBytes));
        for (long offset = 0; offset < _leader.Log.LogEndOffset; offset += 7)
        {
            Assert.Equal(_leader.Log.Copy(offset, 1, long.MaxValue), _follower.Log.Copy(offset, 1, long.MaxValue));
        }
    }

    [Fact]
    public void AppendAsFollower_IdempotentProducer_IsKnownWhenTheFollowerLeads()
    {
        byte[] sent = _leader.Batch(2, producerId: 7, sequence: 0);
        Assert.Equal(ErrorCode.None, _leader.Append((byte[])sent.Clone()).Error);
        Follow();

        _follower.Log.BeginReign(1, isAlone: true);

        Assert.True(_follower.Append((byte[])sent.Clone(), epoch: 1).IsDuplicate);
        Assert.Equal(2, _follower.Log.LogEndOffset);
    }

    [Fact]
    public void AppendAsFollower_AbortedTransaction_IsAsStableAndAsAborted()
    {
        _leader.Append(3);
        _leader.Log.AppendFromCoordinator(_leader.Batch(2, producerId: 7, sequence: 0, isTransactional: true), _leader.NowMs, 0);
        Follow();
        Assert.Equal(3, _follower.Log.LastStableOffset);

        _leader.End(7, ControlRecordType.Abort);
        _leader.Append(1);
        Follow();

        Assert.Equal((7, 7), (_leader.Log.LastStableOffset, _follower.Log.LastStableOffset));
        Assert.Equal(_leader.Log.CollectAborted(0, 7), _follower.Log.CollectAborted(0, 7));
        Assert.Single(_follower.Log.CollectAborted(0, 7));
    }

    [Fact]
    public void LastStableOffset_MarkerBeyondTheHighWatermark_WaitsForIt()
    {
        _leader.Log.BeginReign(0, isAlone: false);
        _leader.Append(3);
        _leader.Log.AdvanceHighWatermark(3);
        _leader.Log.AppendFromCoordinator(_leader.Batch(2, producerId: 7, sequence: 0, isTransactional: true), _leader.NowMs, 0);
        _leader.End(7, ControlRecordType.Commit);
        _leader.Log.AdvanceHighWatermark(5);
        Assert.Equal(3, _leader.Log.LastStableOffset);   // its end is not replicated yet

        _leader.Log.AdvanceHighWatermark(6);

        Assert.Equal(6, _leader.Log.LastStableOffset);
    }

    [Fact]
    public void AppendAsFollower_LogBegunAnewInsideABatch_BeginsWhereTheBatchDoes()
    {
        _leader.Append(10);
        _follower.Log.TruncateFullyAndStartAt(4);

        Follow();

        Assert.Equal((0, 10), (_follower.Log.LogStartOffset, _follower.Log.LogEndOffset));
    }

    [Fact]
    public void AppendAsFollower_RecordsThatDoNotContinueTheLog_AreRefused()
    {
        _leader.Append(10);
        Follow();

        FollowerAppend again = _follower.Log.AppendAsFollower(_leader.Log.Copy(0, 1 << 20, 10), 0);

        Assert.Equal(ErrorCode.OffsetOutOfRange, again.Error);
        Assert.Equal(10, _follower.Log.LogEndOffset);
    }

    [Fact]
    public void AppendAsFollower_WhileLeading_IsRefused()
    {
        _leader.Append(1);
        _follower.Log.BeginReign(1, isAlone: false);

        Assert.Equal(ErrorCode.NotLeaderOrFollower, _follower.Log.AppendAsFollower(_leader.Log.Copy(0, 1 << 20, 1), 0).Error);
    }

    [Fact]
    public void AppendAsLeader_OfAReignThatIsOver_IsRefused()
    {
        _leader.Log.BeginReign(3, isAlone: false);

        Assert.Equal(ErrorCode.NotLeaderOrFollower, _leader.Append(_leader.Batch(1), epoch: 2).Error);
        _leader.Log.EndReign();
        Assert.Equal(ErrorCode.NotLeaderOrFollower, _leader.Append(_leader.Batch(1), epoch: 3).Error);
        Assert.Equal(0, _leader.Log.LogEndOffset);
    }

    [Fact]
    public void TruncateTo_BelowTheHighWatermark_TakesItBack()
    {
        _leader.Append(5);
        _leader.Append(5);
        Assert.Equal(10, _leader.Log.HighWatermark);

        _leader.Log.TruncateTo(5);

        Assert.Equal(5, _leader.Log.HighWatermark);
        _leader.Log.TruncateFullyAndStartAt(3);
        Assert.Equal(3, _leader.Log.HighWatermark);
    }

    /// <summary>Fetches as a follower does, until it has everything.</summary>
    private void Follow(int bytesMax = 1 << 20)
    {
        while (_follower.Log.LogEndOffset < _leader.Log.LogEndOffset)
        {
            byte[] records = _leader.Log.Copy(_follower.Log.LogEndOffset, bytesMax, _leader.Log.LogEndOffset)!;
            FollowerAppend appended = _follower.Log.AppendAsFollower(records, _follower.NowMs);
            Assert.Equal(ErrorCode.None, appended.Error);
            _follower.Log.AdvanceHighWatermark(_leader.Log.HighWatermark);
        }
    }

    public void Dispose()
    {
        _leader.Log.Dispose();
        _follower.Log.Dispose();
        _directory.Dispose();
    }
}
