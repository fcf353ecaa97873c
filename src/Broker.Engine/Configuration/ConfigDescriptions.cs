namespace Broker.Engine.Configuration;

/// <summary>Where a value comes from; the numbers are those of DescribeConfigs (Kafka: DescribeConfigsResponse.ConfigSource).</summary>
internal enum ConfigSource : sbyte
{
    Topic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
    DynamicBrokerLogger = 6,
}

/// <summary>A name that gives a value, what it gives, and where from.</summary>
internal sealed record ConfigSynonym(string Name, string? Value, ConfigSource Source);

/// <summary>A key with its value, and every synonym that could have given it, the winner first.</summary>
internal sealed record ConfigDescription(ConfigKey Key, string? Value, ConfigSource Source, bool IsReadOnly, IReadOnlyList<ConfigSynonym> Synonyms);

/// <summary>Describes configuration as Kafka's ConfigHelper does. Stateless.</summary>
internal static class ConfigDescriptions
{
    public static IEnumerable<ConfigDescription> OfTopic(ClusterConfig config, string topic) => OfTopic(config, config.Topic(topic));

    /// <param name="config">The broker's configuration.</param>
    /// <param name="own">What is, or would be, set for the topic itself.</param>
    public static IEnumerable<ConfigDescription> OfTopic(ClusterConfig config, IReadOnlyDictionary<string, string> own)
    {
        foreach (ConfigKey key in ConfigCatalog.Topic.Values.OrderBy(k => k.Name, StringComparer.Ordinal))
        {
            if (key.IsInternal && !own.ContainsKey(key.Name))
            {
                continue;
            }
            var synonyms = new List<ConfigSynonym>();
            if (own.TryGetValue(key.Name, out string? set))
            {
                synonyms.Add(new ConfigSynonym(key.Name, set, ConfigSource.Topic));
            }
            if (key.Synonym is { } synonym && ConfigCatalog.Broker.TryGetValue(synonym, out ConfigKey? broker))
            {
                AddBroker(synonyms, config, broker);
            }
            string? value = LogConfig.Effective(config.Current, own, key.Name);
            yield return new ConfigDescription(key, value, synonyms.Count > 0 ? synonyms[0].Source : ConfigSource.Default, false, synonyms);
        }
    }

    /// <summary>What gives a topic its value, fallbacks included: what CreateTopics tells (Kafka: KafkaConfigSchema).</summary>
    public static ConfigSource SourceOf(ClusterConfig config, IReadOnlyDictionary<string, string> own, ConfigKey key)
    {
        if (own.ContainsKey(key.Name))
        {
            return ConfigSource.Topic;
        }
        string[] names = key.Synonym is { } synonym && ConfigCatalog.Broker.TryGetValue(synonym, out ConfigKey? broker)
            ? [synonym, .. broker.ShownFallbacks] : [];
        return Array.Exists(names, config.OwnBroker.ContainsKey) ? ConfigSource.DynamicBroker
            : Array.Exists(names, config.DefaultBroker.ContainsKey) ? ConfigSource.DynamicDefaultBroker
            : Array.Exists(names, config.Static.Set.ContainsKey) ? ConfigSource.StaticBroker : ConfigSource.Default;
    }

    public static IEnumerable<ConfigDescription> OfBroker(ClusterConfig config)
    {
        foreach (ConfigKey key in ConfigCatalog.Broker.Values.OrderBy(k => k.Name, StringComparer.Ordinal))
        {
            var synonyms = new List<ConfigSynonym>();
            AddBroker(synonyms, config, key);
            yield return new ConfigDescription(
                key, config.Current.Own(key.Name), synonyms.Count > 0 ? synonyms[0].Source : ConfigSource.Default,
                key.UpdateMode == UpdateMode.ReadOnly, synonyms);
        }
    }

    /// <summary>The dynamic values that hold for all brokers, and nothing else.</summary>
    public static IEnumerable<ConfigDescription> OfDefaultBroker(ClusterConfig config)
    {
        foreach ((string name, string value) in config.DefaultBroker.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            if (ConfigCatalog.Find(name) is { } key)
            {
                yield return new ConfigDescription(
                    key, value, ConfigSource.DynamicDefaultBroker, false, [new ConfigSynonym(name, value, ConfigSource.DynamicDefaultBroker)]);
            }
        }
    }

    /// <summary>Every place that may give a broker key its value, in the order in which they win. As in Kafka, what comes
    /// before the key's own name says nothing of the key: a key that only its fallbacks give has no synonyms.</summary>
    private static void AddBroker(List<ConfigSynonym> synonyms, ClusterConfig config, ConfigKey key)
    {
        var found = new List<ConfigSynonym>();
        string[] names = [key.Name, .. key.ShownFallbacks];
        Array.ForEach(names, n => Add(found, n, config.OwnBroker, ConfigSource.DynamicBroker));
        Array.ForEach(names, n => Add(found, n, config.DefaultBroker, ConfigSource.DynamicDefaultBroker));
        Array.ForEach(names, n => Add(found, n, config.Static.Set, ConfigSource.StaticBroker));
        foreach (string name in names)
        {
            if (ConfigCatalog.Broker[name].Default is { } value)
            {
                found.Add(new ConfigSynonym(name, value, ConfigSource.Default));
            }
        }
        synonyms.AddRange(found.SkipWhile(s => s.Name != key.Name));
    }

    private static void Add(List<ConfigSynonym> synonyms, string name, IReadOnlyDictionary<string, string> values, ConfigSource source)
    {
        if (values.TryGetValue(name, out string? value))
        {
            synonyms.Add(new ConfigSynonym(name, value, source));
        }
    }
}
