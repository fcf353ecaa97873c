using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Admin;

/// <summary>DescribeConfigs: the entries of topics and of this broker, with synonyms and documentation on request.</summary>
internal sealed class DescribeConfigsHandler(ClusterConfig config, MetadataCache metadata, LoggerAdministration loggers)
    : WorkerHandler<DescribeConfigsRequest, DescribeConfigsResponse>
{
    protected override async ValueTask<DescribeConfigsResponse> HandleAsync(RequestContext context, DescribeConfigsRequest request)
    {
        // What another broker has just changed is to be seen here at once (Kafka: ZkConfigRepository reads the tree).
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> topics =
            await config.TopicsInTreeAsync(Topics(request)).ConfigureAwait(false);
        var response = new DescribeConfigsResponse();
        foreach (DescribeConfigsRequest.DescribeConfigsResource resource in request.Resources)
        {
            var result = new DescribeConfigsResponse.DescribeConfigsResult
            {
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
                ErrorMessage = null,
            };
            if (resource.ResourceType == ConfigAdministration.LoggerResource)
            {
                DescribeLoggers(resource, result);
            }
            foreach (ConfigDescription one in Describe(resource, result, topics))
            {
                if (resource.ConfigurationKeys is not { Count: > 0 } keys || keys.Contains(one.Key.Name))
                {
                    result.Configs.Add(Entry(one, request));
                }
            }
            response.Results.Add(result);
        }
        return response;
    }

    private string[] Topics(DescribeConfigsRequest request) =>
        [.. request.Resources.Where(r => r.ResourceType == ConfigAdministration.TopicResource).Select(r => r.ResourceName)
            .Where(t => metadata.Current.Topic(t) is not null).Distinct(StringComparer.Ordinal)];

    private IEnumerable<ConfigDescription> Describe(
        DescribeConfigsRequest.DescribeConfigsResource resource,
        DescribeConfigsResponse.DescribeConfigsResult result,
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> topics)
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
                return ConfigDescriptions.OfTopic(config, topics.GetValueOrDefault(name) ?? config.Topic(name));
            case ConfigAdministration.BrokerResource when name.Length == 0:
                return ConfigDescriptions.OfDefaultBroker(config);
            case ConfigAdministration.BrokerResource when name == $"{config.Static.BrokerId}":
                return ConfigDescriptions.OfBroker(config);
            case ConfigAdministration.LoggerResource:
                return [];
            case ConfigAdministration.BrokerResource when !int.TryParse(name, out int _):
                (result.ErrorCode, result.ErrorMessage) = (ErrorCode.InvalidRequest, $"Broker id must be an integer, but it is: {name}");
                return [];
            case ConfigAdministration.BrokerResource:
                (result.ErrorCode, result.ErrorMessage) = (
                    ErrorCode.InvalidRequest, $"Unexpected broker id, expected {config.Static.BrokerId} or empty string, but received {name}");
                return [];
            default:
                (result.ErrorCode, result.ErrorMessage) = (ErrorCode.InvalidRequest, $"Unsupported resource type: {resource.ResourceType}");
                return [];
        }
    }

    private void DescribeLoggers(
        DescribeConfigsRequest.DescribeConfigsResource resource, DescribeConfigsResponse.DescribeConfigsResult result)
    {
        string name = resource.ResourceName;
        string? wrong = name.Length == 0 ? "Broker id must not be empty"
            : !int.TryParse(name, out int id) ? $"Broker id must be an integer, but it is: {name}"
            : id != config.Static.BrokerId ? $"Unexpected broker id, expected {config.Static.BrokerId} but received {name}" : null;
        if (wrong is not null)
        {
            (result.ErrorCode, result.ErrorMessage) = (ErrorCode.InvalidRequest, wrong);
            return;
        }
        foreach ((string logger, string level) in loggers.Loggers)
        {
            if (resource.ConfigurationKeys is not { Count: > 0 } keys || keys.Contains(logger))
            {
                result.Configs.Add(new() { Name = logger, Value = level, ConfigSource = (sbyte)ConfigSource.DynamicBrokerLogger });
            }
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
