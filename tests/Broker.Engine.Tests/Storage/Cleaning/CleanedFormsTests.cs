using System.Text;
using Broker.Engine.Storage;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage.Cleaning;

/// <summary>What cleaning makes of formats and of segments that hold no record any more.</summary>
public sealed class CleanedFormsTests
{
    private readonly FaultingDisk _disk = new();

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Clean_EntriesOfMagic0And1_KeepsTheLastOfEachKeyAtItsOffset(byte magic)
    {
        long time = magic == 0 ? -1 : 1_600_000_000_000;
        var fixture = new CompactionFixture(_disk);
        fixture.Log.Dispose();
        _disk[fixture.Logs.File(0, ".log")] =
        [
            .. LegacyFileTests.Entry(magic, 0, Bytes("a"), Bytes("first"), time),
            .. LegacyFileTests.Entry(magic, 1, Bytes("b"), Bytes("only"), time),
            .. LegacyFileTests.Wrapper(magic, 2, 5, time, CompressionCodec.Gzip),   // five records of the key k
            .. LegacyFileTests.Entry(magic, 7, Bytes("a"), Bytes("last"), time),
        ];
        fixture.Logs.Open();
        Assert.Equal(8, fixture.Log.LogEndOffset);
        fixture.FillSegment();
        fixture.FillSegment();

        fixture.Compact();

        (long, string?, string?)[] kept = [.. Read(fixture.Log).Where(r => r.Key != "filler")];
        Assert.Equal([(1, "b", "only"), (6, "k", "old 6"), (7, "a", "last")], kept);
        fixture.Logs.Background.RunAll();
        fixture.Logs.Disk = _disk.Crash();
        fixture.Logs.Open();
        Assert.Equal(kept, Read(fixture.Log).Where(r => r.Key != "filler"));
    }

    /// <summary>Records of whatever format.</summary>
    private static List<(long Offset, string? Key, string? Value)> Read(PartitionLog log)
    {
        var found = new List<(long, string?, string?)>();
        for (long next = log.LogStartOffset; next < log.LogEndOffset && log.Copy(next, 1 << 20, log.LogEndOffset) is { } bytes;)
        {
            var cursor = new BatchCursor(bytes);
            while (cursor.MoveNext())
            {
                if (cursor.Magic < RecordBatchHeader.Magic)
                {
                    using var records = new LegacyRecordCursor(new LegacyMessageView(cursor.Current), BatchTools.Current.Codecs);
                    while (records.MoveNext())
                    {
                        found.Add((records.Current.Offset, Text(records.Current.Key), Text(records.Current.Value)));
                    }
                    next = cursor.Offset + 1;
                }
                else
                {
                    using var records = new RecordCursor(cursor.Batch, BatchTools.Current.Codecs);
                    while (records.MoveNext())
                    {
                        found.Add((records.Current.Offset, Text(records.Current.Key), Text(records.Current.Value)));
                    }
                    next = cursor.Batch.LastOffset + 1;
                }
            }
        }
        return [.. found.Distinct()];
    }

    private static string? Text(NullableBytes bytes) => bytes.IsNull ? null : Encoding.UTF8.GetString(bytes.Span);

    [Fact]
    public void Clean_SegmentOfOneProducerWhoseKeysAreAllReplaced_KeepsAHeaderThatIsReadSearchedAndRecovered()
    {
        var fixture = new CompactionFixture(_disk, segmentBytes: 200);
        string filler = new('v', 40);   // one batch a segment
        var producer = new RecordBatchOptions { ProducerId = 5, ProducerEpoch = 0, BaseSequence = 0 };
        fixture.Append(producer, ("a", filler), ("b", filler));
        fixture.Append(("a", filler), ("b", filler));
        fixture.Append(("a", filler), ("b", filler));
        fixture.FillSegment();

        fixture.Compact();
        fixture.Logs.Background.RunAll();

        Check(fixture);
        fixture.Log.Close();
        fixture.Logs.Open(clean: true, recoveryPoint: fixture.Log.LogEndOffset);
        Check(fixture);
        fixture.Logs.Disk = _disk.Crash();
        fixture.Logs.Open();
        Check(fixture);
        // What the producer sent last is known by the header alone.
        Assert.Equal(1, fixture.Log.DescribeProducers().Single(p => p.ProducerId == 5).LastSequence);
    }

    private static void Check(CompactionFixture fixture)
    {
        LogSegment first = fixture.Log.Segments[0];
        var header = new RecordBatchView(CompactionFixture.Batches(fixture.Log)[0]);
        Assert.Equal((0L, 1L, 0, 5L), (header.BaseOffset, header.LastOffset, header.Count, header.ProducerId));
        Assert.Equal(0, first.BaseOffset);
        Assert.Equal(4, fixture.Log.FindByTimestamp(1)?.Offset);
        Assert.NotNull(fixture.Log.FindMaxTimestamp());
        Assert.True(fixture.Log.TryRead(1, 1_000, fixture.Log.LogEndOffset, wholeFirstBatch: true, out LogSlice slice));
        Assert.True(slice.Length > 0);
        slice.File!.ReleaseReference();
        fixture.Logs.CheckIndexes();
    }
}
