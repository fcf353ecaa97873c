using Broker.Engine.Configuration;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Administration;

/// <summary>What IncrementalAlterConfigs does to a key; the numbers are the protocol's (Kafka: AlterConfigOp.OpType).</summary>
internal enum ConfigOperation : sbyte
{
    Set = 0,
    Delete = 1,
    Append = 2,
    Subtract = 3,
}

/// <summary>One operation on one key.</summary>
internal sealed record ConfigEdit(string Name, ConfigOperation Operation, string? Value);

/// <summary>Changes the dynamic configuration of topics and brokers in the tree. Checks and words follow Kafka's
/// ConfigAdminManager. Thread-safe.</summary>
internal sealed class ConfigAdministration(Func<ICoordinationSession> session, MetadataCache metadata, ClusterConfig config)
{
    /// <summary>Type of resource in the protocol (Kafka: ConfigResource.Type).</summary>
    public const sbyte TopicResource = 2;
    public const sbyte BrokerResource = 4;
    public const sbyte LoggerResource = 8;

    /// <summary>Checks a topic's values.</summary>
    public static Outcome CheckTopic(IEnumerable<KeyValuePair<string, string?>> entries, out Dictionary<string, string> values)
    {
        values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, string? value) in entries)
        {
            if (value is null)
            {
                return Outcome.Refused(ErrorCode.InvalidConfig, $"Null value not supported for topic configs: {name}");
            }
            values[name] = value;
        }
        return CheckTopicValues(values);
    }

    private static Outcome CheckTopicValues(IReadOnlyDictionary<string, string> values)
    {
        foreach ((string name, string value) in values)
        {
            if (!ConfigCatalog.Topic.TryGetValue(name, out ConfigKey? key))
            {
                return Outcome.Refused(ErrorCode.InvalidConfig, $"Unknown topic config name: {name}");
            }
            if (key.Check(value) is { } wrong)
            {
                return Outcome.Refused(ErrorCode.InvalidConfig, wrong);
            }
        }
        return LogConfig.Conflict(values) is { } conflict ? Outcome.Refused(ErrorCode.InvalidConfig, conflict) : Outcome.Done;
    }

    /// <summary>Replaces a resource's values whole (AlterConfigs).</summary>
    public Task<Outcome> ReplaceAsync(
        sbyte type, string name, IReadOnlyList<KeyValuePair<string, string?>> entries, bool validateOnly, CancellationToken cancellationToken)
    {
        Outcome shape = CheckShape([.. entries.Select(e => new ConfigEdit(e.Key, ConfigOperation.Set, e.Value))]);
        return shape.IsDone
            ? ChangeAsync(type, name, _ => (Outcome.Done, entries.ToDictionary(e => e.Key, e => e.Value!)), validateOnly, cancellationToken)
            : Task.FromResult(shape);
    }

    /// <summary>Changes single keys (IncrementalAlterConfigs).</summary>
    public Task<Outcome> EditAsync(
        sbyte type, string name, IReadOnlyList<ConfigEdit> edits, bool validateOnly, CancellationToken cancellationToken)
    {
        Outcome shape = CheckShape(edits);
        return shape.IsDone
            ? ChangeAsync(type, name, values => Apply(type, values, edits), validateOnly, cancellationToken) : Task.FromResult(shape);
    }

    /// <summary>Whether a request names each key once, with a value where one is needed.</summary>
    public static Outcome CheckShape(IReadOnlyList<ConfigEdit> edits)
    {
        if (edits.Select(e => e.Name).Repeated().Count > 0)
        {
            return Outcome.Refused(ErrorCode.InvalidRequest, "Error due to duplicate config keys");
        }
        string[] without = [.. edits.Where(e => e.Operation != ConfigOperation.Delete && e.Value is null).Select(e => e.Name)];
        return without.Length == 0
            ? Outcome.Done : Outcome.Refused(ErrorCode.InvalidRequest, $"Null value not supported for : {string.Join(", ", without)}");
    }

    private static (Outcome, Dictionary<string, string>) Apply(
        sbyte type, Dictionary<string, string> values, IReadOnlyList<ConfigEdit> edits)
    {
        IReadOnlyDictionary<string, ConfigKey> catalog = type == TopicResource ? ConfigCatalog.Topic : ConfigCatalog.Broker;
        foreach (ConfigEdit edit in edits)
        {
            switch (edit.Operation)
            {
                case ConfigOperation.Set:
                    values[edit.Name] = edit.Value!;
                    break;
                case ConfigOperation.Delete:
                    values.Remove(edit.Name);
                    break;
                case ConfigOperation.Append or ConfigOperation.Subtract:
                    if (!catalog.TryGetValue(edit.Name, out ConfigKey? key) || key.Type != ConfigType.List)
                    {
                        return (Outcome.Refused(ErrorCode.InvalidConfig, NotAList(type, edit, key is not null)), values);
                    }
                    IEnumerable<string> old = ConfigValue.List(values.GetValueOrDefault(edit.Name) ?? key.Default ?? "");
                    IReadOnlyList<string> given = ConfigValue.List(edit.Value!);
                    values[edit.Name] = string.Join(',', edit.Operation == ConfigOperation.Append ? old.Union(given) : old.Except(given));
                    break;
                default:
                    return (Outcome.Refused(ErrorCode.InvalidRequest, $"Unknown operations type {(sbyte)edit.Operation}"), values);
            }
        }
        return (Outcome.Done, values);
    }

    private static string NotAList(sbyte type, ConfigEdit edit, bool isKnown) =>
        type == TopicResource
            ? $"Can't {edit.Operation.ToString().ToUpperInvariant()} to key {edit.Name} because its type is not LIST."
            : isKnown ? $"Config value {(edit.Operation == ConfigOperation.Append ? "append" : "subtract")} is not allowed for config key: {edit.Name}"
            : $"Unknown config name: {edit.Name}";

    private async Task<Outcome> ChangeAsync(
        sbyte type, string name, Func<Dictionary<string, string>, (Outcome, Dictionary<string, string>)> change, bool validateOnly,
        CancellationToken cancellationToken)
    {
        if (CheckResource(type, name, out string path, out string entity) is { IsDone: false } unknown)
        {
            return unknown;
        }
        while (true)
        {
            GetResult node = await session().GetAsync(path, cancellationToken).ConfigureAwait(false);
            Dictionary<string, string> had = ClusterJson.ReadConfig(node.Data);
            (Outcome outcome, Dictionary<string, string> values) = change(new Dictionary<string, string>(had, StringComparer.Ordinal));
            if (outcome.IsDone)
            {
                outcome = type == TopicResource ? CheckTopicValues(values) : BrokerConfigRules.Check(config.Current, name, had, values);
            }
            if (!outcome.IsDone || validateOnly)
            {
                return outcome;
            }
            MultiResult written = await session().MultiAsync(
            [
                node.Error == CoordinationError.None
                    ? CoordinationOperation.Set(path, ClusterJson.Config(values), node.Stat.Version)
                    : CoordinationOperation.Create(path, ClusterJson.Config(values)),
                CoordinationOperation.Create(
                    ClusterPaths.ConfigChangePrefix, ClusterJson.ConfigChange(entity), CreateMode.PersistentSequential),
            ], cancellationToken).ConfigureAwait(false);
            if (written.Error is not (CoordinationError.BadVersion or CoordinationError.NodeExists))
            {
                return written.Error == CoordinationError.None
                    ? Outcome.Done : Outcome.Refused(ErrorCode.UnknownServerError, $"the cluster's state could not be written: {written.Error}");
            }
        }
    }

    private Outcome CheckResource(sbyte type, string name, out string path, out string entity)
    {
        path = "";
        entity = "";
        switch (type)
        {
            case TopicResource when name.Length == 0:
                return Outcome.Refused(ErrorCode.InvalidRequest, "Default topic resources are not allowed.");
            case TopicResource:
                if (TopicNameRules.Check(name) is { } wrong)
                {
                    return Outcome.Refused(ErrorCode.InvalidTopicException, $"Topic name is invalid: {wrong}");
                }
                (path, entity) = (ClusterPaths.TopicConfig(name), $"topics/{name}");
                return metadata.Current.Topic(name) is null
                    ? Outcome.Refused(ErrorCode.UnknownTopicOrPartition, $"The topic '{name}' does not exist.") : Outcome.Done;
            case BrokerResource:
                string broker = name.Length == 0 ? ClusterPaths.DefaultBroker : name;
                (path, entity) = (ClusterPaths.BrokerConfig(broker), $"brokers/{broker}");
                return name.Length == 0 || int.TryParse(name, out int _)
                    ? Outcome.Done : Outcome.Refused(ErrorCode.InvalidRequest, $"Node id must be an integer, but it is: {name}");
            default:
                return Outcome.Refused(ErrorCode.InvalidRequest, $"Unknown resource type {type}");
        }
    }
}
