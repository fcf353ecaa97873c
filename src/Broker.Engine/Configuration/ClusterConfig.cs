using System.Collections.Concurrent;
using System.Globalization;
using Broker.Engine.Coordination;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Configuration;

/// <summary>What changed: a topic's configuration, or a broker's (null for all brokers).</summary>
internal readonly record struct ConfigChange(string? Topic, string? Broker);

/// <summary>
/// The dynamic configuration of the cluster as one broker sees it: read from the tree at the start, followed through
/// <c>/config/changes</c>. After Kafka's ZkConfigManager and DynamicBrokerConfig. Thread-safe.
/// </summary>
internal sealed partial class ClusterConfig
{
    /// <summary>Notes of changes in the tree before the older half is taken out.</summary>
    private const int ChangesKept = 200;

    private static readonly IReadOnlyDictionary<string, string> s_none = new Dictionary<string, string>();

    private readonly ConcurrentDictionary<string, IReadOnlyDictionary<string, string>> _topics = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _reading = new(1, 1);
    private readonly BrokerConfig _static;
    private readonly ILogger _logger;
    private volatile IReadOnlyDictionary<string, string> _default = s_none;
    private volatile IReadOnlyDictionary<string, string> _own = s_none;
    private volatile BrokerConfig _current;
    private long _lastChange = -1;
    private volatile ICoordinationSession? _session;

    public ClusterConfig(BrokerConfig @static, ILogger logger)
    {
        _static = @static;
        _current = @static;
        _logger = logger;
    }

    /// <summary>The broker's values now.</summary>
    public BrokerConfig Current => _current;

    public BrokerConfig Static => _static;

    /// <summary>Dynamic values of all brokers.</summary>
    public IReadOnlyDictionary<string, string> DefaultBroker => _default;

    /// <summary>Dynamic values of this broker.</summary>
    public IReadOnlyDictionary<string, string> OwnBroker => _own;

    /// <summary>Called after a change was taken over, one at a time.</summary>
    public Action<ConfigChange>? Changed { get; set; }

    /// <summary>A topic's own values.</summary>
    public IReadOnlyDictionary<string, string> Topic(string topic) => _topics.GetValueOrDefault(topic, s_none);

    /// <summary>What a topic's logs go by.</summary>
    public LogConfig LogConfigOf(string topic) => new(_current, Topic(topic));

    /// <summary>Reads everything and follows changes on this session.</summary>
    public async Task FollowAsync(ICoordinationSession session)
    {
        bool isFirst = _session is null;
        _session = session;
        await session.WatchAsync(
            ClusterPaths.ConfigChanges, WatchKinds.Children, changed => _ = ReadChangesAsync(session), session.Ended).ConfigureAwait(false);
        ChildrenResult changes = await session.GetChildrenAsync(ClusterPaths.ConfigChanges, session.Ended).ConfigureAwait(false);
        changes.Error.ThrowUnlessGone(ClusterPaths.ConfigChanges);
        _lastChange = changes.Children.Select(Sequence).DefaultIfEmpty(-1).Max();
        ChildrenResult topics = await session.GetChildrenAsync("/config/topics", session.Ended).ConfigureAwait(false);
        topics.Error.ThrowUnlessGone("/config/topics");
        foreach ((string topic, IReadOnlyDictionary<string, string> values) in await ReadAllAsync(session, topics.Children).ConfigureAwait(false))
        {
            _topics[topic] = values;
        }
        await ReadBrokersAsync(session).ConfigureAwait(false);
        if (!isFirst)
        {
            // Between two sessions nobody told of changes.
            Changed?.Invoke(new ConfigChange(null, $"{_static.BrokerId}"));
        }
    }

    /// <summary>Whether a topic's values were ever read.</summary>
    public bool Knows(string topic) => _topics.ContainsKey(topic);

    /// <summary>Reads the values of topics whose partitions this broker is about to hold: the note that they changed may come later
    /// than the controller's word, and the first batch must not go by the defaults (Kafka: Partition.createLogInAssignedDirectoryId
    /// reads the tree). When the tree cannot be read what is known stands: the next session reads everything.</summary>
    public async Task ReadTopicsAsync(IReadOnlyCollection<string> topics)
    {
        if (_session is not { } session)
        {
            return;
        }
        try
        {
            await _reading.WaitAsync(session.Ended).ConfigureAwait(false);
            try
            {
                foreach ((string topic, IReadOnlyDictionary<string, string> values) in await ReadAllAsync(session, topics).ConfigureAwait(false))
                {
                    _topics[topic] = values;
                    Changed?.Invoke(new ConfigChange(topic, null));
                }
            }
            finally
            {
                _reading.Release();
            }
        }
        catch (Exception e) when (e is CoordinationException or OperationCanceledException)
        {
            if (!session.Ended.IsCancellationRequested)
            {
                LogFailed(e);
            }
        }
    }

