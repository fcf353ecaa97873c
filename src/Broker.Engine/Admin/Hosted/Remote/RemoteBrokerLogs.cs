using System.Text;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>
/// What one broker of another host tells of its logs. Offsets come from ListOffsets: a client's end is the high watermark, that of
/// the debugging replica the log's end, of followers too. A follower's high watermark stands in its answer to a Fetch at its
/// end, which carries no records. Sizes come from DescribeLogDirs. All Kafka brokers since 2.8 answer these. One round at a time.
/// Thread-safe.
/// </summary>
internal sealed class RemoteBrokerLogs(int broker, RemoteBrokers lines, TimeProvider time)
{
    private const short LogDirsVersion = 4;

    /// <summary>Share of the last round in a pace.</summary>
    private const double LastWeight = 0.5;

    private static readonly TimeSpan s_logsPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_followersPeriod = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_filesPeriod = TimeSpan.FromSeconds(2);

    /// <summary>Sizes are asked for more rarely than offsets, and are as good for longer.</summary>
    private static readonly TimeSpan s_filesGoodFor = TimeSpan.FromSeconds(8);

    private volatile Told<IReadOnlyDictionary<TopicPartition, RemoteLog>>? _led;
    private volatile Told<IReadOnlyDictionary<TopicPartition, RemoteLog>>? _followed;
    private volatile Told<RemoteDirectories>? _directories;
    private volatile Told<string>? _failure;
    private int _isBusy;
    private long _watches;

    /// <summary>The round under way, or the last one. Never fails.</summary>
    public Task Round { get; private set; } = Task.CompletedTask;

    /// <summary>Whether what is known is up to date, be it that the broker refuses.</summary>
    /// <param name="watches">The number of the last watch that is to be in it.</param>
    public bool IsFresh(long watches) => IsGood(_failure, s_filesGoodFor)
        || (IsGood(_led, s_logsPeriod + s_logsPeriod) && IsGood(_directories, s_filesPeriod + s_filesPeriod)
            && (watches == 0 || (Volatile.Read(ref _watches) >= watches && IsGood(_followed, RemoteLogs.LogsGoodFor))));

    /// <summary>Why the broker does not tell, as of its last refusal.</summary>
    public string? Failure => IsGood(_failure, s_filesGoodFor) ? _failure?.What : null;

    /// <summary>Records and bytes a second; null where they are not known.</summary>
    public (double Messages, double Bytes)? Growth =>
        IsGood(_led, RemoteLogs.LogsGoodFor) && _led is { } led && _directories is { } directories
            ? (led.What.Values.Sum(l => l.MessagesPerSec),
                led.What.Keys.Sum(p => directories.What.Files.GetValueOrDefault(p).BytesPerSec)) : null;

    public RemoteLog? Led(TopicPartition partition, out string? unknown) =>
        Read(_led, RemoteLogs.LogsGoodFor, out unknown) is not { } logs ? null
            : logs.TryGetValue(partition, out RemoteLog? log) ? log : Absent(partition, out unknown);

    public RemoteLog? Followed(TopicPartition partition, out string? unknown) =>
        Read(_followed, RemoteLogs.LogsGoodFor, out unknown) is not { } logs ? null
            : logs.TryGetValue(partition, out RemoteLog? log) ? log : Absent(partition, out unknown);

    public RemoteDirectories? Directories(out string? unknown) => Read(_directories, s_filesGoodFor, out unknown);

    private RemoteLog? Absent(TopicPartition partition, out string? unknown)
    {
        unknown = $"Broker {broker} does not tell of {partition} yet.";
        return null;
    }

    private T? Read<T>(Told<T>? told, TimeSpan goodFor, out string? unknown)
        where T : class
    {
        unknown = null;
        if (IsGood(told, goodFor))
        {
            return told!.What;
        }
        unknown = Failure ?? $"Broker {broker} is being asked.";
        return null;
    }

    private bool IsGood<T>(Told<T>? told, TimeSpan goodFor) => told is not null && time.GetElapsedTime(told.At) < goodFor;

    private bool IsDue<T>(Told<T>? told, TimeSpan period) => told is null || time.GetElapsedTime(told.At) >= period;

