using Microsoft.Extensions.Logging;

namespace Broker.Engine.Configuration;

/// <summary>
/// From what the operator gave to the static configuration of each broker of a host. Later layers win: the host's settings
/// file, then server.properties, then overrides. All problems are told at once. Not thread-safe.
/// </summary>
internal sealed partial class ConfigLoader(ILogger logger)
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];

    /// <summary>Adds a layer over the ones before.</summary>
    /// <param name="pairs">Keys and values.</param>
    /// <param name="origin">For messages: a file's name, <c>--override</c>.</param>
    public void Add(IEnumerable<KeyValuePair<string, string>> pairs, string origin)
    {
        foreach ((string name, string value) in pairs)
        {
            if (ConfigCatalog.Find(name) is not { } key)
            {
                string? nearest = ConfigCatalog.Nearest(name);
                _problems.Add($"unknown configuration key '{name}' ({origin})"
                    + (nearest is null ? "" : $"; did you mean '{nearest}'?"));
                continue;
            }
            if (name != key.Name && key.Support == ConfigSupport.Served)
            {
                _problems.Add($"{name} is refused ({origin}): values for a single listener are not supported; set {key.Name}");
                continue;
            }
            if (key.Check(value) is { } wrong)
            {
                _problems.Add($"{wrong} ({origin})");
                continue;
            }
            _values[name] = value.Trim();
            if (key.Support == ConfigSupport.Refused && !IsDefault(key, value))
            {
                _problems.Add($"{name}={Shown(key, value)} is refused ({origin}): {key.Reason}");
            }
            else if (key.Support == ConfigSupport.NoEffect)
            {
                LogNoEffect(name, Shown(key, value), key.Reason ?? "");
            }
        }
    }

    private static bool IsDefault(ConfigKey key, string value) =>
        value.Trim().Length == 0 || string.Equals(value.Trim(), key.Default, StringComparison.OrdinalIgnoreCase);

    private static string Shown(ConfigKey key, string value) => key.IsSensitive ? "[hidden]" : value.Trim();

    /// <summary>The static configuration of each broker.</summary>
    /// <param name="brokers">How many brokers.</param>
    /// <param name="port">Port of the first, where --port was given; -1 otherwise.</param>
    /// <param name="dataDirectory">Where logs go unless log.dirs says otherwise.</param>
    /// <exception cref="ConfigException">Something given cannot stand.</exception>
    public IReadOnlyList<BrokerConfig> Build(int brokers, int port, string dataDirectory)
    {
        ThrowIfWrong();
        var built = new List<BrokerConfig>(brokers);
        int firstId = FirstId();
        for (int i = 0; i < brokers; i++)
        {
            var values = new Dictionary<string, string>(_values, StringComparer.Ordinal)
            {
                ["broker.id"] = $"{firstId + i}",
                ["node.id"] = $"{firstId + i}",
                ["log.dirs"] = string.Join(',', LogDirectories(firstId + i, brokers, dataDirectory)),
            };
            try
            {
                ListenerConfig.Derive(values, i, port);
                built.Add(new BrokerConfig(values));
            }
            catch (ConfigException e)
            {
                _problems.AddRange(e.Problems);
                break;
            }
        }
        ThrowIfWrong();
        return built;
    }

    private int FirstId()
    {
        string? text = _values.GetValueOrDefault("broker.id") ?? _values.GetValueOrDefault("node.id");
        int id = text is null ? 0 : int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        return Math.Max(id, 0);   // -1 asks for a generated id: the first is 0
    }

    private IEnumerable<string> LogDirectories(int id, int brokers, string dataDirectory)
    {
        string? given = _values.GetValueOrDefault("log.dirs") ?? _values.GetValueOrDefault("log.dir");
        if (given is null)
        {
            return [Path.Combine(Path.GetFullPath(dataDirectory), $"broker-{id}")];
        }
        IEnumerable<string> paths = ConfigValue.List(given).Select(Path.GetFullPath);
        return brokers == 1 ? paths : paths.Select(p => Path.Combine(p, $"broker-{id}"));
    }

    private void ThrowIfWrong()
    {
        if (_problems.Count > 0)
        {
            throw new ConfigException([.. _problems]);
        }
    }

    [LoggerMessage(9001, LogLevel.Warning, "{Key}={Value} has no effect here: {Reason}", EventName = "ConfigWithoutEffect")]
    private partial void LogNoEffect(string key, string value, string reason);
}