    /// <summary>Topics' own values as the tree has them now, which may be a moment ahead of what this broker goes by.</summary>
    /// <returns>Those that could be read: while there is no tree what is known has to do.</returns>
    public async Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> TopicsInTreeAsync(IReadOnlyCollection<string> topics)
    {
        if (_session is { } session && topics.Count > 0)
        {
            try
            {
                (string, IReadOnlyDictionary<string, string>)[] read = await ReadAllAsync(session, topics).ConfigureAwait(false);
                return read.ToDictionary(r => r.Item1, r => r.Item2, StringComparer.Ordinal);
            }
            catch (Exception e) when (e is CoordinationException or OperationCanceledException)
            {
                // the session is going; the next one reads everything
            }
        }
        return new Dictionary<string, IReadOnlyDictionary<string, string>>();
    }

    /// <summary>Reads the values of topics without waiting for one before the next is asked for.</summary>
    private static Task<(string Topic, IReadOnlyDictionary<string, string> Values)[]> ReadAllAsync(
        ICoordinationSession session, IEnumerable<string> topics) => Task.WhenAll(topics.Select(
            async t => (t, await ReadAsync(session, ClusterPaths.TopicConfig(t)).ConfigureAwait(false))));

    private static long Sequence(string name) =>
        long.TryParse(name.AsSpan(name.LastIndexOf('_') + 1), CultureInfo.InvariantCulture, out long number) ? number : -1;

    private async Task ReadBrokersAsync(ICoordinationSession session)
    {
        _default = await ReadAsync(session, ClusterPaths.BrokerConfig(ClusterPaths.DefaultBroker)).ConfigureAwait(false);
        _own = await ReadAsync(session, ClusterPaths.BrokerConfig($"{_static.BrokerId}")).ConfigureAwait(false);
        _current = _static.With(_default).With(_own);
    }

    private static async Task<IReadOnlyDictionary<string, string>> ReadAsync(ICoordinationSession session, string path)
    {
        GetResult node = await session.GetAsync(path, session.Ended).ConfigureAwait(false);
        node.Error.ThrowUnlessGone(path);
        return node.Error == CoordinationError.None ? ClusterJson.ReadConfig(node.Data) : s_none;
    }

    private async Task ReadChangesAsync(ICoordinationSession session)
    {
        try
        {
            await _reading.WaitAsync(session.Ended).ConfigureAwait(false);
            try
            {
                ChildrenResult changes = await session.GetChildrenAsync(ClusterPaths.ConfigChanges, session.Ended).ConfigureAwait(false);
                foreach (string name in changes.Children.Where(n => Sequence(n) > _lastChange).OrderBy(Sequence))
                {
                    string path = $"{ClusterPaths.ConfigChanges}/{name}";
                    GetResult node = await session.GetAsync(path, session.Ended).ConfigureAwait(false);
                    node.Error.ThrowUnlessGone(path);
                    if (node.Error == CoordinationError.None)
                    {
                        await TakeAsync(session, ReadEntityPath(node.Data)).ConfigureAwait(false);
                    }
                    _lastChange = Sequence(name);
                }
                await PurgeAsync(session, changes.Children).ConfigureAwait(false);
            }
            finally
            {
                _reading.Release();
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (!session.Ended.IsCancellationRequested)
            {
                LogFailed(e);
            }
        }
    }

    /// <summary>Takes old notes of changes out of the tree: every broker has long read them, or reads everything as it comes.
    /// One broker's work, and only now and then (Kafka: ZkNodeChangeNotificationListener).</summary>
    private async Task PurgeAsync(ICoordinationSession session, IReadOnlyList<string> names)
    {
        if (names.Count <= ChangesKept || _static.BrokerId != 0 && names.Count <= 2 * ChangesKept)
        {
            return;
        }
        foreach (string[] some in names.OrderBy(Sequence).SkipLast(ChangesKept / 2).Chunk(ChangesKept))
        {
            // Another broker may have been quicker: then none of these goes now.
            _ = await session.MultiAsync(
                [.. some.Select(n => CoordinationOperation.Delete($"{ClusterPaths.ConfigChanges}/{n}"))], session.Ended).ConfigureAwait(false);
        }
    }

    private static string ReadEntityPath(ReadOnlyMemory<byte> data)
    {
        using var document = System.Text.Json.JsonDocument.Parse(data);
        return document.RootElement.GetProperty("entity_path").GetString() ?? "";
    }

    private async Task TakeAsync(ICoordinationSession session, string entity)
    {
        if (entity.StartsWith("topics/", StringComparison.Ordinal))
        {
            string topic = entity["topics/".Length..];
            _topics[topic] = await ReadAsync(session, ClusterPaths.TopicConfig(topic)).ConfigureAwait(false);
            Changed?.Invoke(new ConfigChange(topic, null));
        }
        else if (entity.StartsWith("brokers/", StringComparison.Ordinal))
        {
            string broker = entity["brokers/".Length..];
            await ReadBrokersAsync(session).ConfigureAwait(false);
            Changed?.Invoke(new ConfigChange(null, broker));
        }
    }

    [LoggerMessage(9010, LogLevel.Error, "a change of configuration could not be read", EventName = "ConfigChangeFailed")]
    private partial void LogFailed(Exception exception);
}