    /// <summary>Begins a round where none is under way.</summary>
    public void Ask(MetadataImage image, Watch watch, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isBusy, 1) == 0)
        {
            Round = Task.Run(() => RoundAsync(image, watch, cancellationToken), CancellationToken.None);
        }
    }

    private async Task RoundAsync(MetadataImage image, Watch watch, CancellationToken cancellationToken)
    {
        try
        {
            List<Task> asked = [];
            if (IsDue(_led, s_logsPeriod))
            {
                asked.Add(AskLedAsync(image, cancellationToken));
            }
            if (IsDue(_directories, LacksFiles ? s_followersPeriod : s_filesPeriod))
            {
                asked.Add(AskDirectoriesAsync(cancellationToken));
            }
            if (watch.Number > 0 && (watch.Number != _watches || IsDue(_followed, s_followersPeriod)))
            {
                asked.Add(AskFollowedAsync(image, watch, cancellationToken));
            }
            await Task.WhenAll(asked).ConfigureAwait(false);
            _failure = asked.Count > 0 ? null : _failure;
        }
        catch (AdminException e)
        {
            (_led, _followed, _directories) = (null, null, null);   // nothing old is shown for new
            _failure = new Told<string>(e.Message, time.GetTimestamp());
        }
        catch (OperationCanceledException)
        {
            // the console goes
        }
        finally
        {
            Volatile.Write(ref _isBusy, 0);
        }
    }

    /// <summary>Whether it leads logs that came after it told of its directories.</summary>
    private bool LacksFiles => _led is { } led && _directories is { } directories && led.What.Keys.Any(p => !directories.What.Files.ContainsKey(p));

    private async Task AskLedAsync(MetadataImage image, CancellationToken cancellationToken)
    {
        List<TopicPartition> led = [.. LedBy(image)];
        Task<Dictionary<TopicPartition, long>>[] asked =
        [
            OffsetsAsync(led, RemoteBrokers.Debugging, RemoteSource.StartTimestamp, cancellationToken),
            OffsetsAsync(led, RemoteBrokers.Client, RemoteSource.EndTimestamp, cancellationToken),
            OffsetsAsync(led, RemoteBrokers.Debugging, RemoteSource.EndTimestamp, cancellationToken),
        ];
        Dictionary<TopicPartition, long>[] told = await Task.WhenAll(asked).ConfigureAwait(false);
        Told<IReadOnlyDictionary<TopicPartition, RemoteLog>>? before = _led;
        long now = time.GetTimestamp();
        double seconds = before is null ? 0 : time.GetElapsedTime(before.At, now).TotalSeconds;
        var logs = new Dictionary<TopicPartition, RemoteLog>(told[2].Count);
        foreach ((TopicPartition partition, long end) in told[2])
        {
            RemoteLog? last = before?.What.GetValueOrDefault(partition);
            logs[partition] = new RemoteLog(
                told[0].GetValueOrDefault(partition, -1), told[1].GetValueOrDefault(partition, -1), end,
                last is null ? 0 : Pace(last.MessagesPerSec, end - last.End, seconds));
        }
        _led = new(logs, now);
    }

    private static double Pace(double before, long grown, double seconds) => seconds <= 0 ? before
        : ((1 - LastWeight) * before) + (LastWeight * Math.Max(0, grown) / seconds) is >= 0.01 and var pace ? pace : 0;

    private IEnumerable<TopicPartition> LedBy(MetadataImage image)
    {
        foreach (TopicImage topic in image.Topics.Values)
        {
            for (int i = 0; i < topic.Partitions.Length; i++)
            {
                if (topic.Partitions[i]?.Leader == broker)
                {
                    yield return new TopicPartition(topic.Name, i);
                }
            }
        }
    }

    private async Task AskFollowedAsync(MetadataImage image, Watch watch, CancellationToken cancellationToken)
    {
        List<TopicPartition> held = [.. watch.Partitions.Where(p => image.Partition(p.Topic, p.Partition) is { } state
            && state.Leader != broker && state.Replicas.Contains(broker))];
        Dictionary<TopicPartition, long> ends =
            await OffsetsAsync(held, RemoteBrokers.Debugging, RemoteSource.EndTimestamp, cancellationToken).ConfigureAwait(false);
        Dictionary<TopicPartition, long> marks = await HighWatermarksAsync(ends, cancellationToken).ConfigureAwait(false);
        _followed = new(
            ends.ToDictionary(e => e.Key, e => new RemoteLog(-1, marks.GetValueOrDefault(e.Key, -1), e.Value, 0)), time.GetTimestamp());
        Volatile.Write(ref _watches, watch.Number);
    }

    private Task<Dictionary<TopicPartition, long>> OffsetsAsync(
        List<TopicPartition> partitions, int replica, long timestamp, CancellationToken cancellationToken) =>
        lines.OffsetsAsync(broker, partitions, replica, timestamp, cancellationToken);

    /// <summary>The high watermarks of followers, by a read at the end of each log: there is nothing there to be sent.</summary>
    private async Task<Dictionary<TopicPartition, long>> HighWatermarksAsync(
        Dictionary<TopicPartition, long> ends, CancellationToken cancellationToken)
    {
        var found = new Dictionary<TopicPartition, long>(ends.Count);
        if (ends.Count == 0)
        {
            return found;
        }
        var request = new FetchRequest { MaxBytes = 1 };
        foreach (IGrouping<string, KeyValuePair<TopicPartition, long>> topic in ends.GroupBy(e => e.Key.Topic))
        {
            var asked = new FetchRequest.FetchTopic { Topic = Encoding.UTF8.GetBytes(topic.Key) };
            asked.Partitions.AddRange(topic.Select(
                e => new FetchRequest.FetchPartition { Partition = e.Key.Partition, FetchOffset = e.Value, PartitionMaxBytes = 1 }));
            request.Topics.Add(asked);
        }
        FetchResponse response = await lines.CallAsync<FetchRequest, FetchResponse>(
            broker, request, RemoteSource.FetchVersion, cancellationToken).ConfigureAwait(false);
        foreach (FetchResponse.FetchableTopicResponse topic in response.Responses)
        {
            string name = Encoding.UTF8.GetString(topic.Topic.Span);
            foreach (FetchResponse.PartitionData one in topic.Partitions.Where(p => p.ErrorCode == ErrorCode.None))
            {
                found[new TopicPartition(name, one.PartitionIndex)] = one.HighWatermark;
            }
        }
        return found;
    }

    private async Task AskDirectoriesAsync(CancellationToken cancellationToken)
    {
        DescribeLogDirsResponse response = await lines.CallAsync<DescribeLogDirsRequest, DescribeLogDirsResponse>(
            broker, new() { Topics = null }, LogDirsVersion, cancellationToken).ConfigureAwait(false);
        Told<RemoteDirectories>? before = _directories;
        long now = time.GetTimestamp();
        double seconds = before is null ? 0 : time.GetElapsedTime(before.At, now).TotalSeconds;
        var views = new List<LogDirectoryView>();
        var files = new Dictionary<TopicPartition, RemoteFile>();
        foreach (DescribeLogDirsResponse.DescribeLogDirsResult directory in response.Results)
        {
            (int count, long bytes) = (0, 0);
            foreach (DescribeLogDirsResponse.DescribeLogDirsTopic topic in directory.Topics)
            {
                foreach (DescribeLogDirsResponse.DescribeLogDirsPartition one in topic.Partitions.Where(p => !p.IsFutureKey))
                {
                    var id = new TopicPartition(topic.Name, one.PartitionIndex);
                    RemoteFile? last = before is not null && before.What.Files.TryGetValue(id, out RemoteFile file) ? file : null;
                    double pace = last is { } old ? Pace(old.BytesPerSec, one.PartitionSize - old.SizeBytes, seconds) : 0;
                    files[id] = new RemoteFile(directory.LogDir, one.PartitionSize, pace);
                    (count, bytes) = (count + 1, bytes + one.PartitionSize);
                }
            }
            views.Add(new LogDirectoryView(
                directory.LogDir, directory.ErrorCode == ErrorCode.None,
                directory.ErrorCode == ErrorCode.None ? null : directory.ErrorCode.Name(), count, bytes, directory.TotalBytes, directory.UsableBytes));
        }
        _directories = new(new RemoteDirectories(views, files), now);
    }

    /// <summary>What was told, and when.</summary>
    private sealed record Told<T>(T What, long At);
}
