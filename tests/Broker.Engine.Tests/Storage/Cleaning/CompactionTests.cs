using Broker.Engine.Storage;
using Broker.Engine.Storage.Cleaning;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage.Cleaning;

public sealed class CompactionTests
{
    private readonly FaultingDisk _disk = new();

    [Fact]
    public void Clean_KeyWrittenTwice_KeepsTheLastAtItsOffset()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(("a", "1"), ("b", "1"));
        fixture.Append(("a", "2"));
        long end = fixture.FillSegment();

        fixture.Compact();

        Assert.Equal(end, fixture.FirstDirty);
        List<KeyedRecord> records = [.. fixture.Records().Where(r => r.Key != "filler")];
        Assert.Equal([new(1, "b", "1"), new(2, "a", "2")], records);
        byte[] first = CompactionFixture.Batches(fixture.Log)[0];
        Assert.Equal((0L, 1L, 1), (new RecordBatchView(first).BaseOffset, new RecordBatchView(first).LastOffset, new RecordBatchView(first).Count));
        fixture.Logs.CheckIndexes();
    }

    [Theory]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Snappy)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public void Clean_CompressedBatch_IsCompressedAgain(CompressionCodec codec)
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(new RecordBatchOptions { Codec = codec }, ("a", "1"), ("b", "1"), ("c", "1"));
        fixture.Append(("b", "2"));
        fixture.FillSegment();

        fixture.Compact();

        byte[] first = CompactionFixture.Batches(fixture.Log)[0];
        Assert.Equal((codec, 2), (new RecordBatchView(first).Codec, new RecordBatchView(first).Count));
        Assert.Equal([new(0, "a", "1"), new(2, "c", "1"), new(3, "b", "2")], fixture.Records().Where(r => r.Key != "filler"));
    }

    [Fact]
    public void Clean_Tombstone_StaysUntilItsDeleteHorizon()
    {
        var fixture = new CompactionFixture(_disk, deleteRetentionMs: 1_000);
        fixture.Append(("a", "1"));
        fixture.Append(("a", null));
        fixture.FillSegment();
        fixture.Compact();

        KeyedRecord tombstone = Assert.Single(fixture.Records(), r => r.Key == "a");
        Assert.Null(tombstone.Value);
        byte[] first = CompactionFixture.Batches(fixture.Log)[0];
        Assert.True(new RecordBatchView(first).HasDeleteHorizon);
        Assert.Equal(fixture.Logs.NowMs + 1_000, new RecordBatchView(first).BaseTimestamp);

        fixture.Logs.Time.Advance(TimeSpan.FromMilliseconds(999));
        fixture.FillSegment();
        fixture.Compact();
        Assert.Contains(fixture.Records(), r => r.Key == "a");

        fixture.Logs.Time.Advance(TimeSpan.FromMilliseconds(1));
        fixture.FillSegment();
        fixture.Compact();
        Assert.DoesNotContain(fixture.Records(), r => r.Key == "a");
    }

    [Fact]
    public void Clean_LastBatchOfAProducer_StaysAsAHeader()
    {
        var fixture = new CompactionFixture(_disk);
        var producer = new RecordBatchOptions { ProducerId = 5, ProducerEpoch = 0, BaseSequence = 0 };
        fixture.Append(producer, ("a", "1"), ("b", "1"));
        producer.BaseSequence = 2;
        fixture.Append(producer, ("a", "2"), ("b", "2"));
        fixture.Append(("a", "3"), ("b", "3"));
        fixture.FillSegment();

        fixture.Compact();

        byte[] first = CompactionFixture.Batches(fixture.Log)[0];
        var view = new RecordBatchView(first);
        Assert.Equal((2L, 3L, 0, 5L, 2, 3), (view.BaseOffset, view.LastOffset, view.Count, view.ProducerId, view.BaseSequence, view.LastSequence));
        fixture.Logs.CheckIndexes();
    }

    [Fact]
    public void Clean_AbortedTransaction_ItsRecordsGoAndItsMarkerAfterTheHorizon()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(("a", "kept"));
        var transaction = new RecordBatchOptions { ProducerId = 9, ProducerEpoch = 0, BaseSequence = 0, IsTransactional = true };
        long aborted = fixture.Append(transaction, ("a", "aborted"));
        fixture.FillSegment();   // the marker lies segments later
        long marker = fixture.AppendMarker(9, ControlRecordType.Abort);
        Assert.Equal((aborted, marker), fixture.Log.ActiveSegment.Transactions.Entries.Select(e => (e.FirstOffset, e.LastOffset)).Single());
        fixture.FillSegment();

        fixture.Compact();
        Assert.Equal("kept", Assert.Single(fixture.Records(), r => r.Key == "a").Value);
        Assert.Contains(CompactionFixture.Batches(fixture.Log), b => new RecordBatchView(b).IsControl);

        // While the aborted batch is its producer's last, its header stays, and the marker with it.
        transaction.BaseSequence = 1;
        fixture.Append(transaction, ("b", "later"));
        fixture.AppendMarker(9, ControlRecordType.Commit);
        fixture.FillSegment();
        fixture.Compact();
        fixture.FillSegment();
        fixture.Compact();   // no record needs the marker any more: it gets its horizon
        fixture.Logs.Time.Advance(TimeSpan.FromSeconds(2));
        fixture.FillSegment();
        fixture.Compact();
        Assert.DoesNotContain(
            CompactionFixture.Batches(fixture.Log), b => new RecordBatchView(b) is { Count: > 0 } batch && batch.BaseOffset == marker);
    }

    [Fact]
    public void Measure_RecordsAheadOfTheClock_AreNotOverdue()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.FillSegment();
        fixture.FillSegment();
        Assert.Equal(0, CleanableLog.Of(fixture.Log, 0, fixture.Log.LogEndOffset, fixture.Logs.NowMs - 60_000).OverdueMs);
    }

    [Fact]
    public void Clean_CommittedTransaction_IsKept()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(new RecordBatchOptions { ProducerId = 9, ProducerEpoch = 0, BaseSequence = 0, IsTransactional = true }, ("a", "1"));
        fixture.AppendMarker(9, ControlRecordType.Commit);
        fixture.FillSegment();

        fixture.Compact();

        Assert.Contains(new KeyedRecord(0, "a", "1"), fixture.Records());
        Assert.Contains(CompactionFixture.Batches(fixture.Log), b => new RecordBatchView(b).IsControl);
    }

    [Fact]
    public void Clean_MapFull_CleansTheRestNextTime()
    {
        var fixture = new CompactionFixture(_disk) { MapBytes = 8 * OffsetMap.EntryBytes };
        for (int i = 0; i < 40; i++)
        {
            fixture.Append(($"k{i % 20}", $"{i}"));
        }
        long end = fixture.FillSegment();

        fixture.Compact();
        Assert.InRange(fixture.FirstDirty, 1, end - 1);
        for (int i = 0; i < 20 && fixture.FirstDirty < end; i++)
        {
            fixture.Compact();
        }

        Assert.Equal(end, fixture.FirstDirty);
        Assert.Equal(
            [.. Enumerable.Range(20, 20).Select(i => new KeyedRecord(i, $"k{i % 20}", $"{i}"))],
            fixture.Records().Where(r => r.Key != "filler"));
    }

    [Fact]
    public void Clean_MinCompactionLag_LeavesYoungSegments()
    {
        var fixture = new CompactionFixture(_disk, minLagMs: 10_000);
        fixture.Append(("a", "1"));
        fixture.FillSegment();
        Assert.Equal(0, CleanableLog.Of(fixture.Log, 0, fixture.Log.LogEndOffset, fixture.Logs.NowMs).CleanableBytes);

        fixture.Logs.Time.Advance(TimeSpan.FromSeconds(10));
        CleanableLog later = CleanableLog.Of(fixture.Log, 0, fixture.Log.LogEndOffset, fixture.Logs.NowMs);
        Assert.Equal((1.0, fixture.Log.ActiveSegment.BaseOffset), (later.Ratio, later.FirstUncleanableOffset));
    }

    [Fact]
    public void Clean_HighWatermarkBelow_LimitsIt()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(("a", "1"));
        fixture.FillSegment();
        Assert.Equal(0, CleanableLog.Of(fixture.Log, 0, 1, fixture.Logs.NowMs).CleanableBytes);
    }

    [Fact]
    public void Clean_SliceHeldByAReader_StaysReadable()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(("a", "1"));
        fixture.Append(("a", "2"));
        fixture.FillSegment();
        Assert.True(fixture.Log.TryRead(0, 1_000, fixture.Log.LogEndOffset, wholeFirstBatch: true, out LogSlice slice));
        byte[] before = new byte[slice.Length];
        slice.File!.Read(before, slice.Position);

        fixture.Compact();

        byte[] after = new byte[slice.Length];
        Assert.Equal(slice.Length, slice.File.Read(after, slice.Position));
        Assert.Equal(before, after);
        slice.File.ReleaseReference();
        fixture.Logs.Background.RunAll();
        Assert.DoesNotContain(_disk.FilesIn(fixture.Logs.Directory), n => n.EndsWith(LogFileNames.DeletedSuffix, StringComparison.Ordinal));
    }

    [Fact]
    public void Clean_LogCutMeanwhile_AbortsAndLeavesNothing()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(("a", "1"));
        fixture.FillSegment();
        bool cut = false;

        Assert.Throws<CleaningAbortedException>(() => fixture.Compact(bytes =>
        {
            if (bytes > 0 && !cut)
            {
                cut = true;
                fixture.Log.TruncateFullyAndStartAt(50);
            }
        }));

        Assert.DoesNotContain(_disk.FilesIn(fixture.Logs.Directory), n => n.EndsWith(LogFileNames.CleanedSuffix, StringComparison.Ordinal));
        Assert.Equal(50, fixture.Log.LogEndOffset);
    }

    [Fact]
    public void Clean_DamagedBatch_IsRefused()
    {
        var fixture = new CompactionFixture(_disk);
        fixture.Append(("a", "1"));
        fixture.FillSegment();
        fixture.Logs.Background.RunAll();
        string path = fixture.Logs.File(0, LogFileNames.LogSuffix);
        byte[] bytes = _disk[path];
        bytes[65] ^= 1;
        fixture.Log.Segments[0].Rest();
        _disk[path] = bytes;

        Assert.Throws<CleaningException>(() => fixture.Compact());
        Assert.Equal(bytes, _disk[path]);
    }
}
