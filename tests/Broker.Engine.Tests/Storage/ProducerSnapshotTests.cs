using Broker.Engine.Storage;
using Broker.Engine.Storage.Index;
using Broker.Engine.Storage.Producers;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage;

/// <summary>What is known of producers outlives stops, kills, cuts and damage, in Kafka's snapshot files.</summary>
public sealed class ProducerSnapshotTests
{
    private const int Batches = 60;
    private readonly FaultingDisk _disk = new();
    private readonly LogFixture _fixture;

    public ProducerSnapshotTests()
    {
        _fixture = new LogFixture(_disk, "/logs", LogFixture.NewConfig(segmentBytes: 2_000, indexIntervalBytes: 300));
        _fixture.Open();
    }

    private FaultingDisk Disk => (FaultingDisk)_fixture.Disk;

    private long[] Snapshots => [.. Disk.FilesIn(_fixture.Directory)
        .Where(f => f.EndsWith(".snapshot", StringComparison.Ordinal)).Select(f => long.Parse(f[..20], null)).Order()];

    private AppendResult Send(int sequence, long producer = 7) =>
        _fixture.Append(_fixture.Batch(1, 60, producerId: producer, sequence: sequence));

    private void SendInTransaction(int sequence, long producer) => Assert.Equal(
        ErrorCode.None,
        _fixture.Log.AppendFromCoordinator(
            _fixture.Batch(1, 60, producerId: producer, sequence: sequence, isTransactional: true), _fixture.NowMs, leaderEpoch: 0).Error);

    private void Fill()
    {
        for (int i = 0; i < Batches; i++)
        {
            Assert.Equal(ErrorCode.None, Send(i).Error);
        }
        _fixture.Background.RunAll();
        Assert.True(_fixture.Log.Segments.Count > 3);
    }

