using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Controller;

/// <summary>Puts what the controller knows into the requests that brokers get. Belongs to the controller's loop.</summary>
/// <param name="controllerId">The controller's broker.</param>
/// <param name="epoch">The epoch it was elected in.</param>
/// <param name="channels">The lines to all brokers that live.</param>
/// <param name="isOnline">Whether a broker has a partition on a disk that works.</param>
/// <param name="isDeleting">Whether a topic is being deleted.</param>
internal sealed class ControllerSender(
    int controllerId, int epoch, Dictionary<int, BrokerChannel> channels, Func<ControlledPartition, int, bool> isOnline,
    Func<ControlledTopic, bool> isDeleting)
{
    public IReadOnlyCollection<BrokerChannel> Channels => channels.Values;

    /// <summary>Called with a broker's answer to LeaderAndIsr; on another thread than the loop's.</summary>
    public required Action<BrokerChannel, LeaderAndIsrResponse> RolesAnswered { get; init; }

    /// <summary>Called with a broker's answer to a StopReplica that deletes; on another thread than the loop's.</summary>
    public required Action<BrokerChannel, StopReplicaResponse> DeletesAnswered { get; init; }

    public void SendRoles(BrokerChannel channel, Dictionary<ControlledPartition, bool> partitions, sbyte type)
    {
        var request = new LeaderAndIsrRequest
        {
            ControllerId = controllerId,
            ControllerEpoch = epoch,
            BrokerEpoch = channel.Epoch,
            Type = type,
        };
        var leaders = new HashSet<int>();
        foreach (IGrouping<ControlledTopic, KeyValuePair<ControlledPartition, bool>> group in
            partitions.Where(p => p.Key.State is not null).GroupBy(p => p.Key.Topic))
        {
            var topic = new LeaderAndIsrRequest.LeaderAndIsrTopicState { TopicName = group.Key.Name, TopicId = group.Key.Id };
            foreach ((ControlledPartition partition, bool isNew) in group)
            {
                topic.PartitionStates.Add(DescribeRole(partition, isNew));
                leaders.Add(partition.State!.Leader);
            }
            request.TopicStates.Add(topic);
        }
        foreach (BrokerChannel leader in channels.Values.Where(c => leaders.Contains(c.Broker.Id)))
        {
            BrokerEndpoint endpoint = leader.Broker.Endpoints[0];
            request.LiveLeaders.Add(new() { BrokerId = leader.Broker.Id, HostName = endpoint.Host, Port = endpoint.Port });
        }
        channel.Send<LeaderAndIsrRequest, LeaderAndIsrResponse>(request, answer => RolesAnswered(channel, answer));
    }

    private static LeaderAndIsrRequest.LeaderAndIsrPartitionState DescribeRole(ControlledPartition partition, bool isNew)
    {
        var state = new LeaderAndIsrRequest.LeaderAndIsrPartitionState
        {
            PartitionIndex = partition.Index,
            ControllerEpoch = partition.State!.ControllerEpoch,
            Leader = partition.State.Leader,
            LeaderEpoch = partition.State.LeaderEpoch,
            PartitionEpoch = partition.State.Version,
            LeaderRecoveryState = partition.State.IsRecovering ? (sbyte)1 : (sbyte)0,
            IsNew = isNew,
        };
        state.Isr.AddRange(partition.State.InSyncReplicas);
        state.Replicas.AddRange(partition.Replicas);
        state.AddingReplicas.AddRange(partition.Assignment.Adding);
        state.RemovingReplicas.AddRange(partition.Assignment.Removing);
        return state;
    }

    /// <summary>Partitions by topic; the same for all brokers.</summary>
    public List<UpdateMetadataRequest.UpdateMetadataTopicState> DescribeTopics(IEnumerable<ControlledPartition> partitions)
    {
        List<UpdateMetadataRequest.UpdateMetadataTopicState> topics = [];
        foreach (IGrouping<ControlledTopic, ControlledPartition> group in partitions.GroupBy(p => p.Topic))
        {
            var topic = new UpdateMetadataRequest.UpdateMetadataTopicState { TopicName = group.Key.Name, TopicId = group.Key.Id };
            topic.PartitionStates.AddRange(group.Where(p => p.State is not null || isDeleting(p.Topic)).Select(DescribePartition));
            if (topic.PartitionStates.Count > 0)
            {
                topics.Add(topic);
            }
        }
        return topics;
    }

    private UpdateMetadataRequest.UpdateMetadataPartitionState DescribePartition(ControlledPartition partition)
    {
        bool deleting = isDeleting(partition.Topic);
        var state = new UpdateMetadataRequest.UpdateMetadataPartitionState
        {
            PartitionIndex = partition.Index,
            ControllerEpoch = partition.State?.ControllerEpoch ?? epoch,
            Leader = deleting ? PartitionImage.LeaderDuringDelete : partition.State!.Leader,
            LeaderEpoch = partition.State?.LeaderEpoch ?? 0,
            ZkVersion = partition.State?.Version ?? 0,
        };
        state.Isr.AddRange(partition.State?.InSyncReplicas ?? []);
        state.Replicas.AddRange(partition.Replicas);
        state.OfflineReplicas.AddRange(partition.Replicas.Where(r => !isOnline(partition, r)));
        return state;
    }

    public void SendMetadata(BrokerChannel channel, List<UpdateMetadataRequest.UpdateMetadataTopicState> topics, bool isFull = false)
    {
        var request = new UpdateMetadataRequest
        {
            ControllerId = controllerId,
            ControllerEpoch = epoch,
            BrokerEpoch = channel.Epoch,
            Type = isFull ? MetadataCache.FullRequest : (sbyte)0,
        };
        request.TopicStates.AddRange(topics);
        request.LiveBrokers.AddRange(channels.Values.Select(c => DescribeBroker(c.Broker)));
        channel.Send<UpdateMetadataRequest, UpdateMetadataResponse>(request);
    }

    private static UpdateMetadataRequest.UpdateMetadataBroker DescribeBroker(BrokerImage broker)
    {
        var described = new UpdateMetadataRequest.UpdateMetadataBroker { Id = broker.Id, Rack = broker.Rack };
        foreach (BrokerEndpoint endpoint in broker.Endpoints)
        {
            described.Endpoints.Add(new()
            {
                Host = endpoint.Host,
                Port = endpoint.Port,
                Listener = endpoint.Listener,
                SecurityProtocol = endpoint.SecurityProtocol,
            });
        }
        return described;
    }

    public void SendStops(
        BrokerChannel channel, IReadOnlyCollection<ControlledPartition> deletes, IReadOnlyCollection<ControlledPartition> stops)
    {
        var request = new StopReplicaRequest { ControllerId = controllerId, ControllerEpoch = epoch, BrokerEpoch = channel.Epoch };
        IEnumerable<(ControlledPartition Partition, bool Delete)> all =
            [.. deletes.Select(p => (p, true)), .. stops.Where(p => !deletes.Contains(p)).Select(p => (p, false))];
        foreach (IGrouping<ControlledTopic, (ControlledPartition Partition, bool Delete)> group in all.GroupBy(p => p.Partition.Topic))
        {
            var topic = new StopReplicaRequest.StopReplicaTopicState { TopicName = group.Key.Name };
            topic.PartitionStates.AddRange(group.Select(p => new StopReplicaRequest.StopReplicaPartitionState
            {
                PartitionIndex = p.Partition.Index,
                LeaderEpoch = isDeleting(group.Key) ? PartitionImage.LeaderDuringDelete : p.Partition.State?.LeaderEpoch ?? -1,
                DeletePartition = p.Delete,
            }));
            request.TopicStates.Add(topic);
        }
        channel.Send<StopReplicaRequest, StopReplicaResponse>(request, answer => DeletesAnswered(channel, answer));
    }
}
