using System.Text;
using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Cleaning;
using Broker.Engine.Storage.Files;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage.Cleaning;

internal sealed record KeyedRecord(long Offset, string? Key, string? Value);

/// <summary>A compacted log that is written to, cleaned, and read back.</summary>
internal sealed class CompactionFixture
{
    private readonly RecordBatchBuilder _builder = new(new RecordCodecs());

    public CompactionFixture(Disk disk, int segmentBytes = 300, long deleteRetentionMs = 1_000, long minLagMs = 0, int indexIntervalBytes = 100)
    {
        LogConfig plain = LogFixture.NewConfig(segmentBytes, indexIntervalBytes);
        Logs = new LogFixture(disk, "/logs", new LogConfig(new BrokerConfig(new Dictionary<string, string>()), new Dictionary<string, string>())
        {
            SegmentBytes = plain.SegmentBytes,
            IndexIntervalBytes = indexIntervalBytes,
            CleanupPolicyCompact = true,
            CleanupPolicyDelete = false,
            DeleteRetentionMs = deleteRetentionMs,
            MinCompactionLagMs = minLagMs,
            MinCleanableDirtyRatio = 0,
        });
        Logs.Open();
    }

    public LogFixture Logs { get; }

    public PartitionLog Log => Logs.Log;

    public long FirstDirty { get; set; }

    public long MapBytes { get; set; } = 1 << 20;

    public CleanerStats? Stats { get; private set; }

    public long Append(params (string? Key, string? Value)[] records) => Append(new RecordBatchOptions(), records);

    public long Append(RecordBatchOptions options, params (string? Key, string? Value)[] records)
    {
        _builder.Begin(options);
        foreach ((string? key, string? value) in records)
        {
            _builder.Append(Logs.NowMs, Bytes(key), Bytes(value));
        }
        AppendResult result = Log.AppendFromCoordinator(_builder.Finish().ToArray(), Logs.NowMs, 0);
        Assert.Equal(ErrorCode.None, result.Error);
        return result.BaseOffset;
    }

    public long AppendMarker(long producerId, ControlRecordType type)
    {
        Memory<byte> marker = ControlRecord.BuildMarker(
            _builder, type, 0, Logs.NowMs, new RecordBatchOptions { ProducerId = producerId, ProducerEpoch = 0 });
        return Log.AppendFromCoordinator(marker.ToArray(), Logs.NowMs, 0).BaseOffset;
    }

    /// <summary>Fills the active segment up, so that everything before the result can be cleaned.</summary>
    public long FillSegment()
    {
        long before = Log.ActiveSegment.BaseOffset;
        for (int i = 0; Log.ActiveSegment.BaseOffset == before; i++)
        {
            Append(($"filler", new string('x', 100)));
        }
        return Log.ActiveSegment.BaseOffset;
    }

    public void Compact(Action<long>? took = null)
    {
        CleanableLog cleanable = CleanableLog.Of(Log, FirstDirty, Log.LogEndOffset, Logs.NowMs);
        var options = new CompactionOptions { MapBytes = MapBytes, LoadFactor = 0.9, BufferBytes = 4096 };
        var compaction = new LogCompaction(options, new Random(7), took ?? (_ => { }), Logs.NowMs);
        FirstDirty = compaction.Clean(cleanable);
        Stats = compaction.Stats;
    }

    public List<KeyedRecord> Records(long from = 0) => Read(Log, from);

    public static List<KeyedRecord> Read(PartitionLog log, long from = 0)
    {
        var found = new List<KeyedRecord>();
        foreach (byte[] batch in Batches(log, from))
        {
            using var records = new RecordCursor(new RecordBatchView(batch), BatchTools.Current.Codecs);
            while (!new RecordBatchView(batch).IsControl && records.MoveNext())
            {
                found.Add(new KeyedRecord(records.Offset, Text(records.Current.Key), Text(records.Current.Value)));
            }
            Assert.Equal(RecordFault.None, records.Fault);
        }
        return found;
    }

    public static List<byte[]> Batches(PartitionLog log, long from = 0)
    {
        var found = new List<byte[]>();
        while (from < log.LogEndOffset && log.Copy(from, 1 << 20, log.LogEndOffset) is { } bytes)
        {
            long before = from;
            var cursor = new BatchCursor(bytes);
            while (cursor.MoveNext())
            {
                Assert.True(cursor.Batch.IsCrcValid());
                if (cursor.Batch.LastOffset >= from)
                {
                    found.Add(cursor.Current.ToArray());
                    from = cursor.Batch.LastOffset + 1;
                }
            }
            Assert.True(from > before, "a read made no progress");
        }
        return found;
    }

    /// <summary>What a reader of all records holds in the end.</summary>
    public static Dictionary<string, string> TableOf(IEnumerable<KeyedRecord> records)
    {
        var table = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (KeyedRecord record in records)
        {
            if (record.Value is null)
            {
                table.Remove(record.Key!);
            }
            else
            {
                table[record.Key!] = record.Value;
            }
        }
        return table;
    }

    private static byte[]? Bytes(string? text) => text is null ? null : Encoding.UTF8.GetBytes(text);

    private static string? Text(NullableBytes bytes) => bytes.IsNull ? null : bytes.ToString();
}
