using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Controller;

/// <summary>What the controller tells the brokers.</summary>
internal sealed partial class ClusterController
{
    /// <summary>Tells a broker its roles. A broker that has just come hears of them even when there are none.</summary>
    private void SendRoles(BrokerChannel channel, IEnumerable<ControlledPartition> partitions, bool full)
    {
        var request = new LeaderAndIsrRequest
        {
            ControllerId = _brokerId,
            ControllerEpoch = _epoch,
            BrokerEpoch = channel.Epoch,
            Type = full ? (sbyte)1 : (sbyte)0,
        };
        foreach (IGrouping<ControlledTopic, ControlledPartition> group in partitions.Where(p => p.State is not null).GroupBy(p => p.Topic))
        {
            var topic = new LeaderAndIsrRequest.LeaderAndIsrTopicState { TopicName = group.Key.Name, TopicId = group.Key.Id };
            foreach (ControlledPartition partition in group)
            {
                var state = new LeaderAndIsrRequest.LeaderAndIsrPartitionState
                {
                    PartitionIndex = partition.Index,
                    ControllerEpoch = partition.State!.ControllerEpoch,
                    Leader = partition.State.Leader,
                    LeaderEpoch = partition.State.LeaderEpoch,
                    PartitionEpoch = partition.State.Version,
                    IsNew = !full && partition.State is { LeaderEpoch: 0, Version: 0 },
                };
                state.Isr.AddRange(partition.State.InSyncReplicas);
                state.Replicas.AddRange(partition.Replicas);
                topic.PartitionStates.Add(state);
            }
            request.TopicStates.Add(topic);
        }
        if (full || request.TopicStates.Count > 0)
        {
            channel.Send<LeaderAndIsrRequest, LeaderAndIsrResponse>(request);
        }
    }

    /// <summary>Tells brokers who lives and how partitions stand. Each gets a request of its own, for its epoch.</summary>
    private void SendMetadata(
        IEnumerable<BrokerChannel> to, IEnumerable<ControlledPartition> partitions, bool isDeletion = false)
    {
        List<UpdateMetadataRequest.UpdateMetadataTopicState> topics = [];
        foreach (IGrouping<ControlledTopic, ControlledPartition> group in partitions.Where(p => p.State is not null).GroupBy(p => p.Topic))
        {
            var topic = new UpdateMetadataRequest.UpdateMetadataTopicState { TopicName = group.Key.Name, TopicId = group.Key.Id };
            foreach (ControlledPartition partition in group)
            {
                topic.PartitionStates.Add(Describe(partition, isDeletion));
            }
            topics.Add(topic);
        }
        foreach (BrokerChannel channel in to)
        {
            var request = new UpdateMetadataRequest
            {
                ControllerId = _brokerId,
                ControllerEpoch = _epoch,
                BrokerEpoch = channel.Epoch,
            };
            request.TopicStates.AddRange(topics);
            request.LiveBrokers.AddRange(_channels.Values.Select(c => Describe(c.Broker)));
            channel.Send<UpdateMetadataRequest, UpdateMetadataResponse>(request);
        }
    }

    private UpdateMetadataRequest.UpdateMetadataPartitionState Describe(ControlledPartition partition, bool isDeletion)
    {
        var state = new UpdateMetadataRequest.UpdateMetadataPartitionState
        {
            PartitionIndex = partition.Index,
            ControllerEpoch = partition.State!.ControllerEpoch,
            Leader = isDeletion ? PartitionImage.LeaderDuringDelete : partition.State.Leader,
            LeaderEpoch = partition.State.LeaderEpoch,
            ZkVersion = partition.State.Version,
        };
        state.Isr.AddRange(partition.State.InSyncReplicas);
        state.Replicas.AddRange(partition.Replicas);
        state.OfflineReplicas.AddRange(partition.Replicas.Where(r => !_channels.ContainsKey(r)));
        return state;
    }

    private static UpdateMetadataRequest.UpdateMetadataBroker Describe(BrokerImage broker)
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

    private void SendStop(BrokerChannel channel, IEnumerable<ControlledPartition> partitions)
    {
        var request = new StopReplicaRequest { ControllerId = _brokerId, ControllerEpoch = _epoch, BrokerEpoch = channel.Epoch };
        foreach (IGrouping<ControlledTopic, ControlledPartition> group in partitions.GroupBy(p => p.Topic))
        {
            var topic = new StopReplicaRequest.StopReplicaTopicState { TopicName = group.Key.Name };
            foreach (ControlledPartition partition in group)
            {
                topic.PartitionStates.Add(new()
                {
                    PartitionIndex = partition.Index,
                    LeaderEpoch = PartitionImage.LeaderDuringDelete,
                    DeletePartition = true,
                });
            }
            request.TopicStates.Add(topic);
        }
        if (request.TopicStates.Count > 0)
        {
            channel.Send<StopReplicaRequest, StopReplicaResponse>(request);
        }
    }
}
