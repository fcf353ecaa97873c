using Broker.Engine.Groups;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Groups;

/// <summary>JoinGroup: waits until the rebalance has gathered its members.</summary>
internal sealed class JoinGroupHandler(GroupCoordinator groups) : WorkerHandler<JoinGroupRequest, JoinGroupResponse>
{
    /// <summary>From here on a refused join may leave the protocol's name out; before, it must be there (Kafka:
    /// JoinGroupResponse).</summary>
    private const short NullableNameVersion = 7;

    protected override async ValueTask<JoinGroupResponse> HandleAsync(RequestContext context, JoinGroupRequest request)
    {
        JoinGroupResponse response = await groups.JoinAsync(
            request, context.Version, context.ClientId, context.ClientHost).ConfigureAwait(false);
        if (response.ErrorCode != ErrorCode.None && context.Version >= NullableNameVersion)
        {
            response.ProtocolName = null;
        }
        return response;
    }
}

/// <summary>SyncGroup: waits for the leader's assignment.</summary>
internal sealed class SyncGroupHandler(GroupCoordinator groups) : WorkerHandler<SyncGroupRequest, SyncGroupResponse>
{
    /// <summary>From here on clients name the protocol, and must (KIP-559).</summary>
    private const short ProtocolVersion = 5;

    protected override ValueTask<SyncGroupResponse> HandleAsync(RequestContext context, SyncGroupRequest request) =>
        context.Version >= ProtocolVersion && (request.ProtocolType is null || request.ProtocolName is null)
            ? new(new SyncGroupResponse { ErrorCode = ErrorCode.InconsistentGroupProtocol }) : groups.SyncAsync(request);
}

internal sealed class HeartbeatHandler(GroupCoordinator groups) : DirectHandler<HeartbeatRequest, HeartbeatResponse>
{
    protected override HeartbeatResponse Handle(RequestContext context, HeartbeatRequest request) =>
        new() { ErrorCode = groups.Heartbeat(request) };
}

internal sealed class LeaveGroupHandler(GroupCoordinator groups) : DirectHandler<LeaveGroupRequest, LeaveGroupResponse>
{
    protected override LeaveGroupResponse Handle(RequestContext context, LeaveGroupRequest request) =>
        groups.Leave(request, context.Version);
}
