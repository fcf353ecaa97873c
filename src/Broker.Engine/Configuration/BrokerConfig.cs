using System.Globalization;

namespace Broker.Engine.Configuration;

/// <summary>
/// The values of a broker's keys: what was set, over fallbacks, over defaults. Built anew when dynamic configuration
/// changes. After Kafka's KafkaConfig. Immutable.
/// </summary>
internal sealed class BrokerConfig
{
    private readonly IReadOnlyDictionary<string, string> _set;

    /// <param name="set">What was set, checked already.</param>
    public BrokerConfig(IReadOnlyDictionary<string, string> set) => _set = set;

    /// <summary>What was set, without fallbacks and defaults.</summary>
    public IReadOnlyDictionary<string, string> Set => _set;

    public int BrokerId => Int("broker.id");

    public string? Rack => Text("broker.rack");

    public IReadOnlyList<string> LogDirectories => List("log.dirs");

    /// <summary>These values with others over them.</summary>
    public BrokerConfig With(IEnumerable<KeyValuePair<string, string>> over)
    {
        var merged = new Dictionary<string, string>(_set, StringComparer.Ordinal);
        foreach ((string name, string value) in over)
        {
            merged[name] = value;
        }
        return new BrokerConfig(merged);
    }

    /// <summary>A key's value: set, by a fallback, or the default; null where there is none.</summary>
    public string? Text(string name)
    {
        if (_set.TryGetValue(name, out string? value))
        {
            return value;
        }
        ConfigKey key = ConfigCatalog.Broker[name];
        foreach (string fallback in key.Fallbacks)
        {
            if (_set.TryGetValue(fallback, out value))
            {
                return Convert(value, fallback, name);
            }
        }
        if (key.Default is { } own)
        {
            return own;
        }
        foreach (string fallback in key.Fallbacks)
        {
            if (ConfigCatalog.Broker[fallback].Default is { } other)
            {
                return Convert(other, fallback, name);
            }
        }
        return null;
    }

    /// <summary>A key's value as DescribeConfigs tells it: without its fallbacks.</summary>
    public string? Own(string name) => _set.GetValueOrDefault(name) ?? ConfigCatalog.Broker[name].Default;

    /// <summary>Hours and minutes become the milliseconds that the key is counted in.</summary>
    public static string Convert(string value, string from, string to)
    {
        long factor = !to.EndsWith(".ms", StringComparison.Ordinal) ? 1
            : from.EndsWith(".hours", StringComparison.Ordinal) ? 3_600_000
            : from.EndsWith(".minutes", StringComparison.Ordinal) ? 60_000 : 1;
        return factor == 1 || !long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) || number < 0
            ? value : (number * factor).ToString(CultureInfo.InvariantCulture);
    }

    public int Int(string name) => int.Parse(Required(name), CultureInfo.InvariantCulture);

    public long Long(string name) => long.Parse(Required(name), CultureInfo.InvariantCulture);

    public double Double(string name) => double.Parse(Required(name), CultureInfo.InvariantCulture);

    public bool Bool(string name) => Required(name).Equals("true", StringComparison.OrdinalIgnoreCase);

    public IReadOnlyList<string> List(string name) => Text(name) is { } text ? ConfigValue.List(text) : [];

    private string Required(string name) => Text(name)?.Trim()
        ?? throw new InvalidOperationException($"configuration key {name} has neither a value nor a default");
}
