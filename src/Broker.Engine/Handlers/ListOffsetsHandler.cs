using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>ListOffsets: an offset by time, or one of the marks that negative times stand for.</summary>
internal sealed class ListOffsetsHandler(ReplicaManager replicas, MetadataCache metadata)
    : DirectHandler<ListOffsetsRequest, ListOffsetsResponse>
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long MaxTimestamp = -3;
    private const long EarliestLocal = -4;
    private const long LatestTiered = -5;
    private const long EarliestPendingUpload = -6;

    private const short LeaderEpochVersion = 4;

    /// <summary>First version whose clients understand OFFSET_NOT_AVAILABLE.</summary>
    private const short OffsetNotAvailableVersion = 5;

    private const sbyte ReadCommitted = 1;

    /// <summary>Replica id of a client: the high watermark is its end (Kafka: CONSUMER_REPLICA_ID).</summary>
    private const int Consumer = -1;

    /// <summary>Replica id of a tool that wants to see what any replica holds, beyond the high watermark too (Kafka:
    /// DEBUGGING_REPLICA_ID).</summary>
    private const int DebuggingReplica = -2;

    protected override ListOffsetsResponse Handle(RequestContext context, ListOffsetsRequest request)
    {
        var response = new ListOffsetsResponse();
        HashSet<TopicPartition> twice = request.Topics
            .SelectMany(t => t.Partitions.Select(p => new TopicPartition(t.Name, p.PartitionIndex))).Repeated();
        foreach (ListOffsetsRequest.ListOffsetsTopic topic in request.Topics)
        {
            var results = new ListOffsetsResponse.ListOffsetsTopicResponse { Name = topic.Name };
            foreach (ListOffsetsRequest.ListOffsetsPartition asked in topic.Partitions)
            {
                var id = new TopicPartition(topic.Name, asked.PartitionIndex);
                results.Partitions.Add(twice.Contains(id)
                    ? new() { PartitionIndex = asked.PartitionIndex, ErrorCode = ErrorCode.InvalidRequest }
                    : Find(id, asked, request, context.Version));
            }
            response.Topics.Add(results);
        }
        return response;
    }

    private ListOffsetsResponse.ListOffsetsPartitionResponse Find(
        TopicPartition id, ListOffsetsRequest.ListOffsetsPartition asked, ListOffsetsRequest request, short version)
    {
        var answer = new ListOffsetsResponse.ListOffsetsPartitionResponse { PartitionIndex = id.Partition };
        if (replicas.Partitions.Find(id) is not { } partition)
        {
            answer.ErrorCode = replicas.MissingPartitionError(metadata.Current, id.Topic, id.Partition);
            return answer;
        }
        answer.ErrorCode = partition.Log.IsFailed ? ErrorCode.KafkaStorageError : partition.CheckLeaderEpoch(asked.CurrentLeaderEpoch);
        if (answer.ErrorCode == ErrorCode.None && !partition.Role.IsLeader && request.ReplicaId != DebuggingReplica)
        {
            answer.ErrorCode = ErrorCode.NotLeaderOrFollower;
        }
        if (answer.ErrorCode == ErrorCode.None && asked.Timestamp < 0 && version < LowestVersionOf(asked.Timestamp))
        {
            answer.ErrorCode = ErrorCode.UnsupportedVersion;
        }
        if (answer.ErrorCode != ErrorCode.None)
        {
            return answer;
        }
        try
        {
            Fill(answer, partition, asked.Timestamp, request, version);
        }
        catch (IOException)
        {
            answer.ErrorCode = ErrorCode.KafkaStorageError;
        }
        if (version < LeaderEpochVersion)
        {
            answer.LeaderEpoch = -1;
        }
        return answer;
    }

    /// <summary>The version from which a mark may be asked for; more than any for what is no mark.</summary>
    private static int LowestVersionOf(long timestamp) => timestamp switch
    {
        Latest or Earliest => 0,
        MaxTimestamp => 7,
        EarliestLocal => 8,
        LatestTiered => 9,
        EarliestPendingUpload => 11,
        _ => int.MaxValue,
    };

    private static void Fill(
        ListOffsetsResponse.ListOffsetsPartitionResponse answer, Partition partition, long timestamp, ListOffsetsRequest request, short version)
    {
        PartitionLog log = partition.Log;
        PartitionRole role = partition.Role;
        bool isClient = request.ReplicaId == Consumer;
        long end = !isClient ? log.LogEndOffset
            : request.IsolationLevel == ReadCommitted ? partition.LastStableOffset : partition.HighWatermark;
        // A new leader that does not know yet how far its followers are might name an offset that lies before what an earlier one
        // has named (KIP-207).
        bool lags = isClient && role.IsLeader && end < role.EpochStartOffset;
        switch (timestamp)
        {
            case Latest when !lags:
                answer.Offset = end;
                answer.LeaderEpoch = role.LeaderEpoch;
                break;
            case Latest:
                answer.ErrorCode = NotAvailable(version);
                break;
            case Earliest or EarliestLocal:
                answer.Offset = log.LogStartOffset;
                answer.LeaderEpoch = log.Epochs.EpochFor(log.LogStartOffset);
                break;
            case LatestTiered or EarliestPendingUpload:
                break;   // nothing is tiered: -1
            default:
                TimestampAndOffset? found = timestamp == MaxTimestamp ? log.FindMaxTimestamp() : log.FindByTimestamp(timestamp);
                if (found is { } record && record.Offset < end)
                {
                    answer.Offset = record.Offset;
                    answer.Timestamp = record.TimestampMs;
                    answer.LeaderEpoch = log.Epochs.EpochFor(record.Offset);
                }
                else if (lags)
                {
                    answer.ErrorCode = NotAvailable(version);
                }
                break;
        }
    }

    private static ErrorCode NotAvailable(short version) =>
        version >= OffsetNotAvailableVersion ? ErrorCode.OffsetNotAvailable : ErrorCode.LeaderNotAvailable;
}
