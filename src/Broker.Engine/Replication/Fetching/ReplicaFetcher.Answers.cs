using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication.Fetching;

/// <summary>Taking answers in.</summary>
internal sealed partial class ReplicaFetcher
{
    /// <summary>Takes the answer to the last fetch: appends, cuts, or waits, for each partition by itself.</summary>
    /// <param name="response">Its records lie in the connection's buffer and are not kept.</param>
    public void OnFetched(FetchResponse response)
    {
        if (TakeSession(response))
        {
            foreach (FetchResponse.FetchableTopicResponse topic in response.Responses)
            {
                HostedTopic? hosted = _sessionById ? _table.Find(topic.TopicId) : _table.Find(topic.Topic.Span);
                foreach (FetchResponse.PartitionData data in topic.Partitions)
                {
                    if (hosted?.Find(data.PartitionIndex) is { } partition && Find(partition) is { AskedOffset: >= 0 } one)
                    {
                        Take(one, data);
                    }
                    else
                    {
                        _unheard = true;
                    }
                }
            }
        }
        foreach (FetchedPartition one in _asked)
        {
            one.AskedOffset = -1;
        }
        _asked.Clear();
    }

    private void Take(FetchedPartition one, FetchResponse.PartitionData data)
    {
        try
        {
            if (data.ErrorCode != ErrorCode.None)
            {
                OnError(one, data.ErrorCode);
            }
            else if (data.DivergingEpoch is { } diverging)
            {
                _unheard = true;   // its high watermark may not be taken before it is known where the logs part
                Cut(one, diverging.Epoch, diverging.EndOffset);
            }
            else
            {
                Append(one, data);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Fail(one, e.Message);
        }
    }

    private void Append(FetchedPartition one, FetchResponse.PartitionData data)
    {
        if (one.AskedOffset != one.FetchOffset)
        {
            _unheard = true;
            return;
        }
        FollowerAppend appended = one.Partition.AppendAsFollower(data.Records.Memory.Span, data.HighWatermark, data.LogStartOffset);
        switch (appended.Error)
        {
            case ErrorCode.None:
                one.Failures = 0;
                if (appended.Bytes > 0)
                {
                    one.FetchFromEnd();
                    Appended?.Invoke(one.Partition, appended.Bytes);
                    if (one.Partition.CountsByFollowerQuota)
                    {
                        Quota?.Record(appended.Bytes);
                    }
                }
                one.Lag = Math.Max(0, data.HighWatermark - one.FetchOffset);
                break;
            case ErrorCode.KafkaStorageError:
                Fail(one, appended.Fault ?? "its log directory has failed");
                break;
            default:
                LogRefused(one.Partition.Id, one.FetchOffset, appended.Fault ?? appended.Error.ToString());
                one.FetchFromEnd();
                Delay(one);
                break;
        }
    }

    private void Cut(FetchedPartition one, int epoch, long endOffset)
    {
        PartitionLog log = one.Partition.Log;
        long offset = one.Partition.FindTruncation(epoch, endOffset);
        LogCut(one.Partition.Id, offset, log.LogEndOffset, one.LastFetchedEpoch, epoch, endOffset);
        if (offset < one.Partition.HighWatermark)
        {
            LogCutBelow(one.Partition.Id, offset, one.Partition.HighWatermark);
        }
        (long end, int lastEpoch) = (log.LogEndOffset, one.LastFetchedEpoch);
        one.Partition.TruncateTo(offset);
        one.FetchFromEnd();
        if (log.LogEndOffset == end && one.LastFetchedEpoch == lastEpoch)
        {
            Delay(one);   // nothing to cut: the two disagree, and asking at once again would not help
        }
    }

    private void OnError(FetchedPartition one, ErrorCode error)
    {
        switch (error)
        {
            case ErrorCode.OffsetOutOfRange:
                one.Stage = FetchStage.AskingEnd;
                if (one.Failures++ > 0)
                {
                    Delay(one);   // asking did not help
                }
                break;
            case ErrorCode.FencedLeaderEpoch:
                Fail(one, $"leader epoch {one.LeaderEpoch} is over");
                break;
            default:
                // The leader does not know of its role yet, or this broker does not know of its new one; or the leader's disk failed.
                LogError(one.Partition.Id, error);
                Delay(one);
                break;
        }
    }

    [LoggerMessage(4033, LogLevel.Information, "{Partition}: cut to {Offset} from {End}: epoch {Own} is not the leader's, whose epoch {Epoch} ends at {EpochEnd}", EventName = "Cut")]
    private partial void LogCut(TopicPartition partition, long offset, long end, int own, int epoch, long epochEnd);

    [LoggerMessage(4034, LogLevel.Warning, "{Partition}: cut to {Offset}, below the high watermark {HighWatermark}", EventName = "CutBelowHighWatermark")]
    private partial void LogCutBelow(TopicPartition partition, long offset, long highWatermark);

    [LoggerMessage(4035, LogLevel.Error, "{Partition}: what the leader sent at offset {Offset} is refused: {Reason}", EventName = "LeaderRecordsRefused")]
    private partial void LogRefused(TopicPartition partition, long offset, string reason);

    [LoggerMessage(4036, LogLevel.Debug, "{Partition}: the leader answers {Error}", EventName = "LeaderAnswersError")]
    private partial void LogError(TopicPartition partition, ErrorCode error);
}
