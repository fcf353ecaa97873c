using System.Collections.Frozen;
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
internal sealed class ConfigAdministration(Func<ICoordinationSession> session, MetadataCache metadata)
{
    /// <summary>Type of resource in the protocol (Kafka: ConfigResource.Type).</summary>
    public const sbyte TopicResource = 2;
    public const sbyte BrokerResource = 4;

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
            if (Check(ConfigCatalog.Topic, "topic", name, value) is { IsDone: false } wrong)
            {
                return wrong;
            }
            values[name] = value;
        }
        return Outcome.Done;
    }

    private static Outcome Check(FrozenDictionary<string, ConfigKey> catalog, string kind, string name, string value)
    {
        if (!catalog.TryGetValue(name, out ConfigKey? key))
        {
            return Outcome.Refused(ErrorCode.InvalidConfig, $"Unknown {kind} config name: {name}");
        }
        return key.Check(value) is { } wrong ? Outcome.Refused(ErrorCode.InvalidConfig, wrong) : Outcome.Done;
    }

    /// <summary>Replaces a resource's values whole (AlterConfigs).</summary>
    public Task<Outcome> ReplaceAsync(
        sbyte type, string name, IReadOnlyList<KeyValuePair<string, string?>> entries, bool validateOnly, CancellationToken cancellationToken)
    {
        if (entries.FirstOrDefault(e => e.Value is null) is { Key: { } nullName })
        {
            return Task.FromResult(Outcome.Refused(ErrorCode.InvalidRequest, $"Null value not supported for : {nullName}"));
        }
        return ChangeAsync(type, name, _ => (Outcome.Done, entries.ToDictionary(e => e.Key, e => e.Value!)), validateOnly, cancellationToken);
    }

    /// <summary>Changes single keys (IncrementalAlterConfigs).</summary>
    public Task<Outcome> EditAsync(
        sbyte type, string name, IReadOnlyList<ConfigEdit> edits, bool validateOnly, CancellationToken cancellationToken)
    {
        HashSet<string> twice = edits.Select(e => e.Name).Repeated();
        if (twice.Count > 0)
        {
            return Task.FromResult(Outcome.Refused(ErrorCode.InvalidRequest, $"Error due to duplicate config keys : {string.Join(',', twice)}"));
        }
        ConfigEdit? withoutValue = edits.FirstOrDefault(e => e.Operation != ConfigOperation.Delete && e.Value is null);
        if (withoutValue is not null)
        {
            return Task.FromResult(Outcome.Refused(ErrorCode.InvalidRequest, $"Null value not supported for : {withoutValue.Name}"));
        }
        return ChangeAsync(type, name, values => Apply(type, values, edits), validateOnly, cancellationToken);
    }

    private static (Outcome, Dictionary<string, string>) Apply(
        sbyte type, Dictionary<string, string> values, IReadOnlyList<ConfigEdit> edits)
    {
        FrozenDictionary<string, ConfigKey> catalog = type == TopicResource ? ConfigCatalog.Topic : ConfigCatalog.Broker;
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
                        string what = edit.Operation == ConfigOperation.Append ? "append" : "subtract";
                        return (Outcome.Refused(
                            ErrorCode.InvalidConfig, $"Config value {what} is not allowed for config key: {edit.Name}"), values);
                    }
                    IEnumerable<string> old = ConfigValue.List(values.GetValueOrDefault(edit.Name) ?? key.Default ?? "");
                    IReadOnlyList<string> given = ConfigValue.List(edit.Value!);
                    values[edit.Name] = string.Join(',', edit.Operation == ConfigOperation.Append ? old.Union(given) : old.Except(given));
                    break;
                default:
                    return (Outcome.Refused(ErrorCode.InvalidRequest, $"Unknown config operation {(sbyte)edit.Operation}"), values);
            }
        }
        return (Outcome.Done, values);
    }

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
            outcome = outcome.IsDone ? CheckValues(type, name, had, values) : outcome;
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
                    ? Outcome.Done : Outcome.Refused(ErrorCode.InvalidRequest, $"Broker id must be an integer, but it is: {name}");
            default:
                return Outcome.Refused(ErrorCode.InvalidRequest, $"Unexpected resource type {type}");
        }
    }

    private static Outcome CheckValues(sbyte type, string name, Dictionary<string, string> had, Dictionary<string, string> values)
    {
        bool isTopic = type == TopicResource;
        foreach ((string key, string value) in values)
        {
            if (Check(isTopic ? ConfigCatalog.Topic : ConfigCatalog.Broker, isTopic ? "topic" : "broker", key, value) is { IsDone: false } wrong)
            {
                return wrong;
            }
        }
        if (isTopic)
        {
            return Outcome.Done;
        }
        IEnumerable<string> changed = values.Keys.Union(had.Keys).Where(k => values.GetValueOrDefault(k) != had.GetValueOrDefault(k));
        string[] fixedKeys = [.. changed.Where(k => ConfigCatalog.Broker[k].UpdateMode == UpdateMode.ReadOnly)];
        if (fixedKeys.Length > 0)
        {
            return Outcome.Refused(ErrorCode.InvalidRequest, $"Cannot update these configs dynamically: Set({string.Join(", ", fixedKeys)})");
        }
        string[] ownOnly = name.Length > 0 ? [] : [.. changed.Where(k => ConfigCatalog.Broker[k].UpdateMode == UpdateMode.PerBroker)];
        return ownOnly.Length == 0 ? Outcome.Done : Outcome.Refused(
            ErrorCode.InvalidRequest, $"Cannot update these configs at default cluster level: Set({string.Join(", ", ownOnly)})");
    }
}
