using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Admin;

/// <summary>DescribeConfigs: the entries of topics and of this broker, with synonyms and documentation on request.</summary>
internal sealed class DescribeConfigsHandler(ClusterConfig config, MetadataCache metadata)
    : DirectHandler<DescribeConfigsRequest, DescribeConfigsResponse>
{
    protected override DescribeConfigsResponse Handle(RequestContext context, DescribeConfigsRequest request)
    {
        var response = new DescribeConfigsResponse();
        foreach (DescribeConfigsRequest.DescribeConfigsResource resource in request.Resources)
        {
            var result = new DescribeConfigsResponse.DescribeConfigsResult
            {
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
                ErrorMessage = null,
            };
            foreach (ConfigDescription one in Describe(resource, result))
            {
                if (resource.ConfigurationKeys is not { } keys || keys.Contains(one.Key.Name))
                {
                    result.Configs.Add(Entry(one, request));
                }
            }
            response.Results.Add(result);
        }
        return response;
    }

    private IEnumerable<ConfigDescription> Describe(
        DescribeConfigsRequest.DescribeConfigsResource resource, DescribeConfigsResponse.DescribeConfigsResult result)
    {
        string name = resource.ResourceName;
        switch (resource.ResourceType)
        {
            case ConfigAdministration.TopicResource when TopicNameRules.Check(name) is { } wrong:
                (result.ErrorCode, result.ErrorMessage) = (ErrorCode.InvalidTopicException, $"Topic name is invalid: {wrong}");
                return [];
            case ConfigAdministration.TopicResource when metadata.Current.Topic(name) is null:
                (result.ErrorCode, result.ErrorMessage) = (ErrorCode.UnknownTopicOrPartition, null);
                return [];
            case ConfigAdministration.TopicResource:
                return ConfigDescriptions.OfTopic(config, name);
            case ConfigAdministration.BrokerResource when name.Length == 0:
                return ConfigDescriptions.OfDefaultBroker(config);
            case ConfigAdministration.BrokerResource when name == $"{config.Static.BrokerId}":
                return ConfigDescriptions.OfBroker(config);
            case ConfigAdministration.BrokerResource:
                (result.ErrorCode, result.ErrorMessage) = (
                    ErrorCode.InvalidRequest, $"Unexpected broker id, expected {config.Static.BrokerId} or empty string, but received {name}");
                return [];
            default:
                (result.ErrorCode, result.ErrorMessage) = (ErrorCode.InvalidRequest, $"Unsupported resource type: {resource.ResourceType}");
                return [];
        }
    }

    private static DescribeConfigsResponse.DescribeConfigsResourceResult Entry(ConfigDescription one, DescribeConfigsRequest request)
    {
        bool hidden = one.Key.IsSensitive;
        var entry = new DescribeConfigsResponse.DescribeConfigsResourceResult
        {
            Name = one.Key.Name,
            Value = hidden ? null : one.Value,
            ReadOnly = one.IsReadOnly,
            ConfigSource = (sbyte)one.Source,
            IsSensitive = hidden,
            ConfigType = (sbyte)one.Key.Type,
            Documentation = request.IncludeDocumentation ? one.Key.Documentation : null,
        };
        if (request.IncludeSynonyms)
        {
            foreach (ConfigSynonym synonym in one.Synonyms)
            {
                entry.Synonyms.Add(new() { Name = synonym.Name, Value = hidden ? null : synonym.Value, Source = (sbyte)synonym.Source });
            }
        }
        return entry;
    }
}

/// <summary>AlterConfigs: replaces the dynamic values of a resource whole.</summary>
internal sealed class AlterConfigsHandler(ConfigAdministration administration)
    : WorkerHandler<AlterConfigsRequest, AlterConfigsResponse>
{
    protected override async ValueTask<AlterConfigsResponse> HandleAsync(RequestContext context, AlterConfigsRequest request)
    {
        var response = new AlterConfigsResponse();
        foreach (AlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            Outcome outcome = await administration.ReplaceAsync(
                resource.ResourceType, resource.ResourceName, [.. resource.Configs.Select(c => KeyValuePair.Create(c.Name, c.Value))],
                request.ValidateOnly, context.Closing).ConfigureAwait(false);
            response.Responses.Add(new()
            {
                ErrorCode = outcome.Error,
                ErrorMessage = outcome.Message,
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
            });
        }
        return response;
    }
}

/// <summary>IncrementalAlterConfigs: changes single keys.</summary>
internal sealed class IncrementalAlterConfigsHandler(ConfigAdministration administration)
    : WorkerHandler<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>
{
    protected override async ValueTask<IncrementalAlterConfigsResponse> HandleAsync(
        RequestContext context, IncrementalAlterConfigsRequest request)
    {
        var response = new IncrementalAlterConfigsResponse();
        foreach (IncrementalAlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            Outcome outcome = await administration.EditAsync(
                resource.ResourceType, resource.ResourceName,
                [.. resource.Configs.Select(c => new ConfigEdit(c.Name, (ConfigOperation)c.ConfigOperation, c.Value))],
                request.ValidateOnly, context.Closing).ConfigureAwait(false);
            response.Responses.Add(new()
            {
                ErrorCode = outcome.Error,
                ErrorMessage = outcome.Message,
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
            });
        }
        return response;
    }
}
