namespace Broker.Engine.Configuration;

/// <summary>Types of values (Kafka: ConfigDef.Type; the numbers are those of DescribeConfigs).</summary>
internal enum ConfigType
{
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    Class = 8,
    Password = 9,
}

internal enum ConfigImportance
{
    High,
    Medium,
    Low,
}

/// <summary>When a broker key may change (Kafka: DynamicBrokerConfig).</summary>
internal enum UpdateMode
{
    ReadOnly,
    PerBroker,
    ClusterWide,
}

/// <summary>What a key does here.</summary>
internal enum ConfigSupport
{
    /// <summary>What its documentation says.</summary>
    Served,

    /// <summary>Nothing; it is accepted, and a warning says why.</summary>
    NoEffect,

    /// <summary>Another value than the default is refused, because it would change what the broker promises.</summary>
    Refused,
}

/// <summary>
/// The one declaration of a configuration key: parsing, validation, DescribeConfigs, the documentation page and the console's
/// form all come from it. Immutable.
/// </summary>
internal sealed record ConfigKey
{
    public required string Name { get; init; }

    public required ConfigType Type { get; init; }

    /// <summary>The default as text, or null for none.</summary>
    public string? Default { get; init; }

    public ConfigImportance Importance { get; init; } = ConfigImportance.Medium;

    public UpdateMode UpdateMode { get; init; } = UpdateMode.ReadOnly;

    public ConfigSupport Support { get; init; } = ConfigSupport.Served;

    /// <summary>Why the key has no effect or is refused.</summary>
    public string? Reason { get; init; }

    public required string Documentation { get; init; }

    public ConfigRule Rule { get; init; } = ConfigRule.Any;

    /// <summary>Keys that give the value while this one is not set, in order: log.retention.minutes, then .hours.</summary>
    public IReadOnlyList<string> Fallbacks { get; init; } = [];

    /// <summary>For a topic key: the broker key that gives its default.</summary>
    public string? Synonym { get; init; }

    /// <summary>The fallbacks that DescribeConfigs tells of: Kafka's (DynamicBrokerConfig.brokerConfigSynonyms).</summary>
    public IEnumerable<string> ShownFallbacks => Fallbacks.Where(f => f.StartsWith("log.", StringComparison.Ordinal) && f != "log.dir");

    /// <summary>For Kafka's own tests, or a key that Kafka does not have: told only where it is set.</summary>
    public bool IsInternal => Name.StartsWith("internal.", StringComparison.Ordinal)
        || Name.StartsWith("zookeeper.server.", StringComparison.Ordinal) || Name.StartsWith("zookeeper.sasl.", StringComparison.Ordinal);

    public bool IsSensitive => Type == ConfigType.Password;

    /// <summary>Why a value is not allowed, in Kafka's words, or null.</summary>
    public string? Check(string? value)
    {
        if (ConfigValue.Parse(this, value, out object? parsed) is { } notOfType)
        {
            return notOfType;
        }
        return Rule.Check(Name, parsed);
    }
}
