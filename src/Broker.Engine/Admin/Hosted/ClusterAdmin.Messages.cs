using System.Runtime.CompilerServices;
using System.Text;
using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Reading, following and producing records.</summary>
internal sealed partial class ClusterAdmin
{
    /// <summary>Milliseconds that a message of the console's waits for its replicas.</summary>
    private const long ReplicatedWithinMs = 30_000;

    private const int LimitMax = 1_000;
    private const int ScanBytesMax = 64 * 1024 * 1024;
    private const int TailBatchMax = 200;
    private static readonly TimeSpan s_tailPeriod = TimeSpan.FromMilliseconds(200);

    /// <summary>Readers that may follow topics at once.</summary>
    private const int TailsMax = 100;

    private int _roundRobin;
    private int _tails;

    public Task<MessagePage> BrowseAsync(MessageQuery query, CancellationToken cancellationToken) =>
        Task.Run(() => BrowsePartitionsAsync(query, cancellationToken), cancellationToken);

    private async Task<MessagePage> BrowsePartitionsAsync(MessageQuery query, CancellationToken cancellationToken)
    {
        int limit = Math.Clamp(query.Limit, 1, LimitMax);
        int[] partitions = query.Partition is { } one ? [one] : [.. Enumerable.Range(0, Known(query.Topic).Partitions.Length)];
        var found = new List<MessageView>();
        long scanned = 0;
        bool isPartial = false;
        foreach (int index in partitions)
        {
            try
            {
                RecordSource source = SourceOrThrow(query.Topic, index);
                var reader = new MessageReader(source, query.Contains, query.ValueBytesMax);
                (long start, long end) = await source.BoundsAsync(cancellationToken).ConfigureAwait(false);
                long from = await StartOfAsync(query, source, start, end, limit, cancellationToken).ConfigureAwait(false);
                List<MessageView> read = await reader.ReadAsync(
                    from, end, query.From == BrowseFrom.Newest ? int.MaxValue : limit, ScanBytesMax / partitions.Length, cancellationToken)
                    .ConfigureAwait(false);
                found.AddRange(query.From == BrowseFrom.Newest ? read.TakeLast(limit) : read);
                scanned += reader.Scanned;
                isPartial |= reader.IsPartial || IsShort(query, read.Count, limit, from > start);
            }
            catch (AdminException) when (query.Partition is null)
            {
                isPartial = true;   // its leader is down: the others are shown
            }
        }
        if (partitions.Length > 1)
        {
            found.Sort((a, b) => a.Timestamp.CompareTo(b.Timestamp));
        }
        List<MessageView> page = query.From == BrowseFrom.Newest ? [.. found.TakeLast(limit)] : [.. found.Take(limit)];
        return new MessagePage(page, scanned, isPartial);
    }

    /// <summary>Whether the search for the newest began too late to find as many as were wanted.</summary>
    private static bool IsShort(MessageQuery query, int found, int limit, bool hasOlder) =>
        query.From == BrowseFrom.Newest && query.Contains is not null && found < limit && hasOlder;

    private static async ValueTask<long> StartOfAsync(
        MessageQuery query, RecordSource source, long start, long end, int limit, CancellationToken cancellationToken) => query.From switch
        {
            BrowseFrom.Oldest => start,
            BrowseFrom.Offset => Math.Clamp(query.Offset, start, Math.Max(start, end)),
            BrowseFrom.Timestamp => await source.FindByTimestampAsync(
                query.Timestamp.ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false) ?? end,
            _ => Math.Max(start, end - (query.Contains is null ? limit : 100 * limit)),
        };

    public IAsyncEnumerable<TailBatch> TailAsync(TailQuery query, CancellationToken cancellationToken)
    {
        int partitions = Known(query.Topic).Partitions.Length;
        if (query.Partition is { } one && (uint)one >= (uint)partitions)
        {
            throw NoPartition(query.Topic, one);
        }
        if (Volatile.Read(ref _tails) >= TailsMax)
        {
            throw new AdminException("THROTTLING_QUOTA_EXCEEDED", $"{TailsMax} readers follow topics already; that is the limit.");
        }
        // From the end that is there now; what other hosts lead, from the end that they say there is as following begins.
        var positions = new Dictionary<int, long>();
        foreach (int index in query.Partition is { } single ? [single] : Enumerable.Range(0, partitions))
        {
            if (Leader(new TopicPartition(query.Topic, index))?.Partition is { } partition)
            {
                positions[index] = partition.HighWatermark;
            }
        }
        return FollowAsync(query, positions, cancellationToken);
    }

