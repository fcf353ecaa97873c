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
    /// <param name="partition">The partition.</param>
    /// <param name="topicId">The topic's id as the controller tells it.</param>
    /// <param name="isNew">Whether the partition never had a log: one that had may lie in a directory that is out of service,
    /// and an empty one must not take its place (Kafka: LogManager.getOrCreateLog).</param>
    /// <exception cref="IOException">The disk failed; the directory is out of service.</exception>
    public PartitionLog GetOrCreate(TopicPartition partition, Guid topicId, bool isNew = true)
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
                    OnDisk(existing.ParentDirectory, () => PartitionMetadataFile.Write(_disk, existing.Directory, topicId, sync: false));
                    existing.BelongTo(topicId);
                    return existing;
                }
                LogOfDeletedTopic(partition, existing.TopicId, topicId);
                Delete(partition);
                isNew = true;
            }
            if (!isNew && IsAnyOffline)
            {
                throw new IOException($"no log is made for {partition}: it may lie in a log directory that is out of service");
            }
            return Create(partition, topicId);
        }
    }

    private PartitionLog Create(TopicPartition partition, Guid topicId)
    {
        while (true)
        {
            LogDirectory directory = PreferredDirectory(partition) ?? EmptiestDirectory();
            try
            {
                string path = Path.Combine(directory.Path, LogFileNames.PartitionDirectory(partition));
                PartitionLog log = NewLog(partition, path, topicId, 0);
                _logs[partition] = log;
                lock (_configs)
                {
                    log.Config = ConfigOf(partition.Topic);   // it may have changed before the log could be found
                }
                directory.CountLog(1);
                _preferred.Remove(partition);
                return log;
            }
            catch (IOException e)
            {
                _background.Failed(directory.Path, e);
                if (directory.IsOnline)
                {
                    throw;
                }
            }
        }
    }

    /// <summary>Makes an empty log that begins at an offset.</summary>
    private PartitionLog NewLog(TopicPartition partition, string path, Guid topicId, long offset)
    {
        ForgetGone(Path.GetDirectoryName(path)!, partition);
        _disk.CreateDirectory(path);
        PartitionMetadataFile.Write(_disk, path, topicId, sync: false);
        LeaderEpochCache epochs = LeaderEpochCache.Load(_disk, path, out _);
        var segment = new LogSegment(_disk, path, offset, 0, 0, 0, _clock.UnixMs);
        segment.File.SetLength(0);
        segment.Rest();
        var log = new PartitionLog(
            partition, path, _disk, ConfigOf(partition.Topic), _clock, _background, _logger, new LoadedLog(
                [segment], offset, offset, offset, epochs, new ProducerStateManager(partition, _disk, path, [], _logger), topicId));
        log.BelongTo(topicId);
        return log;
    }

    /// <summary>Where the partition was asked to lie before it was made.</summary>
    private LogDirectory? PreferredDirectory(TopicPartition partition) =>
        _preferred.TryGetValue(partition, out string? path) ? Array.Find(_directories, d => d.Path == path && d.IsOnline) : null;

    private LogDirectory EmptiestDirectory() =>
        _directories.Where(d => d.IsOnline).MinBy(d => d.LogCount) ?? throw new IOException("no log directory is online");

    /// <summary>Takes a partition's log away: renamed at once, deleted after file.delete.delay.ms.</summary>
    /// <exception cref="IOException">The disk failed; the directory is out of service.</exception>
    public void Delete(TopicPartition partition)
    {
        if (_moves.TryGetValue(partition, out Moving.LogMove? move))
        {
            Abandon(move);
        }
        if (!_logs.TryRemove(partition, out PartitionLog? log))
        {
            return;
        }
        Deleting?.Invoke(log);
        DirectoryOf(log).CountLog(-1);
        lock (_configs)
        {
            _configs.Remove(partition.Topic);
        }
        Remove(log);
    }

    private void Remove(PartitionLog log)
    {
        if (log.IsFailed)
        {
            log.Dispose();   // its directory stays where it cannot be changed
            return;
        }
        MarkGone(log.ParentDirectory, log.Partition);
        string path = Path.Combine(log.ParentDirectory, LogFileNames.DeletedDirectory(log.Partition, Uuids.New(_random)));
        OnDisk(log.ParentDirectory, () => log.RenameDirectory(path));
        log.Dispose();
        LogDeleted(log.Partition, log.Config.FileDeleteDelayMs);
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
            foreach (PartitionLog log in LogsAndFutures.Where(l => l.Partition.Topic == topic))
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
        foreach (PartitionLog log in LogsAndFutures.Concat(_foundFutures.Values))
        {
            log.Dispose();
        }
        foreach (LogDirectory directory in _directories)
        {
            directory.Dispose();
        }
    }
}
