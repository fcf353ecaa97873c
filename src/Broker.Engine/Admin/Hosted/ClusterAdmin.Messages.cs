using System.Runtime.CompilerServices;
using System.Text;
using Broker.Engine.Metadata;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Reading, following and producing records.</summary>
internal sealed partial class ClusterAdmin
{
    private const int LimitMax = 1_000;
    private const int ScanBytesMax = 64 * 1024 * 1024;
    private const int TailBatchMax = 200;
    private static readonly TimeSpan s_tailPeriod = TimeSpan.FromMilliseconds(200);

    private int _roundRobin;

    public Task<MessagePage> BrowseAsync(MessageQuery query, CancellationToken cancellationToken) =>
        Task.Run(() => Browse(query, cancellationToken), cancellationToken);

    private MessagePage Browse(MessageQuery query, CancellationToken cancellationToken)
    {
        int limit = Math.Clamp(query.Limit, 1, LimitMax);
        int[] partitions = query.Partition is { } one ? [one] : [.. Enumerable.Range(0, Known(query.Topic).Partitions.Length)];
        var found = new List<MessageView>();
        long scanned = 0;
        bool isPartial = false;
        foreach (int index in partitions)
        {
            if (query.Partition is null && Leader(new TopicPartition(query.Topic, index)) is null)
            {
                isPartial = true;   // its leader is down: the others are shown
                continue;
            }
            Replication.Partition partition = LeaderOrThrow(query.Topic, index);
            var reader = new MessageReader(partition, query.Contains, query.ValueBytesMax);
            long from = StartOf(query, partition, limit);
            List<MessageView> read = reader.Read(from, partition.HighWatermark, query.From == BrowseFrom.Newest ? int.MaxValue : limit,
                ScanBytesMax / partitions.Length, cancellationToken);
            found.AddRange(query.From == BrowseFrom.Newest ? read.TakeLast(limit) : read);
            scanned += reader.Scanned;
            isPartial |= reader.IsPartial;
        }
        if (partitions.Length > 1)
        {
            found.Sort((a, b) => a.Timestamp.CompareTo(b.Timestamp));
        }
        List<MessageView> page = query.From == BrowseFrom.Newest ? [.. found.TakeLast(limit)] : [.. found.Take(limit)];
        return new MessagePage(page, scanned, isPartial);
    }

    private static long StartOf(MessageQuery query, Replication.Partition partition, int limit)
    {
        long start = partition.Log.LogStartOffset;
        return query.From switch
        {
            BrowseFrom.Oldest => start,
            BrowseFrom.Offset => Math.Clamp(query.Offset, start, partition.HighWatermark),
            BrowseFrom.Timestamp => partition.Log.FindByTimestamp(query.Timestamp.ToUnixTimeMilliseconds())?.Offset ?? partition.HighWatermark,
            _ => Math.Max(start, partition.HighWatermark - (query.Contains is null ? limit : 100 * limit)),
        };
    }

    public async IAsyncEnumerable<TailBatch> TailAsync(TailQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        TopicImage topic = Known(query.Topic);
        var positions = new Dictionary<int, long>();
        using var timer = new PeriodicTimer(s_tailPeriod, _cluster.Time);
        do
        {
            var messages = new List<MessageView>();
            long skipped = 0;
            foreach (int index in query.Partition is { } one ? [one] : Enumerable.Range(0, topic.Partitions.Length))
            {
                if (Leader(new TopicPartition(query.Topic, index))?.Partition is not { } partition)
                {
                    continue;
                }
                long end = partition.HighWatermark;
                long from = positions.TryGetValue(index, out long at) ? at : end;
                if (end - from > TailBatchMax)
                {
                    skipped += end - TailBatchMax - from;
                    from = end - TailBatchMax;
                }
                messages.AddRange(new MessageReader(partition, query.Contains, new MessageQuery { Topic = "" }.ValueBytesMax)
                    .Read(from, end, TailBatchMax, ScanBytesMax, cancellationToken));
                positions[index] = end;
            }
            if (messages.Count > 0 || skipped > 0)
            {
                yield return new TailBatch(messages, skipped);
            }
        }
        while (await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false));
    }

    public Task<ProducedMessage> ProduceAsync(NewMessage message, CancellationToken cancellationToken)
    {
        int count = Known(message.Topic).Partitions.Length;
        int index = message.Partition ?? (message.Key is { } key
            ? (int)((uint)(Murmur2.Hash(key.Span) & int.MaxValue) % (uint)count)
            : (int)((uint)Interlocked.Increment(ref _roundRobin) % (uint)count));
        Replication.Partition partition = LeaderOrThrow(message.Topic, index);
        if (!CompressionCodecs.TryParse(message.Compression, out CompressionCodec codec))
        {
            throw new AdminException("UNSUPPORTED_COMPRESSION_TYPE", $"There is no codec '{message.Compression}'.");
        }
        long now = _cluster.Time.GetUtcNow().ToUnixTimeMilliseconds();
        using var builder = new RecordBatchBuilder(BatchTools.Current.Codecs);
        builder.Begin(new RecordBatchOptions { Codec = codec });
        builder.Append(
            message.Timestamp?.ToUnixTimeMilliseconds() ?? now, message.Key, message.Value,
            [.. message.Headers.Select(h => new RecordHeader(Encoding.UTF8.GetBytes(h.Key), h.Value))]);
        AppendResult result = partition.AppendAsLeader(builder.Finish().Span, ProduceRequest.HighestVersion, now);
        partition.Wake();
        return result.Error == ErrorCode.None
            ? Task.FromResult(new ProducedMessage(message.Topic, index, result.BaseOffset, message.Timestamp ?? DateTimeOffset.FromUnixTimeMilliseconds(now)))
            : throw new AdminException(result.Error.Name(), result.ErrorMessage ?? result.Error.Name());
    }
}