    private async IAsyncEnumerable<TailBatch> FollowAsync(
        TailQuery query, Dictionary<int, long> positions, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _tails);
        try
        {
            _ = await ArrivedAsync(query, positions, isFirst: true, cancellationToken).ConfigureAwait(false);
            using var timer = new PeriodicTimer(s_tailPeriod, _cluster.Time);
            while (await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false))
            {
                TailBatch batch = await ArrivedAsync(query, positions, isFirst: false, cancellationToken).ConfigureAwait(false);
                if (batch.Messages.Count > 0 || batch.Skipped > 0)
                {
                    yield return batch;
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _tails);
        }
    }

    /// <summary>What has come since the positions, which move on; a partition seen for the first time begins at its end, one
    /// added later at its beginning.</summary>
    private async ValueTask<TailBatch> ArrivedAsync(
        TailQuery query, Dictionary<int, long> positions, bool isFirst, CancellationToken cancellationToken)
    {
        int known = Known(query.Topic).Partitions.Length;
        var messages = new List<MessageView>();
        long skipped = 0;
        foreach (int index in query.Partition is { } one ? [one] : Enumerable.Range(0, known))
        {
            if (isFirst && positions.ContainsKey(index))
            {
                continue;
            }
            try
            {
                RecordSource source = SourceOrThrow(query.Topic, index);
                (long start, long end) = await source.BoundsAsync(cancellationToken).ConfigureAwait(false);
                long from = positions.TryGetValue(index, out long at) ? Math.Min(at, end) : isFirst ? end : start;
                if (end - from > TailBatchMax)
                {
                    skipped += end - TailBatchMax - from;
                    from = end - TailBatchMax;
                }
                if (from < end)
                {
                    messages.AddRange(await new MessageReader(source, query.Contains, MessageQuery.ValueBytesMaxDefault)
                        .ReadAsync(from, end, TailBatchMax, ScanBytesMax, cancellationToken).ConfigureAwait(false));
                }
                positions[index] = end;
            }
            catch (AdminException)
            {
                // its leader is down: it goes on where it was when it is back
            }
        }
        return new TailBatch(messages, skipped);
    }

    public async Task<ProducedMessage> ProduceAsync(NewMessage message, CancellationToken cancellationToken)
    {
        int count = Known(message.Topic).Partitions.Length;
        if (InternalTopics.Contains(message.Topic))
        {
            throw new AdminException("INVALID_TOPIC_EXCEPTION", $"{message.Topic} is the cluster's own; only the cluster writes to it.");
        }
        int index = message.Partition ?? (message.Key is { } key
            ? (int)((uint)(Murmur2.Hash(key.Span) & int.MaxValue) % (uint)count)
            : (int)((uint)Interlocked.Increment(ref _roundRobin) % (uint)count));
        if (!CompressionCodecs.TryParse(message.Compression, out CompressionCodec codec))
        {
            throw new AdminException("UNSUPPORTED_COMPRESSION_TYPE", $"There is no codec '{message.Compression}'.");
        }
        long now = _cluster.Time.GetUtcNow().ToUnixTimeMilliseconds();
        if (LeaderOf(new TopicPartition(message.Topic, index)) is var leader && IsRemote(leader))
        {
            return await ProduceRemotelyAsync(leader, message, index, codec, now, cancellationToken).ConfigureAwait(false);
        }
        Replication.Partition partition = LeaderOrThrow(message.Topic, index);
        AppendResult result = Append(partition, message, codec, now);
        ErrorCode error = result.Error != ErrorCode.None
            ? result.Error : await partition.WhenReplicatedAsync(result.LastOffset + 1, result.LeaderEpoch, ReplicatedWithinMs).ConfigureAwait(false);
        return error == ErrorCode.None
            ? new ProducedMessage(message.Topic, index, result.BaseOffset, message.Timestamp ?? DateTimeOffset.FromUnixTimeMilliseconds(now))
            : throw new AdminException(error.Name(), result.ErrorMessage ?? error.Name());
    }

    private static RecordBatchBuilder Build(NewMessage message, CompressionCodec codec, long now)
    {
        var builder = new RecordBatchBuilder(BatchTools.Current.Codecs);
        builder.Begin(new RecordBatchOptions { Codec = codec });
        builder.Append(
            message.Timestamp?.ToUnixTimeMilliseconds() ?? now, message.Key, message.Value,
            [.. message.Headers.Select(h => new RecordHeader(Encoding.UTF8.GetBytes(h.Key), h.Value))]);
        return builder;
    }

    private static AppendResult Append(Replication.Partition partition, NewMessage message, CompressionCodec codec, long now)
    {
        using RecordBatchBuilder builder = Build(message, codec, now);
        AppendResult result = partition.AppendAsLeader(
            builder.Finish().Span, ProduceRequest.HighestVersion, now, Replication.Partition.AllReplicas);
        if (result.Error == ErrorCode.None)
        {
            partition.Topic.Metrics.Produced(result.Records, result.Bytes);
        }
        partition.Wake();
        return result;
    }
}
