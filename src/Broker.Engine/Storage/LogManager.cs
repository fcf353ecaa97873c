using System.Collections.Concurrent;
using Broker.Engine.Configuration;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Files;
using Broker.Engine.Storage.Producers;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Storage;

/// <summary>What a log manager is made with.</summary>
internal sealed record LogManagerOptions
{
    public required int BrokerId { get; init; }
    public required string ClusterId { get; init; }
    public required IReadOnlyList<string> Directories { get; init; }

    /// <summary>num.recovery.threads.per.data.dir; may change.</summary>
    public int RecoveryThreads { get; set; } = 2;

    /// <summary>producer.id.expiration.ms; may change.</summary>
    public long ProducerExpirationMs { get; set; } = long.MaxValue;
}

/// <summary>
/// All logs of a broker, over its log directories: opens and recovers them at the start, makes and deletes them, keeps the
/// checkpoints, and leaves the mark of a clean stop. After Kafka's LogManager. Thread-safe.
/// </summary>
internal sealed partial class LogManager : IDisposable
{
    private readonly ConcurrentDictionary<TopicPartition, PartitionLog> _logs = new();
    private readonly Lock _creation = new();
    private readonly Disk _disk;
    private readonly LogManagerOptions _options;
    private readonly Func<string, LogConfig> _configOf;
    private readonly MonotonicClock _clock;
    private readonly LogBackground _background;
    private readonly ILogger _logger;
    private readonly Random _random;
    private readonly Dictionary<string, LogConfig> _configs = new(StringComparer.Ordinal);
    private LogDirectory[] _directories = [];

    /// <param name="options">Who and where.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="configOf">The effective configuration of a topic.</param>
    /// <param name="clock">The broker's clock.</param>
    /// <param name="background">Where slow work goes.</param>
    /// <param name="random">For directory ids.</param>
    /// <param name="logger">The broker's log.</param>
    public LogManager(
        LogManagerOptions options, Disk disk, Func<string, LogConfig> configOf, MonotonicClock clock, LogBackground background,
        Random random, ILogger logger)
    {
        _options = options;
        _disk = disk;
        _configOf = configOf;
        _clock = clock;
        _background = background;
        _random = random;
        _logger = logger;
    }

    public IReadOnlyList<LogDirectory> Directories => _directories;

    public MonotonicClock Clock => _clock;

    /// <summary>Called before a log is taken away: whoever is at work there ends it.</summary>
    public Action<PartitionLog>? Deleting { get; set; }

    /// <summary>All logs; enumerating them takes no lock.</summary>
    public IEnumerable<PartitionLog> Logs => _logs.Select(l => l.Value);

    public int LogCount => _logs.Count;

    public PartitionLog? Find(TopicPartition partition) => _logs.GetValueOrDefault(partition);

    /// <summary>Locks the directories and opens every log in them.</summary>
    /// <exception cref="LogDirectoryException">A directory cannot be used.</exception>
    public void Open()
    {
        var opened = new List<LogDirectory>();
        try
        {
            foreach (string path in _options.Directories)
            {
                opened.Add(LogDirectory.Open(_disk, path, _options.BrokerId, _options.ClusterId, _random));
            }
        }
        catch
        {
            opened.ForEach(d => d.Dispose());
            throw;
        }
        _directories = [.. opened];
        try
        {
            foreach (LogDirectory directory in _directories)
            {
                Load(directory);
            }
        }
        catch (LogDirectoryException)
        {
            Dispose();
            throw;
        }
    }

