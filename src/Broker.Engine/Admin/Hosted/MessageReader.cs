using System.Text;
using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Storage;
using Broker.Protocol.Records;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Reads records of a partition for people. Not thread-safe.</summary>
internal sealed class MessageReader(RecordSource source, string? contains, int valueBytesMax)
{
    private const int ReadBytes = 1024 * 1024;

    private readonly byte[]? _contains = string.IsNullOrEmpty(contains) ? null : Encoding.UTF8.GetBytes(contains);

    /// <summary>Records looked at.</summary>
    public long Scanned { get; private set; }

    /// <summary>Whether the limit of bytes ended the scan.</summary>
    public bool IsPartial { get; private set; }

    public async ValueTask<List<MessageView>> ReadAsync(long from, long end, int limit, int bytesMax, CancellationToken cancellationToken)
    {
        var found = new List<MessageView>();
        long offset = from;
        int bytes = 0;
        while (offset < end && found.Count < limit)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (bytes > bytesMax)
            {
                IsPartial = true;
                break;
            }
            if (await source.CopyAsync(offset, ReadBytes, end, cancellationToken).ConfigureAwait(false) is not { } chunk)
            {
                break;
            }
            bytes += chunk.Length;
            long next = Read(chunk, from, end, limit, found);
            if (next <= offset)
            {
                break;
            }
            offset = next;
        }
        return found;
    }

    private long Read(byte[] chunk, long from, long end, int limit, List<MessageView> found)
    {
        long next = -1;
        var batches = new BatchCursor(chunk);
        while (batches.MoveNext() && found.Count < limit)
        {
            if (batches.Magic < RecordBatchHeader.Magic)
            {
                next = batches.Offset + 1;
                ReadLegacy(new LegacyMessageView(batches.Current), from, end, limit, found);
                continue;
            }
            RecordBatchView batch = batches.Batch;
            next = batch.LastOffset + 1;
            using var records = new RecordCursor(batch, BatchTools.Current.Codecs);
            while (!batch.IsControl && records.MoveNext() && found.Count < limit)
            {
                RecordView record = records.Current;
                if (record.Offset >= from && record.Offset < end)
                {
                    Scanned++;
                    if (Fits(record))
                    {
                        found.Add(View(record, batch));
                    }
                }
            }
        }
        return next;
    }

    /// <summary>Records of magic 0 and 1 sit in files of old.</summary>
    private void ReadLegacy(LegacyMessageView entry, long from, long end, int limit, List<MessageView> found)
    {
        using var records = new LegacyRecordCursor(entry, BatchTools.Current.Codecs);
        while (records.MoveNext() && found.Count < limit)
        {
            RecordView record = records.Current;
            if (record.Offset >= from && record.Offset < end)
            {
                Scanned++;
                if (Fits(record))
                {
                    found.Add(View(
                        record, entry.TimestampType, entry.Codec, RecordBatchHeader.NoLeaderEpoch, RecordBatchHeader.NoProducerId));
                }
            }
        }
    }

    private bool Fits(RecordView record)
    {
        if (_contains is not { } wanted || record.Key.Span.IndexOf(wanted) >= 0 || record.Value.Span.IndexOf(wanted) >= 0)
        {
            return true;
        }
        foreach (RecordHeaderCursor header in record.Headers)
        {
            if (header.Key.IndexOf(wanted) >= 0 || header.Value.Span.IndexOf(wanted) >= 0)
            {
                return true;
            }
        }
        return false;
    }

    private MessageView View(RecordView record, RecordBatchView batch) =>
        View(record, batch.TimestampType, batch.Codec, batch.PartitionLeaderEpoch, batch.ProducerId);

    private MessageView View(RecordView record, TimestampType timestampType, CompressionCodec codec, int leaderEpoch, long producerId)
    {
        var headers = new List<KeyValuePair<string, ReadOnlyMemory<byte>?>>();
        foreach (RecordHeaderCursor header in record.Headers)
        {
            headers.Add(KeyValuePair.Create(Encoding.UTF8.GetString(header.Key), Cut(header.Value)));
        }
        return new MessageView
        {
            Partition = source.Index,
            Offset = record.Offset,
            Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(record.Timestamp, 0, 253_402_300_799_999)),
            TimestampType = timestampType.ToString(),
            Key = Cut(record.Key),
            Value = Cut(record.Value),
            KeyBytes = Math.Max(0, record.Key.Length),
            ValueBytes = Math.Max(0, record.Value.Length),
            IsCut = record.Value.Length > valueBytesMax || record.Key.Length > valueBytesMax,
            Headers = headers,
            Compression = CompressionCodecs.Name(codec),
            LeaderEpoch = leaderEpoch,
            ProducerId = producerId,
        };
    }

    /// <summary>Null stays null: without the cast it would be taken for an array that is null, and that is memory that is empty.</summary>
    private ReadOnlyMemory<byte>? Cut(NullableBytes bytes) =>
        bytes.IsNull ? (ReadOnlyMemory<byte>?)null : new ReadOnlyMemory<byte>(bytes.Span[..Math.Min(bytes.Span.Length, valueBytesMax)].ToArray());
}
