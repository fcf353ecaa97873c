using Broker.Engine.Configuration;
using Broker.Engine.Controller;
using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>LeaderAndIsr: takes the roles that the controller gives.</summary>
internal sealed class LeaderAndIsrHandler(ReplicaManager replicas, ClusterConfig config, ControlOrder order, Func<long> brokerEpoch)
    : WorkerHandler<LeaderAndIsrRequest, LeaderAndIsrResponse>
{
    public override bool IsAdvertised => false;

    protected override async ValueTask<LeaderAndIsrResponse> HandleAsync(RequestContext context, LeaderAndIsrRequest request)
    {
        if (BrokerEpochs.IsStale(request.BrokerEpoch, brokerEpoch()))
        {
            return new LeaderAndIsrResponse { ErrorCode = ErrorCode.StaleBrokerEpoch };
        }
        if (NewTopics(request) is { Length: > 0 } topics)
        {
            await config.ReadTopicsAsync(topics).ConfigureAwait(false);
            if (BrokerEpochs.IsStale(request.BrokerEpoch, brokerEpoch()))
            {
                return new LeaderAndIsrResponse { ErrorCode = ErrorCode.StaleBrokerEpoch };
            }
        }
        return order.Run(request.ControllerEpoch, context.Connection.Id, () => replicas.Apply(request));
    }

    /// <summary>Topics whose first log is made now. The full list comes after a broker has read the values of all topics.</summary>
    private string[] NewTopics(LeaderAndIsrRequest request) =>
    [
        .. request.TopicStates
            .Where(t => request.Type == ReplicaManager.FullRequest ? !config.Knows(t.TopicName) : !replicas.Partitions.Holds(t.TopicName, t.TopicId))
            .Select(t => t.TopicName),
    ];
}

/// <summary>StopReplica: lets replicas go.</summary>
internal sealed class StopReplicaHandler(ReplicaManager replicas, ControlOrder order, Func<long> brokerEpoch)
    : DirectHandler<StopReplicaRequest, StopReplicaResponse>
{
    public override bool IsAdvertised => false;

    protected override StopReplicaResponse Handle(RequestContext context, StopReplicaRequest request) =>
        BrokerEpochs.IsStale(request.BrokerEpoch, brokerEpoch())
            ? new StopReplicaResponse { ErrorCode = ErrorCode.StaleBrokerEpoch }
            : order.Run(request.ControllerEpoch, context.Connection.Id, () => replicas.Apply(request));
}

/// <summary>UpdateMetadata: publishes the controller's picture of the cluster.</summary>
internal sealed class UpdateMetadataHandler(MetadataCache metadata, ReplicaManager replicas, ControlOrder order, Func<long> brokerEpoch)
    : DirectHandler<UpdateMetadataRequest, UpdateMetadataResponse>
{
    public override bool IsAdvertised => false;

    protected override UpdateMetadataResponse Handle(RequestContext context, UpdateMetadataRequest request) =>
        BrokerEpochs.IsStale(request.BrokerEpoch, brokerEpoch())
            ? new UpdateMetadataResponse { ErrorCode = ErrorCode.StaleBrokerEpoch }
            : order.Run(request.ControllerEpoch, context.Connection.Id, () => Apply(request));

    private UpdateMetadataResponse Apply(UpdateMetadataRequest request)
    {
        if (!replicas.AcceptController(request.ControllerId, request.ControllerEpoch))
        {
            return new UpdateMetadataResponse { ErrorCode = ErrorCode.StaleControllerEpoch };
        }
        metadata.Apply(request);
        return new UpdateMetadataResponse();
    }
}

/// <summary>AlterPartition: changes in-sync replicas where this broker is the controller.</summary>
internal sealed class AlterPartitionHandler(Func<ClusterController?> controller)
    : WorkerHandler<AlterPartitionRequest, AlterPartitionResponse>
{
    protected override async ValueTask<AlterPartitionResponse> HandleAsync(RequestContext context, AlterPartitionRequest request) =>
        controller() is { } active
            ? await active.AlterPartitionAsync(request, context.Version).ConfigureAwait(false)
            : new AlterPartitionResponse { ErrorCode = ErrorCode.NotController };
}

/// <summary>ControlledShutdown: takes its leaderships from a broker that is about to stop.</summary>
internal sealed class ControlledShutdownHandler(Func<ClusterController?> controller)
    : WorkerHandler<ControlledShutdownRequest, ControlledShutdownResponse>
{
    protected override async ValueTask<ControlledShutdownResponse> HandleAsync(
        RequestContext context, ControlledShutdownRequest request) =>
        controller() is { } active
            ? await active.ShutDownAsync(request).ConfigureAwait(false)
            : new ControlledShutdownResponse { ErrorCode = ErrorCode.NotController };
}

/// <summary>AllocateProducerIds: gives producer ids to the brokers of Kafka 3.0 and later, which ask their controller for them.</summary>
internal sealed class AllocateProducerIdsHandler(Func<ClusterController?> controller)
    : WorkerHandler<AllocateProducerIdsRequest, AllocateProducerIdsResponse>
{
    protected override async ValueTask<AllocateProducerIdsResponse> HandleAsync(
        RequestContext context, AllocateProducerIdsRequest request) =>
        controller() is { } active
            ? await active.AllocateProducerIdsAsync(request).ConfigureAwait(false)
            : new AllocateProducerIdsResponse { ErrorCode = ErrorCode.NotController };
}

/// <summary>A controller's request for an earlier life of this broker must not be carried out (KIP-380).</summary>
internal static class BrokerEpochs
{
    public static bool IsStale(long requested, long current) => requested >= 0 && requested < current;
}