    /// <exception cref="LogDirectoryException">One line, whatever it was that could not be read.</exception>
    private void Load(LogDirectory directory)
    {
        try
        {
            LoadDirectory(directory);
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<LogDirectoryException>().FirstOrDefault() is { } first)
        {
            throw first;
        }
        catch (IOException e)
        {
            throw new LogDirectoryException($"log directory {directory.Path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The topic id that a directory belongs to; empty where it does not say, or says garbage.</summary>
    private Guid ReadTopicId(string path)
    {
        try
        {
            return PartitionMetadataFile.Read(_disk, path) ?? Guid.Empty;
        }
        catch (InvalidDataException e)
        {
            LogMetadataDamaged(e.Message);
            return Guid.Empty;
        }
    }

    /// <summary>One configuration a topic: its partitions share it.</summary>
    private LogConfig ConfigOf(string topic)
    {
        lock (_configs)
        {
            if (!_configs.TryGetValue(topic, out LogConfig? config))
            {
                _configs.Add(topic, config = _configOf(topic));
            }
            return config;
        }
    }

    /// <summary>The log of a partition, made in the directory with the fewest where there is none. One that was made for a
    /// topic of the same name that is deleted since does not come back: it is taken away.</summary>
    public PartitionLog GetOrCreate(TopicPartition partition, Guid topicId)
    {
        lock (_creation)
        {
            if (_logs.TryGetValue(partition, out PartitionLog? existing))
            {
                if (existing.TopicId == topicId || topicId == Guid.Empty)
                {
                    return existing;
                }
                if (existing.TopicId == Guid.Empty)
                {
                    PartitionMetadataFile.Write(_disk, existing.Directory, topicId);
                    existing.TopicId = topicId;
                    return existing;
                }
                LogOfDeletedTopic(partition, existing.TopicId, topicId);
                Delete(partition);
            }
            LogDirectory directory = EmptiestDirectory();
            string path = Path.Combine(directory.Path, LogFileNames.PartitionDirectory(partition));
            _disk.CreateDirectory(path);
            PartitionMetadataFile.Write(_disk, path, topicId);
            LeaderEpochCache epochs = LeaderEpochCache.Load(_disk, path, out _);
            var segment = new LogSegment(_disk, path, 0, 0, 0, 0, _clock.UnixMs);
            segment.File.SetLength(0);
            segment.Rest();
            var log = new PartitionLog(
                partition, path, _disk, ConfigOf(partition.Topic), _clock, _background, _logger,
                new LoadedLog([segment], 0, 0, 0, epochs, new ProducerStateManager(partition, _disk, path, [], _logger), topicId));
            _logs[partition] = log;
            lock (_configs)
            {
                log.Config = ConfigOf(partition.Topic);   // it may have changed before the log could be found
            }
            directory.CountLog(1);
            return log;
        }
    }

    private LogDirectory EmptiestDirectory() =>
        _directories.Where(d => d.IsOnline).MinBy(d => d.LogCount) ?? throw new IOException("no log directory is online");

    /// <summary>Takes a partition's log away: renamed at once, deleted after file.delete.delay.ms.</summary>
    public void Delete(TopicPartition partition)
    {
        if (!_logs.TryRemove(partition, out PartitionLog? log))
        {
            return;
        }
        Deleting?.Invoke(log);
        string path = Path.Combine(log.ParentDirectory, LogFileNames.DeletedDirectory(partition, Uuids.New(_random)));
        Array.Find(_directories, d => d.Path == log.ParentDirectory)?.CountLog(-1);
        log.RenameDirectory(path);
        log.Dispose();
        lock (_configs)
        {
            _configs.Remove(partition.Topic);
        }
        LogDeleted(partition, log.Config.FileDeleteDelayMs);
        _background.RunLater(() => DeleteDirectory(path), log.Config.FileDeleteDelayMs);
    }

    private void DeleteDirectory(string path)
    {
        try
        {
            _disk.DeleteDirectory(path);
        }
        catch (IOException e)
        {
            _background.Failed(Path.GetDirectoryName(path)!, e);
        }
    }

    /// <summary>Gives a topic's logs a changed configuration.</summary>
    public void UpdateConfig(string topic)
    {
        lock (_configs)
        {
            if (!_configs.ContainsKey(topic))
            {
                return;   // no log goes by it
            }
            LogConfig config = _configs[topic] = _configOf(topic);
            foreach (PartitionLog log in _logs.Values.Where(l => l.Partition.Topic == topic))
            {
                log.Config = config;
            }
        }
    }

    /// <summary>Gives all logs their configuration anew: the broker's own values have changed.</summary>
    public void UpdateConfigs()
    {
        string[] topics;
        lock (_configs)
        {
            topics = [.. _configs.Keys];
        }
        Array.ForEach(topics, UpdateConfig);
    }

    public void Dispose()
    {
        foreach (PartitionLog log in _logs.Values)
        {
            log.Dispose();
        }
        foreach (LogDirectory directory in _directories)
        {
            directory.Dispose();
        }
    }
}
