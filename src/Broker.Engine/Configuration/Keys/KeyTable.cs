using System.Globalization;

namespace Broker.Engine.Configuration.Keys;

/// <summary>
/// Reads the tables in which keys are declared, one a line: support and name, type, default (~ for none), importance, update
/// mode (R read-only, B per broker, C cluster-wide), rule, fallbacks (for a topic key: its broker key), and what the key does
/// or, for one that does nothing here, why. Support: + served, - without effect, ! refused unless at its default. Rules:
/// <c>>=1</c>, <c>1..9</c>, <c>a/b/c</c>, <c>nonempty</c>, <c>gzip</c>, <c>throttled</c>. Stateless.
/// </summary>
internal static class KeyTable
{
    public static IEnumerable<ConfigKey> Read(string table, bool isTopic)
    {
        foreach (string line in table.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] columns = line.Split('|', 8, StringSplitOptions.TrimEntries);
            string[] names = ConfigValue.List(columns[6]).ToArray();
            ConfigSupport support = columns[0][0] switch
            {
                '+' => ConfigSupport.Served,
                '-' => ConfigSupport.NoEffect,
                _ => ConfigSupport.Refused,
            };
            ConfigType type = Enum.Parse<ConfigType>(columns[1]);
            yield return new ConfigKey
            {
                Name = columns[0][2..],
                Type = type,
                Default = columns[2] == "~" ? null : columns[2],
                Importance = Enum.Parse<ConfigImportance>(columns[3]),
                UpdateMode = columns[4] switch
                {
                    "R" => UpdateMode.ReadOnly,
                    "B" => UpdateMode.PerBroker,
                    _ => UpdateMode.ClusterWide,
                },
                Rule = RuleOf(columns[5], type),
                Fallbacks = isTopic ? [] : names,
                Synonym = isTopic && names.Length > 0 ? names[0] : null,
                Support = support,
                Reason = support == ConfigSupport.Served ? null : columns[7],
                Documentation = support == ConfigSupport.Served ? columns[7]
                    : $"Known for compatibility; {(support == ConfigSupport.NoEffect ? "has no effect" : "only its default is accepted")}: {columns[7]}.",
            };
        }
    }

    private static ConfigRule RuleOf(string text, ConfigType type)
    {
        if (text.StartsWith(">=", StringComparison.Ordinal))
        {
            return ConfigRule.AtLeast(Number(text[2..]));
        }
        int dots = text.IndexOf("..", StringComparison.Ordinal);
        if (dots > 0)
        {
            return ConfigRule.Between(Number(text[..dots]), Number(text[(dots + 2)..]));
        }
        return text switch
        {
            "" => ConfigRule.Any,
            "nonempty" => ConfigRule.NonEmpty,
            "gzip" => ConfigRule.GzipLevel,
            "throttled" => ConfigRule.ThrottledReplicas,
            _ => type == ConfigType.List ? ConfigRule.ListOf(text.Split('/')) : ConfigRule.OneOf(text.Split('/')),
        };
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
