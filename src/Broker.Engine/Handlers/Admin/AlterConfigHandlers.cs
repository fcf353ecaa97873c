using Broker.Engine.Administration;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Admin;

/// <summary>AlterConfigs: replaces the dynamic values of a resource whole.</summary>
internal sealed class AlterConfigsHandler(ConfigAdministration administration, int brokerId)
    : WorkerHandler<AlterConfigsRequest, AlterConfigsResponse>
{
    protected override async ValueTask<AlterConfigsResponse> HandleAsync(RequestContext context, AlterConfigsRequest request)
    {
        var response = new AlterConfigsResponse();
        await ConfigRequests.CarryOutAsync(
            request.Resources, r => (r.ResourceType, r.ResourceName), brokerId,
            resource => administration.ReplaceAsync(
                resource.ResourceType, resource.ResourceName, [.. resource.Configs.Select(c => KeyValuePair.Create(c.Name, c.Value))],
                request.ValidateOnly, context.Closing),
            (resource, outcome) => response.Responses.Add(new()
            {
                ErrorCode = outcome.Error,
                ErrorMessage = outcome.Message,
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
            })).ConfigureAwait(false);
        return response;
    }
}

/// <summary>IncrementalAlterConfigs: changes single keys, and the levels of loggers.</summary>
internal sealed class IncrementalAlterConfigsHandler(ConfigAdministration administration, LoggerAdministration loggers, int brokerId)
    : WorkerHandler<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>
{
    protected override async ValueTask<IncrementalAlterConfigsResponse> HandleAsync(
        RequestContext context, IncrementalAlterConfigsRequest request)
    {
        var response = new IncrementalAlterConfigsResponse();
        await ConfigRequests.CarryOutAsync(
            request.Resources, r => (r.ResourceType, r.ResourceName), brokerId,
            resource => EditAsync(resource, request.ValidateOnly, context.Closing),
            (resource, outcome) => response.Responses.Add(new()
            {
                ErrorCode = outcome.Error,
                ErrorMessage = outcome.Message,
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
            })).ConfigureAwait(false);
        return response;
    }

    private async Task<Outcome> EditAsync(
        IncrementalAlterConfigsRequest.AlterConfigsResource resource, bool validateOnly, CancellationToken cancellationToken)
    {
        ConfigEdit[] edits = [.. resource.Configs.Select(c => new ConfigEdit(c.Name, (ConfigOperation)c.ConfigOperation, c.Value))];
        if (resource.ResourceType != ConfigAdministration.LoggerResource)
        {
            return await administration.EditAsync(
                resource.ResourceType, resource.ResourceName, edits, validateOnly, cancellationToken).ConfigureAwait(false);
        }
        Outcome shape = ConfigAdministration.CheckShape(edits);
        return shape.IsDone ? loggers.Edit(resource.ResourceName, edits, validateOnly) : shape;
    }
}

/// <summary>What both kinds of requests are held to.</summary>
internal static class ConfigRequests
{
    /// <summary>Carries out each resource's part and answers it.</summary>
    public static async ValueTask CarryOutAsync<TResource>(
        IReadOnlyCollection<TResource> resources, Func<TResource, (sbyte Type, string Name)> idOf, int brokerId,
        Func<TResource, Task<Outcome>> work, Action<TResource, Outcome> answer)
    {
        HashSet<(sbyte, string)> twice = resources.Select(idOf).Repeated();
        foreach (TResource resource in resources)
        {
            (sbyte type, string name) = idOf(resource);
            Outcome outcome = Check(type, name, brokerId, twice);
            answer(resource, outcome.IsDone ? await work(resource).ConfigureAwait(false) : outcome);
        }
    }

    /// <summary>A resource comes once, and a broker takes its own values only: clients ask each broker for its own.</summary>
    private static Outcome Check(sbyte type, string name, int brokerId, HashSet<(sbyte, string)> twice) =>
        twice.Contains((type, name)) ? Outcome.Refused(ErrorCode.InvalidRequest, "Each resource must appear at most once.")
        : type == ConfigAdministration.BrokerResource && int.TryParse(name, out int id) && id != brokerId
            ? Outcome.Refused(ErrorCode.InvalidRequest, $"Unexpected broker id, expected {brokerId}, but received {name}")
            : Outcome.Done;
}
