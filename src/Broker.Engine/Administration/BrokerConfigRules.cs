using System.Globalization;
using Broker.Engine.Configuration;
using Broker.Protocol.Messages;

namespace Broker.Engine.Administration;

/// <summary>Which dynamic values a broker takes. Checks and words follow Kafka's DynamicBrokerConfig, which answers
/// INVALID_REQUEST where a topic's values would be INVALID_CONFIG. Stateless.</summary>
internal static class BrokerConfigRules
{
    /// <summary>Kafka changes these while it runs; here they are read when the broker starts.</summary>
    private static readonly string[] s_restart = ["num.network.threads", "listeners", "listener.security.protocol.map"];

    /// <summary>Sizes of thread pools: they change by no more than half or double at a time.</summary>
    private static readonly string[] s_pools =
        ["num.io.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir", "background.threads"];

    /// <param name="current">What this broker goes by.</param>
    /// <param name="broker">Whose values they are; empty for those of all brokers.</param>
    /// <param name="had">The values there were.</param>
    /// <param name="values">The values there would be.</param>
    public static Outcome Check(
        BrokerConfig current, string broker, IReadOnlyDictionary<string, string> had, IReadOnlyDictionary<string, string> values)
    {
        if (values.Keys.FirstOrDefault(k => !ConfigCatalog.Broker.ContainsKey(k)) is { } unknown)
        {
            return Outcome.Refused(ErrorCode.InvalidConfig, Unknown(unknown));
        }
        IEnumerable<ConfigKey> changed = values.Keys.Union(had.Keys)
            .Where(k => values.GetValueOrDefault(k) != had.GetValueOrDefault(k))
            .Select(k => ConfigCatalog.Broker.GetValueOrDefault(k)).OfType<ConfigKey>();
        ConfigKey[] keys = [.. changed];
        return Named(keys.Where(k => k.UpdateMode == UpdateMode.ReadOnly), "Cannot update these configs dynamically")
            ?? Named(
                keys.Where(k => k.Name.StartsWith("ssl.", StringComparison.Ordinal)),
                "These security configs can be dynamically updated only per-listener using the listener prefix")
            ?? keys.Where(k => values.ContainsKey(k.Name)).Select(k => CheckValue(k, values[k.Name], current)).FirstOrDefault(o => o is not null)
            ?? Named(
                keys.Where(k => broker.Length == 0 && k.UpdateMode == UpdateMode.PerBroker),
                "Cannot update these configs at default cluster level, broker id must be specified")
            ?? Outcome.Done;
    }

    private static string Unknown(string name) => ConfigCatalog.Find(name) is { } key
        ? $"{name}: values for a single listener are not supported; set {key.Name}"
        : $"Unknown broker config name: {name}"
            + (ConfigCatalog.Nearest(name) is { } nearest ? $"; did you mean '{nearest}'?" : "");

    private static Outcome? Named(IEnumerable<ConfigKey> keys, string what)
    {
        string[] names = [.. keys.Select(k => k.Name)];
        string needsRestart = names.Intersect(s_restart).Any() ? "; set it in server.properties and restart the broker" : "";
        return names.Length == 0
            ? null : Outcome.Refused(ErrorCode.InvalidRequest, $"{what}: [{string.Join(", ", names)}]{needsRestart}");
    }

    private static Outcome? CheckValue(ConfigKey key, string value, BrokerConfig current)
    {
        string? wrong = key.Check(value)
            ?? (s_pools.Contains(key.Name) ? CheckPool(key.Name, int.Parse(value, CultureInfo.InvariantCulture), current.Int(key.Name)) : null)
            ?? (key.Name == TransportSetup.OverridesKey ? TransportSetup.WrongOverride(value) : null)
            ?? (key.Support == ConfigSupport.Refused && value != key.Default ? $"{key.Name} is refused: {key.Reason}" : null);
        return wrong is null ? null : Outcome.Refused(ErrorCode.InvalidRequest, wrong);
    }

    private static string? CheckPool(string name, int size, int now)
    {
        string? bound = size < now / 2 ? $"value should be at least half the current value {now}"
            : size > now * 2 ? $"value should not be greater than double the current value {now}" : null;
        return bound is null ? null : $"Dynamic thread count update validation failed for {name}={size}, {bound}";
    }
}
