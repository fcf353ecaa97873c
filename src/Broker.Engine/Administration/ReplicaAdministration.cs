using Broker.Engine.Controller;
using Broker.Protocol.Messages;

namespace Broker.Engine.Administration;

/// <summary>What only the controller can do about replicas and leaders, asked of any broker: where it is not the controller
/// itself, it passes the request on (docs/decisions/0002). Thread-safe.</summary>
internal sealed class ReplicaAdministration(Func<ClusterController?> controller, ControllerLine line)
{
    /// <summary>ElectLeaders' type for the first replica of each partition (Kafka: ElectionType).</summary>
    public const sbyte PreferredElection = 0;

    public Task<ElectLeadersResponse> ElectAsync(ElectLeadersRequest request, CancellationToken cancellationToken) => AskAsync(
        request, c => c.ElectAsync(request), r => r.ErrorCode == ErrorCode.NotController,
        () => new ElectLeadersResponse { ErrorCode = ErrorCode.NotController }, request.TimeoutMs, cancellationToken);

    public Task<AlterPartitionReassignmentsResponse> ReassignAsync(
        AlterPartitionReassignmentsRequest request, CancellationToken cancellationToken) => AskAsync(
        request, c => c.ReassignAsync(request), r => r.ErrorCode == ErrorCode.NotController,
        () => new AlterPartitionReassignmentsResponse { ErrorCode = ErrorCode.NotController, ErrorMessage = null },
        request.TimeoutMs, cancellationToken);

    public Task<ListPartitionReassignmentsResponse> ListAsync(
        ListPartitionReassignmentsRequest request, CancellationToken cancellationToken) => AskAsync(
        request, c => c.ListReassignmentsAsync(request), r => r.ErrorCode == ErrorCode.NotController,
        () => new ListPartitionReassignmentsResponse { ErrorCode = ErrorCode.NotController, ErrorMessage = null },
        request.TimeoutMs, cancellationToken);

    public Task<ControlledShutdownResponse> ShutDownAsync(
        ControlledShutdownRequest request, int timeoutMs, CancellationToken cancellationToken) => AskAsync(
        request, c => c.ShutDownAsync(request), r => r.ErrorCode == ErrorCode.NotController,
        () => new ControlledShutdownResponse { ErrorCode = ErrorCode.NotController }, timeoutMs, cancellationToken);

    /// <summary>Asks this broker where it is the controller, or else the one that is; <paramref name="nobody"/> answers where
    /// there is none within the time: a client asks again then.</summary>
    private async Task<TResponse> AskAsync<TRequest, TResponse>(
        TRequest request, Func<ClusterController, Task<TResponse>> ask, Func<TResponse, bool> isFromAnother, Func<TResponse> nobody,
        int timeoutMs, CancellationToken cancellationToken)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        using var late = new CancellationTokenSource(TimeSpan.FromMilliseconds(Math.Max(1, timeoutMs)), line.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            // Its own controller may be waiting for a tree that is away.
            if (controller() is { IsActive: true } active
                && await ask(active).WaitAsync(limit.Token).ConfigureAwait(false) is var answer && !isFromAnother(answer))
            {
                return answer;
            }
            return await line.SendAsync<TRequest, TResponse>(request, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return nobody();
        }
    }
}
