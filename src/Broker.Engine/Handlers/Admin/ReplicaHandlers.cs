using Broker.Engine.Administration;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Admin;

/// <summary>ElectLeaders: has the controller elect, and waits until this broker sees the leaders.</summary>
internal sealed class ElectLeadersHandler(ReplicaAdministration replicas, MetadataWaits waits)
    : WorkerHandler<ElectLeadersRequest, ElectLeadersResponse>
{
    /// <summary>First version that says for which kind of election.</summary>
    private const short TypeFrom = 1;

    protected override async ValueTask<ElectLeadersResponse> HandleAsync(RequestContext context, ElectLeadersRequest request)
    {
        if (context.Version < TypeFrom)
        {
            request.ElectionType = ReplicaAdministration.PreferredElection;
        }
        ElectLeadersResponse response = await replicas.ElectAsync(request, context.Closing).ConfigureAwait(false);
        (string Topic, int Partition)[] elected =
        [
            .. response.ReplicaElectionResults.SelectMany(t => t.PartitionResult, (t, p) => (t.Topic, p.PartitionId, p.ErrorCode))
                .Where(p => p.ErrorCode == ErrorCode.None).Select(p => (p.Topic, p.PartitionId)),
        ];
        if (elected.Length > 0)
        {
            bool preferred = request.ElectionType == ReplicaAdministration.PreferredElection;
            await waits.WaitAsync(
                image => Array.TrueForAll(elected, e => IsSeen(image, e.Topic, e.Partition, preferred)), request.TimeoutMs,
                "ElectLeaders").ConfigureAwait(false);
        }
        return response;
    }

    private static bool IsSeen(MetadataImage image, string topic, int partition, bool preferred) =>
        image.Partition(topic, partition) is not { } state
            || (preferred ? state.Leader == state.Replicas[0] : state.Leader != PartitionImage.NoLeader);
}

/// <summary>AlterPartitionReassignments: begins, changes or cancels reassignments.</summary>
internal sealed class AlterPartitionReassignmentsHandler(ReplicaAdministration replicas)
    : WorkerHandler<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>
{
    /// <summary>First version that may forbid that the number of replicas changes.</summary>
    private const short FactorFrom = 1;

    protected override async ValueTask<AlterPartitionReassignmentsResponse> HandleAsync(
        RequestContext context, AlterPartitionReassignmentsRequest request)
    {
        request.AllowReplicationFactorChange |= context.Version < FactorFrom;
        return await replicas.ReassignAsync(request, context.Closing).ConfigureAwait(false);
    }
}

/// <summary>ListPartitionReassignments: the reassignments under way.</summary>
internal sealed class ListPartitionReassignmentsHandler(ReplicaAdministration replicas)
    : WorkerHandler<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>
{
    protected override async ValueTask<ListPartitionReassignmentsResponse> HandleAsync(
        RequestContext context, ListPartitionReassignmentsRequest request) =>
        await replicas.ListAsync(request, context.Closing).ConfigureAwait(false);
}
