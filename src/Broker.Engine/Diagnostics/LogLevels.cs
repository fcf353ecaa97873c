using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Diagnostics;

/// <summary>
/// The levels of the host's loggers, which operators change while it runs (KIP-412): a logger's own, that of the nearest name
/// above it, or the root's. What is set here holds until the process ends. Thread-safe.
/// </summary>
public sealed class LogLevels
{
    /// <summary>The logger that all others come from.</summary>
    public const string Root = "root";

    private static readonly (string Name, LogLevel Level)[] s_names =
    [
        ("DEBUG", LogLevel.Debug), ("ERROR", LogLevel.Error), ("FATAL", LogLevel.Critical), ("INFO", LogLevel.Information),
        ("TRACE", LogLevel.Trace), ("WARN", LogLevel.Warning),
    ];

    private readonly ConcurrentDictionary<string, LogLevel> _effective = new(StringComparer.Ordinal);
    private ImmutableDictionary<string, LogLevel> _set;

    /// <param name="root">The root's level.</param>
    /// <param name="others">Levels of other loggers.</param>
    public LogLevels(LogLevel root, params IEnumerable<KeyValuePair<string, LogLevel>> others) =>
        _set = others.ToImmutableDictionary(StringComparer.Ordinal).SetItem(Root, root);

    /// <summary>The levels that can be asked for, with Kafka's names.</summary>
    internal static IEnumerable<string> Names => s_names.Select(n => n.Name);

    /// <summary>The filter for the host's logging.</summary>
    public bool IsEnabled(string? logger, LogLevel level) =>
        level != LogLevel.None && level >= (_effective.TryGetValue(logger ?? Root, out LogLevel known) ? known : Find(logger ?? Root));

    private LogLevel Find(string logger)
    {
        ImmutableDictionary<string, LogLevel> set = Volatile.Read(ref _set);
        string name = logger;
        LogLevel level;
        while (!set.TryGetValue(name, out level))
        {
            int dot = name.LastIndexOf('.');
            name = dot > 0 ? name[..dot] : Root;
        }
        _effective[logger] = level;
        return level;
    }

    /// <summary>Every logger that there is, with its level by name.</summary>
    internal IEnumerable<(string Logger, string Level)> All() =>
        _effective.Keys.Union(Volatile.Read(ref _set).Keys).Order(StringComparer.Ordinal)
            .Select(l => (l, NameOf(Find(l))));

    internal bool Exists(string logger) => _effective.ContainsKey(logger) || Volatile.Read(ref _set).ContainsKey(logger);

    /// <summary>Gives a logger a level of its own, or with null the one above it again.</summary>
    internal void Set(string logger, string? level)
    {
        _ = level is null
            ? ImmutableInterlocked.TryRemove(ref _set, logger, out _)
            : ImmutableInterlocked.AddOrUpdate(ref _set, logger, LevelOf(level), (_, _) => LevelOf(level)) >= 0;
        foreach (string known in _effective.Keys)
        {
            _ = Find(known);
        }
    }

    private static LogLevel LevelOf(string name) => Array.Find(s_names, n => n.Name == name).Level;

    private static string NameOf(LogLevel level) => Array.Find(s_names, n => n.Level == level).Name ?? "OFF";
}
