using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>The configuration and the loggers of brokers of other hosts: each tells its own, static values too, and checks what it is
/// given (DescribeConfigs, IncrementalAlterConfigs). One that is silent is told of within a second. Thread-safe.</summary>
internal sealed class RemoteConfigs(RemoteBrokers brokers, TimeProvider time)
{
    /// <summary>How often it is looked whether a broker goes by a change, and how long after one another.</summary>
    private const int SettleSteps = 20;

    private static readonly TimeSpan s_settleStep = TimeSpan.FromMilliseconds(50);

    /// <exception cref="AdminException">The broker's refusal; BROKER_NOT_AVAILABLE: it does not answer.</exception>
    public async Task<IReadOnlyList<ConfigEntry>> DescribeAsync(int broker, ConfigResource resource, CancellationToken cancellationToken)
    {
        var request = new DescribeConfigsRequest { IncludeSynonyms = true, IncludeDocumentation = true };
        request.Resources.Add(new() { ResourceType = TypeOf(resource), ResourceName = resource.Name, ConfigurationKeys = null });
        DescribeConfigsResponse response = await brokers.AskAsync<DescribeConfigsRequest, DescribeConfigsResponse>(
            broker, request, DescribeConfigsRequest.HighestVersion, cancellationToken).ConfigureAwait(false);
        DescribeConfigsResponse.DescribeConfigsResult answer = response.Results[0];
        ThrowIf(answer.ErrorCode, answer.ErrorMessage, broker);
        return [.. answer.Configs.OrderBy(c => c.Name, StringComparer.Ordinal)
            .Select(c => resource.Kind == ConfigResourceKind.BrokerLogger ? ClusterAdmin.LoggerEntry(c.Name, c.Value) : Entry(c))];
    }

    private static sbyte TypeOf(ConfigResource resource) =>
        resource.Kind == ConfigResourceKind.BrokerLogger ? ConfigAdministration.LoggerResource : ConfigAdministration.BrokerResource;

    /// <summary>A key as the broker tells it, which may be of a version that knows other keys; what may be given is known here or not at
    /// all.</summary>
    private static ConfigEntry Entry(DescribeConfigsResponse.DescribeConfigsResourceResult told)
    {
        ConfigKey? known = ConfigCatalog.Broker.GetValueOrDefault(told.Name);
        ConfigType type = Enum.IsDefined((ConfigType)told.ConfigType) ? (ConfigType)told.ConfigType : known?.Type ?? ConfigType.String;
        return new ConfigEntry
        {
            Name = told.Name,
            Value = told.IsSensitive ? null : told.Value,
            Default = told.Synonyms.FirstOrDefault(s => s.Source == (sbyte)ConfigSource.Default)?.Value ?? known?.Default,
            Source = ClusterAdmin.NameOf((ConfigSource)told.ConfigSource),
            Type = ClusterAdmin.NameOf(type),
            IsReadOnly = told.ReadOnly,
            IsSensitive = told.IsSensitive,
            Documentation = told.Documentation is { Length: > 0 } text ? text : known?.Documentation ?? "",
            AllowedValues = known?.Rule.Allowed,
        };
    }

    /// <summary>Changes single keys, and waits a moment for the broker to go by them.</summary>
    /// <exception cref="AdminException">The broker's refusal; BROKER_NOT_AVAILABLE: it does not answer.</exception>
    public async Task AlterAsync(
        int broker, ConfigResource resource, IReadOnlyDictionary<string, string?> changes, bool validateOnly,
        CancellationToken cancellationToken)
    {
        await brokers.ReachAsync(broker, cancellationToken).ConfigureAwait(false);
        var asked = new IncrementalAlterConfigsRequest.AlterConfigsResource { ResourceType = TypeOf(resource), ResourceName = resource.Name };
        asked.Configs.AddRange(changes.Select(c => new IncrementalAlterConfigsRequest.AlterableConfig
        {
            Name = c.Key,
            ConfigOperation = (sbyte)(c.Value is null ? ConfigOperation.Delete : ConfigOperation.Set),
            Value = c.Value,
        }));
        var request = new IncrementalAlterConfigsRequest { ValidateOnly = validateOnly };
        request.Resources.Add(asked);
        IncrementalAlterConfigsResponse response = await brokers.CallAsync<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(
            broker, request, IncrementalAlterConfigsRequest.HighestVersion, cancellationToken).ConfigureAwait(false);
        ThrowIf(response.Responses[0].ErrorCode, response.Responses[0].ErrorMessage, broker);
        for (int i = 0; !validateOnly && i < SettleSteps && !await IsTakenOverAsync(broker, resource, changes, cancellationToken).ConfigureAwait(false); i++)
        {
            await Task.Delay(s_settleStep, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<bool> IsTakenOverAsync(
        int broker, ConfigResource resource, IReadOnlyDictionary<string, string?> changes, CancellationToken cancellationToken)
    {
        if (resource.Kind == ConfigResourceKind.BrokerLogger)
        {
            return true;   // at once, and in memory
        }
        Dictionary<string, ConfigEntry> told = (await DescribeAsync(broker, resource, cancellationToken).ConfigureAwait(false))
            .DistinctBy(e => e.Name).ToDictionary(e => e.Name);
        return changes.All(c => !told.TryGetValue(c.Key, out ConfigEntry? entry)
            || (entry.Source == ClusterAdmin.NameOf(ConfigSource.DynamicBroker)
                ? c.Value is not null && (entry.IsSensitive || entry.Value == c.Value) : c.Value is null));
    }

    private static void ThrowIf(ErrorCode error, string? message, int broker)
    {
        if (error != ErrorCode.None)
        {
            throw new AdminException(error.Name(), message ?? $"Broker {broker} answers {error.Name()}.");
        }
    }
}
