using System.Globalization;
using Broker.Engine.Administration;
using Broker.Engine.Configuration;
using Broker.Engine.Diagnostics;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Configuration: of topics and of this host's brokers from memory, of brokers of other hosts as those tell it.</summary>
internal sealed partial class ClusterAdmin
{
    public async Task<IReadOnlyList<ConfigEntry>> DescribeConfigAsync(ConfigResource resource, CancellationToken cancellationToken)
    {
        if (ElsewhereOrThrow(resource) is { } broker)
        {
            return await _remoteConfigs.DescribeAsync(broker, resource, cancellationToken).ConfigureAwait(false);
        }
        return resource.Kind switch
        {
            ConfigResourceKind.Topic => [.. ConfigDescriptions.OfTopic(Able().Config, Known(resource.Name).Name).Select(Entry)],
            ConfigResourceKind.BrokerLogger => [.. RunningOrThrow(resource.Name).Loggers.Loggers.Select(l => LoggerEntry(l.Logger, l.Level))],
            _ when resource.Name.Length == 0 => [.. Defaults(ConfigDescriptions.OfBroker(Able().Config)).Select(Entry)],
            _ => [.. ConfigDescriptions.OfBroker(RunningOrThrow(resource.Name).Config).Select(Entry)],
        };
    }

    /// <summary>The broker of another host that a resource belongs to; null where it is known here.</summary>
    /// <exception cref="AdminException">BROKER_NOT_AVAILABLE: there is such a broker in no host.</exception>
    private int? ElsewhereOrThrow(ConfigResource resource)
    {
        if (resource.Kind == ConfigResourceKind.Topic || resource.Name.Length == 0
            || !int.TryParse(resource.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int broker) || IsHere(broker))
        {
            return null;
        }
        _ = Able();
        return Image.IsAlive(broker) ? broker
            : throw new AdminException("BROKER_NOT_AVAILABLE", $"Broker {broker} is not there: no host of the cluster has registered it.");
    }

    private BrokerServer RunningOrThrow(string broker) => Running().FirstOrDefault(b => $"{b.Id}" == broker)
        ?? throw new AdminException("BROKER_NOT_AVAILABLE", $"Broker {broker} is not running in this host.");

    /// <summary>All that can be set for every broker at once, with what holds where a broker sets nothing itself.</summary>
    private static IEnumerable<ConfigDescription> Defaults(IEnumerable<ConfigDescription> all) =>
        from one in all
        where !one.IsReadOnly
        let winner = one.Synonyms.FirstOrDefault(s => s.Source != ConfigSource.DynamicBroker)
        select one with { Value = winner?.Value, Source = winner?.Source ?? ConfigSource.Default };

    private static ConfigEntry Entry(ConfigDescription one) => new()
    {
        Name = one.Key.Name,
        Value = one.Key.IsSensitive ? null : one.Value,
        Default = one.Key.Default,
        Source = NameOf(one.Source),
        Type = NameOf(one.Key.Type),
        IsReadOnly = one.IsReadOnly,
        IsSensitive = one.Key.IsSensitive,
        Documentation = one.Key.Documentation,
        AllowedValues = one.Key.Rule.Allowed,
    };

    internal static ConfigEntry LoggerEntry(string logger, string? level) => new()
    {
        Name = logger,
        Value = level,
        Source = NameOf(ConfigSource.DynamicBrokerLogger),
        Type = NameOf(ConfigType.String),
        IsReadOnly = false,
        IsSensitive = false,
        Documentation = logger == LogLevels.Root ? "What loggers go by that have no level of their own." : "",
        AllowedValues = [.. LogLevels.Names],
    };

    internal static string NameOf(ConfigSource source) => source switch
    {
        ConfigSource.Topic => "DYNAMIC_TOPIC_CONFIG",
        ConfigSource.DynamicBroker => "DYNAMIC_BROKER_CONFIG",
        ConfigSource.DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource.StaticBroker => "STATIC_BROKER_CONFIG",
        ConfigSource.DynamicBrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG",
        _ => "DEFAULT_CONFIG",
    };

    internal static string NameOf(ConfigType type) => type.ToString().ToUpperInvariant();

    public async Task AlterConfigAsync(
        ConfigResource resource, IReadOnlyDictionary<string, string?> changes, bool validateOnly, CancellationToken cancellationToken)
    {
        if (ElsewhereOrThrow(resource) is { } broker)
        {
            await _remoteConfigs.AlterAsync(broker, resource, changes, validateOnly, cancellationToken).ConfigureAwait(false);
        }
        else if (resource.Kind == ConfigResourceKind.BrokerLogger)
        {
            ConfigEdit[] edits = EditsOf(changes);
            Outcome shape = ConfigAdministration.CheckShape(edits);
            ThrowIfRefused(shape.IsDone ? RunningOrThrow(resource.Name).Loggers.Edit(resource.Name, edits, validateOnly) : shape);
        }
        else
        {
            await WriteConfigAsync(resource, changes, validateOnly, cancellationToken).ConfigureAwait(false);
        }
    }

    private static ConfigEdit[] EditsOf(IReadOnlyDictionary<string, string?> changes) =>
        [.. changes.Select(c => new ConfigEdit(c.Key, c.Value is null ? ConfigOperation.Delete : ConfigOperation.Set, c.Value))];

    /// <summary>Writes a change to the tree, where every broker finds what is its own, whichever host it runs in.</summary>
    private async Task WriteConfigAsync(
        ConfigResource resource, IReadOnlyDictionary<string, string?> changes, bool validateOnly, CancellationToken cancellationToken)
    {
        sbyte type = resource.Kind == ConfigResourceKind.Topic ? ConfigAdministration.TopicResource : ConfigAdministration.BrokerResource;
        BrokerServer broker = Able();
        ConfigEdit[] edits = EditsOf(changes);
        ThrowIfRefused(await WrittenAsync(
            token => broker.Configs.EditAsync(type, resource.Name, edits, validateOnly, token), cancellationToken).ConfigureAwait(false));
        if (!validateOnly)
        {
            await UntilAsync(() => IsTakenOver(resource, changes), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Whether the broker that is asked goes by the changes already.</summary>
    private bool IsTakenOver(ConfigResource resource, IReadOnlyDictionary<string, string?> changes)
    {
        ClusterConfig? config = resource is { Kind: ConfigResourceKind.Broker, Name.Length: > 0 }
            ? Running().FirstOrDefault(b => $"{b.Id}" == resource.Name)?.Config : Informed()?.Config;
        IReadOnlyDictionary<string, string>? values = resource.Kind == ConfigResourceKind.Topic ? config?.Topic(resource.Name)
            : resource.Name.Length == 0 ? config?.DefaultBroker : config?.OwnBroker;
        return values is null || changes.All(c => values.GetValueOrDefault(c.Key) == c.Value);
    }
}
