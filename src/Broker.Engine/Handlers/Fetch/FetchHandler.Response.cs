using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>Filling the answer: partitions in the request's order, the first that has anything with at least one whole batch,
/// the others within what is left (KIP-74, trap 32).</summary>
internal sealed partial class FetchHandler
{
    private static readonly WireList<FetchResponse.AbortedTransaction> s_noneAborted = [];

    internal void FillResponse(FetchOperation operation)
    {
        FetchResponse response = operation.Response;
        response.ThrottleTimeMs = 0;
        response.ErrorCode = operation.Error;
        response.SessionId = operation.Session?.Id ?? 0;
        response.NodeEndpoints.Clear();
        response.Responses.Clear();
        if (operation.Error != ErrorCode.None)
        {
            return;
        }
        FillFrom(operation, operation.Context == FetchContext.Incremental ? operation.Session!.StartAt : 0);
    }

    private void FillFrom(FetchOperation operation, int start)
    {
        Span<FetchTarget> targets = operation.Targets;
        int left = Math.Min(operation.Request.MaxBytes, _options.BytesMax);
        bool nothingYet = true;
        FetchResponse.FetchableTopicResponse? topic = null;
        for (int n = 0; n < targets.Length; n++)
        {
            int index = start + n < targets.Length ? start + n : start + n - targets.Length;
            ref FetchTarget target = ref targets[index];
            topic = TopicOf(operation.Response, topic, target);
            FetchResponse.PartitionData data = AddPartition(topic, target.Partition);
            int bytes = Fill(operation, ref target, data, left, nothingYet);
            if (bytes > 0)
            {
                left = Math.Max(0, left - bytes);
                nothingYet = false;
                if (operation.Session is { } session)
                {
                    session.StartAt = index + 1 < targets.Length ? index + 1 : 0;
                }
            }
            if (operation.Session is not null && !Remember(ref target, data) && operation.Context == FetchContext.Incremental)
            {
                topic.Partitions.RemoveLast();
            }
        }
        DropEmptyTopics(operation.Response);
    }

    private int Fill(FetchOperation operation, ref FetchTarget target, FetchResponse.PartitionData data, int left, bool nothingYet)
    {
        ReadCheck check = Check(target, operation);
        data.ErrorCode = check.Error;
        Reset(data);
        if (check.Error != ErrorCode.None)
        {
            target.Replica?.Topic.Metrics.FetchFailed();
            Hint(operation, target, data);
            return 0;
        }
        Partition replica = target.Replica!;
        data.HighWatermark = replica.HighWatermark;
        data.LastStableOffset = replica.LastStableOffset;
        data.LogStartOffset = replica.Log.LogStartOffset;
        data.AbortedTransactions = operation.IsReadCommitted ? s_noneAborted : null;
        if (check.Divergence is var (epoch, endOffset))
        {
            data.DivergingEpoch = new() { Epoch = epoch, EndOffset = endOffset };
            return 0;
        }
        if (operation.IsFollowerFetch && replica.Role.Follower(operation.ReplicaId) is { } follower)
        {
            follower.ToldHighWatermark = data.HighWatermark;
        }
        data.PreferredReadReplica = check.PreferredReplica;
        if (check.PreferredReplica >= 0 || IsThrottled(target, operation))
        {
            return 0;
        }
        int limit = Math.Min(target.BytesMax, left);
        LogSlice slice = default;
        if (target.FetchOffset < check.End && (limit > 0 || nothingYet)
            && !replica.Log.TryRead(target.FetchOffset, limit, check.End, nothingYet, out slice))
        {
            data.ErrorCode = ErrorCode.OffsetOutOfRange;   // the log was cut between the check and the read
            return 0;
        }
        if (slice.File is null && replica.Log.IsFailed)
        {
            data.ErrorCode = ErrorCode.KafkaStorageError;
            return 0;
        }
        if (slice.File is not null)
        {
            if (slice.FirstBatchIncomplete)
            {
                slice.File.ReleaseReference();
                slice = default;   // clients make progress by asking again with this partition first
            }
            else
            {
                if (slice.Length == limit && operation.IsFollowerFetch && replica.CountsByLeaderQuota)
                {
                    slice.Length = replica.Log.BytesOfWholeBatches(slice);
                }
                data.Records = new Broker.Protocol.Wire.Records(slice.File, slice.Position, slice.Length);
                if (operation.IsReadCommitted)
                {
                    AddAborted(data, replica, target.FetchOffset, check.End);
                }
            }
        }
        Count(operation, replica, slice.Length);
        return slice.Length;
    }

    private static void Reset(FetchResponse.PartitionData data)
    {
        data.HighWatermark = -1;
        data.LastStableOffset = -1;
        data.LogStartOffset = -1;
        data.PreferredReadReplica = -1;
        data.DivergingEpoch = null;
        data.CurrentLeader = null;
        data.SnapshotId = null;
        data.AbortedTransactions = null;
        data.Records = Broker.Protocol.Wire.Records.Empty;
    }

