using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>From a request to the partitions it is about.</summary>
internal sealed partial class FetchHandler
{
    private void EnterContext(FetchOperation operation)
    {
        FetchRequest request = operation.Request;
        bool byId = operation.Arrival.Version >= 13;
        int named = 0;
        foreach (FetchRequest.FetchTopic topic in request.Topics)
        {
            named += topic.Partitions.Count;
        }
        FetchContextResult found = Sessions.Begin(
            request.SessionId, request.SessionEpoch, byId, named, operation.IsFollowerFetch, _clock.NowMs);
        operation.Context = found.Context;
        operation.Session = found.Session;
        operation.Error = found.Error;
        switch (found.Context)
        {
            case FetchContext.Sessionless:
                AddAllToOperation(operation);
                break;
            case FetchContext.Full:
                AddAllToSession(operation, found.Session!);
                break;
            case FetchContext.Incremental:
                Forget(request, found.Session!);
                AddAllToSession(operation, found.Session!);
                if (found.Session!.Count == 0)
                {
                    // KIP-227: a session that forgot everything is over.
                    Sessions.Remove(found.Session);
                    operation.Session = null;
                    operation.Context = FetchContext.Sessionless;
                }
                break;
        }
    }

    private void AddAllToOperation(FetchOperation operation)
    {
        bool byId = operation.Arrival.Version >= 13;
        foreach (FetchRequest.FetchTopic topic in operation.Request.Topics)
        {
            HostedTopic? hosted = byId ? _replicas.Partitions.Find(topic.TopicId) : _replicas.Partitions.Find(topic.Topic.Span);
            // The name must outlive the request's buffer: the broker's own bytes where it knows the topic.
            ReadOnlyMemory<byte> name = byId ? default : hosted is not null ? hosted.Utf8 : topic.Topic.ToArray();
            foreach (FetchRequest.FetchPartition partition in topic.Partitions)
            {
                ref FetchTarget target = ref operation.AddOwn();
                Set(ref target, partition);
                target.Topic = name;
                target.TopicId = topic.TopicId;
                target.Replica = hosted?.Find(partition.Partition);
            }
        }
    }

    private void AddAllToSession(FetchOperation operation, FetchSession session)
    {
        UpdateSession(operation, session);
        foreach (ref FetchTarget target in operation.Targets)
        {
            target.Replica = FindReplica(target, session.ByTopicId);
        }
    }

    private void UpdateSession(FetchOperation operation, FetchSession session)
    {
        foreach (FetchRequest.FetchTopic topic in operation.Request.Topics)
        {
            foreach (FetchRequest.FetchPartition partition in topic.Partitions)
            {
                int at = session.IndexOf(topic.Topic, topic.TopicId, partition.Partition);
                if (at >= 0)
                {
                    // A follower drops answers that were on their way as its leader's epoch changed: it does not know what they said.
                    session.Targets[at].NotSentYet |= session.Targets[at].CurrentLeaderEpoch != partition.CurrentLeaderEpoch;
                    Set(ref session.Targets[at], partition);
                    continue;
                }
                ReadOnlyMemory<byte> name = session.ByTopicId ? default
                    : _replicas.Partitions.Find(topic.Topic.Span)?.Utf8 ?? topic.Topic.ToArray();
                ref FetchTarget target = ref session.Add(name, topic.TopicId, partition.Partition);
                Set(ref target, partition);
                target.NotSentYet = true;
            }
        }
    }

    private static void Forget(FetchRequest request, FetchSession session)
    {
        foreach (FetchRequest.ForgottenTopic topic in request.ForgottenTopicsData)
        {
            foreach (int partition in topic.Partitions)
            {
                int at = session.IndexOf(topic.Topic, topic.TopicId, partition);
                if (at >= 0)
                {
                    session.Targets[at].IsForgotten = true;
                }
            }
        }
        session.RemoveForgotten();
    }

    private static void Set(ref FetchTarget target, FetchRequest.FetchPartition partition)
    {
        target.Partition = partition.Partition;
        target.FetchOffset = partition.FetchOffset;
        target.LogStartOffset = partition.LogStartOffset;
        target.BytesMax = partition.PartitionMaxBytes;
        target.CurrentLeaderEpoch = partition.CurrentLeaderEpoch;
        target.LastFetchedEpoch = partition.LastFetchedEpoch;
    }

    private Partition? FindReplica(in FetchTarget target, bool byId) =>
        (byId ? _replicas.Partitions.Find(target.TopicId) : _replicas.Partitions.Find(target.Topic.Span))?.Find(target.Partition);
}