    private void AssertKnows(int lastSequence)
    {
        AppendResult again = Send(lastSequence);
        Assert.True(again.IsDuplicate);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Send(lastSequence + 5).Error);
        Assert.Equal(ErrorCode.None, Send(lastSequence + 1).Error);
    }

    [Fact]
    public void Batch_BeforeTheOneThatASnapshotKept_IsADuplicate_UntilFiveAreKnown()
    {
        Fill();
        _fixture.Log.Close();
        _fixture.Open(clean: true);

        Assert.Equal(ErrorCode.DuplicateSequenceNumber, Send(Batches - 2).Error);   // it was under way with the last one
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Send(Batches + 1).Error);
        for (int i = 0; i < ProducerEntry.BatchesMax - 1; i++)
        {
            Assert.Equal(ErrorCode.None, Send(Batches + i).Error);
        }
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Send(Batches - 2).Error);   // no client has six under way
    }

    [Fact]
    public void Format_OneProducer_IsKafkasFile()
    {
        var entry = new ProducerEntry(0x0102030405060708);
        entry.MaybeUpdateEpoch(5);
        entry.Add(new BatchMetadata(9, 1_000, 4, 1_700_000_000_000));
        entry.CoordinatorEpoch = 2;
        entry.CurrentTransactionFirstOffset = 996;
        byte[] bytes = ProducerSnapshotFile.Format([entry]);
        Assert.Equal(
            "0001" + Convert.ToHexString(bytes.AsSpan(2, 4)) + "00000001" + "0102030405060708" + "0005" + "00000009" + "00000000000003E8"
            + "00000004" + "0000018BCFE56800" + "00000002" + "00000000000003E4",
            Convert.ToHexString(bytes));
        Assert.True(ProducerSnapshotFile.TryParse(bytes, out ProducerEntry[] read));
        Assert.Equal(
            (entry.ProducerId, entry.Epoch, entry.Last, 2, 996L),
            (read[0].ProducerId, read[0].Epoch, read[0].Last, read[0].CoordinatorEpoch, read[0].CurrentTransactionFirstOffset));
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= 0x10;
            Assert.False(ProducerSnapshotFile.TryParse(bytes, out _));
            bytes[i] ^= 0x10;
            Assert.False(ProducerSnapshotFile.TryParse(bytes.AsSpan(0, i), out _));
        }
    }

    [Fact]
    public void Roll_LeavesASnapshotAtEachSegment_AndDeletionTakesItAway()
    {
        Fill();
        long[] bases = [.. _fixture.Log.Segments.Skip(1).Select(s => s.BaseOffset)];
        Assert.Equal(bases, Snapshots);
        _fixture.Log.IncrementLogStartOffset(bases[2] + 1, Batches);
        _fixture.Log.DeleteOldSegments(Batches);
        _fixture.Background.RunAll();
        Assert.Equal(bases[3..], Snapshots.Where(s => s != bases[2]));
        _fixture.Log.TruncateFullyAndStartAt(1_000);
        Assert.Empty(Snapshots);
    }

    [Fact]
    public void Open_AfterACleanStop_ARetryIsADuplicate()
    {
        Fill();
        _fixture.Log.Close();
        Assert.Equal(Batches, Snapshots[^1]);
        _fixture.Open(clean: true, recoveryPoint: Batches);
        Assert.Equal(Batches, _fixture.Log.LogEndOffset);
        AssertKnows(Batches - 1);
    }

    [Fact]
    public void Open_AfterAKill_KnowsProducersOfBeforeTheRecoveryPointToo()
    {
        Fill();
        Assert.Equal(ErrorCode.None, Send(0, producer: 8).Error);
        while (_fixture.Log.ActiveSegment.BaseOffset < 61)
        {
            _fixture.Append(1, 60);
        }
        _fixture.Background.RunAll();
        long recoveryPoint = _fixture.Log.RecoveryPoint;
        Assert.True(recoveryPoint > Batches);
        _fixture.Disk = _disk.Crash();
        _fixture.Open(recoveryPoint: recoveryPoint);
        AssertKnows(Batches - 1);
        Assert.True(Send(0, producer: 8).IsDuplicate);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_DamagedSnapshots_AreDeletedAndMadeAnew(bool clean)
    {
        Fill();
        if (clean)
        {
            _fixture.Log.Close();
        }
        FaultingDisk disk = _disk.Crash();
        foreach (long offset in Snapshots)
        {
            disk[_fixture.File(offset, ".snapshot")] = offset % 2 == 0 ? [] : [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        }
        long recoveryPoint = clean ? Batches : _fixture.Log.ActiveSegment.BaseOffset;
        _fixture.Disk = disk;
        _fixture.Open(clean, recoveryPoint);
        Assert.Contains(_fixture.Logger.Lines, l => l.Contains("producer snapshot", StringComparison.Ordinal));
        AssertKnows(Batches - 1);
        Assert.All(Snapshots, o => Assert.True(ProducerSnapshotFile.TryParse(disk[_fixture.File(o, ".snapshot")], out _)));
    }

    [Fact]
    public void Open_StraySnapshots_AreRemoved_ButForTheNewest()
    {
        Fill();
        _fixture.Log.Close();
        FaultingDisk disk = _disk.Crash();
        disk[_fixture.File(1, ".snapshot")] = ProducerSnapshotFile.Format([]);
        disk[_fixture.File(900, ".snapshot")] = ProducerSnapshotFile.Format([]);
        _fixture.Disk = disk;
        _fixture.Open(clean: true);
        Assert.DoesNotContain(1, Snapshots);
        Assert.DoesNotContain(900, Snapshots);
        AssertKnows(Batches - 1);
    }

    [Fact]
    public void Open_CleanWithoutAnySnapshot_ReadsNothingForIt_AsKafkaAfterAnUpgrade()
    {
        Fill();
        _fixture.Log.Close();
        FaultingDisk disk = _disk.Crash();
        foreach (long offset in Snapshots)
        {
            disk.Delete(_fixture.File(offset, ".snapshot"));
        }
        _fixture.Disk = disk;
        _fixture.Open(clean: true);
        Assert.Equal(0, _fixture.Log.ProducerCount);
        Assert.Equal([_fixture.Log.ActiveSegment.BaseOffset, Batches], Snapshots);
    }

    [Fact]
    public void TruncateTo_InTheMiddle_KnowsWhatIsLeft()
    {
        Fill();
        _fixture.Log.TruncateTo(33);
        Assert.All(Snapshots, s => Assert.True(s <= 33));
        Assert.Equal(33, _fixture.Log.LogEndOffset);
        AssertKnows(32);
        _fixture.Background.RunAll();
        _fixture.Disk = Disk.Crash();
        _fixture.Open(recoveryPoint: 33);
        AssertKnows(33);
    }

    [Fact]
    public void TruncateTo_BeforeTheSnapshotIsWritten_DropsIt()
    {
        for (int i = 0; i < Batches; i++)
        {
            Send(i);
        }
        _fixture.Log.TruncateTo(3);
        _fixture.Background.RunAll();
        Assert.All(Snapshots, s => Assert.True(s <= 3));
        AssertKnows(2);
    }

    [Fact]
    public void Open_ExpiredProducers_AreForgotten_UnlessTheirTransactionIsOpen()
    {
        Send(0, producer: 7);
        SendInTransaction(0, producer: 8);
        _fixture.Log.Close();
        LoadedLog loaded = new LogLoader(Disk, _fixture.Logger, _fixture.NowMs + 5_000) { ProducerExpirationMs = 5_000 }.Load(
            LogFixture.Partition, _fixture.Directory, _fixture.Config, 0, 2, clean: true);
        Assert.Equal([8], loaded.Producers.Producers.Select(p => p.ProducerId));
        Assert.Equal(1, loaded.Producers.Transactions!.FirstUnstableOffset);
    }

    [Fact]
    public void Transactions_MoveTheFirstUnstableOffset_AndEnterTheIndex()
    {
        SendInTransaction(0, producer: 7);           // 0
        SendInTransaction(0, producer: 8);           // 1
        SendInTransaction(1, producer: 7);           // 2
        Assert.Equal(0, _fixture.Log.FirstUnstableOffset);
        Assert.Equal(ErrorCode.None, _fixture.End(7, ControlRecordType.Abort).Error);   // 3
        Assert.Equal(0, _fixture.Log.FirstUnstableOffset);     // the marker is not replicated yet
        _fixture.Log.OnHighWatermark(4);
        Assert.Equal(1, _fixture.Log.FirstUnstableOffset);
        Assert.Equal(ErrorCode.None, _fixture.End(8, ControlRecordType.Commit).Error);  // 4
        _fixture.Log.OnHighWatermark(5);
        Assert.Null(_fixture.Log.FirstUnstableOffset);
        AbortedTransaction[] expected = [new(7, 0, 3, 1)];
        Assert.Equal(expected, _fixture.Log.CollectAborted(0, 5));
        Assert.Empty(_fixture.Log.CollectAborted(4, 5));

        foreach (bool clean in new[] { true, false })
        {
            if (clean)
            {
                _fixture.Log.Close();
            }
            _fixture.Disk = Disk.Crash();
            _fixture.Open(clean);
            Assert.Equal(expected, _fixture.Log.CollectAborted(0, 5));
            _fixture.Log.OnHighWatermark(5);
            Assert.Null(_fixture.Log.FirstUnstableOffset);
            Assert.Equal(3, _fixture.Log.DescribeProducers().Single(p => p.ProducerId == 7).CoordinatorEpoch);
        }
        _fixture.Log.TruncateTo(3);
        Assert.Empty(_fixture.Log.CollectAborted(0, 5));
        Assert.Equal(0, _fixture.Log.FirstUnstableOffset);
    }
}