    private void Count(FetchOperation operation, Partition replica, int bytes)
    {
        if (operation.IsFollowerFetch)
        {
            replica.Topic.Metrics.Fetched(0);
            _replicas.Partitions.AllTopics.Mark(Diagnostics.TopicMeter.ReplicationBytesOut, bytes);
            if (bytes > 0 && replica.CountsByLeaderQuota)
            {
                _replicas.Context.LeaderQuota?.Record(bytes);
            }
        }
        else
        {
            replica.Topic.Metrics.Fetched(bytes);
        }
    }

    /// <summary>Names the aborted transactions whose records a read_committed consumer must leave out.</summary>
    private static void AddAborted(FetchResponse.PartitionData data, Partition replica, long from, long end)
    {
        List<Storage.Index.AbortedTransaction> aborted = replica.Log.CollectAborted(from, end);
        if (aborted.Count > 0)
        {
            data.AbortedTransactions = [.. aborted.Select(a => new FetchResponse.AbortedTransaction
            {
                ProducerId = a.ProducerId,
                FirstOffset = a.FirstOffset,
            })];
        }
    }

    /// <summary>Keeps what the session was told; false when that is nothing new.</summary>
    private static bool Remember(ref FetchTarget target, FetchResponse.PartitionData data)
    {
        bool isError = data.ErrorCode != ErrorCode.None;
        bool changed = target.NotSentYet || isError || target.SentError || data.Records.Length > 0
            || target.SentHighWatermark != data.HighWatermark || target.SentLogStartOffset != data.LogStartOffset
            || data.DivergingEpoch is not null || data.PreferredReadReplica >= 0;
        // A follower does not take in the rest of the answer that tells it to cut, and Kafka's begins no other session for that.
        target.NotSentYet = data.DivergingEpoch is not null;
        target.SentError = isError;
        target.SentHighWatermark = data.HighWatermark;
        target.SentLogStartOffset = data.LogStartOffset;
        return changed;
    }

    private static FetchResponse.FetchableTopicResponse TopicOf(
        FetchResponse response, FetchResponse.FetchableTopicResponse? last, in FetchTarget target)
    {
        if (last is not null && last.TopicId == target.TopicId && last.Topic.Span.SequenceEqual(target.Topic.Span))
        {
            return last;
        }
        if (!response.Responses.TryReuse(out FetchResponse.FetchableTopicResponse? topic))
        {
            topic = new FetchResponse.FetchableTopicResponse();
            response.Responses.Add(topic);
        }
        topic.Topic = target.Topic;
        topic.TopicId = target.TopicId;
        topic.Partitions.Clear();
        return topic;
    }

    private static FetchResponse.PartitionData AddPartition(FetchResponse.FetchableTopicResponse topic, int partition)
    {
        if (!topic.Partitions.TryReuse(out FetchResponse.PartitionData? data))
        {
            data = new FetchResponse.PartitionData();
            topic.Partitions.Add(data);
        }
        data.PartitionIndex = partition;
        return data;
    }

    private static void DropEmptyTopics(FetchResponse response)
    {
        int kept = 0;
        for (int i = 0; i < response.Responses.Count; i++)
        {
            FetchResponse.FetchableTopicResponse topic = response.Responses[i];
            if (topic.Partitions.Count > 0)
            {
                response.Responses[i] = response.Responses[kept];
                response.Responses[kept++] = topic;
            }
        }
        while (response.Responses.Count > kept)
        {
            response.Responses.RemoveLast();
        }
    }

    /// <summary>Tells the client where the leader is now (KIP-951, trap 19).</summary>
    private void Hint(FetchOperation operation, in FetchTarget target, FetchResponse.PartitionData data)
    {
        if (data.ErrorCode is not (ErrorCode.NotLeaderOrFollower or ErrorCode.FencedLeaderEpoch) || operation.Arrival.Version < 12)
        {
            return;
        }
        MetadataImage image = _metadata.Current;
        string? name = operation.Arrival.Version >= 13
            ? image.Topic(target.TopicId)?.Name : System.Text.Encoding.UTF8.GetString(target.Topic.Span);
        if (name is null || image.Partition(name, target.Partition) is not { } state)
        {
            return;
        }
        (int leader, int epoch) = _replicas.CurrentLeader(new TopicPartition(name, target.Partition), state);
        data.CurrentLeader = new() { LeaderId = leader, LeaderEpoch = epoch };
        if (operation.Arrival.Version >= 16 && image.Brokers.GetValueOrDefault(leader) is { } broker
            && broker.On(operation.Connection.Transport.Listener) is { } endpoint
            && !operation.Response.NodeEndpoints.Any(n => n.NodeId == broker.Id))
        {
            operation.Response.NodeEndpoints.Add(
                new() { NodeId = broker.Id, Host = endpoint.Host, Port = endpoint.Port, Rack = broker.Rack });
        }
    }
}
