using System.Collections.Concurrent;
using Broker.Engine.Metadata;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>
/// The logs that brokers of other hosts lead, and replicas there that somebody looks at, asked for while anybody looks, so that
/// queries answer from memory. Each broker is asked by itself: one that does not answer delays none of the others. What a broker
/// told is good for <see cref="LogsGoodFor"/>; afterwards, and from its first refusal on, it is not known. Thread-safe.
/// </summary>
internal sealed class RemoteLogs : IAsyncDisposable
{
    /// <summary>How long offsets that a broker told are taken for its present ones.</summary>
    public static readonly TimeSpan LogsGoodFor = TimeSpan.FromSeconds(4);

    /// <summary>Replicas that are looked at one by one.</summary>
    private const int WatchedMax = 4_000;

    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(250);

    /// <summary>How long after somebody looked brokers are still asked.</summary>
    private static readonly TimeSpan s_interest = TimeSpan.FromSeconds(10);

    /// <summary>How long a caller that wants fresh figures waits for them.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(800);

    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(5);

    private readonly RemoteBrokers _lines;
    private readonly Func<MetadataImage> _image;
    private readonly Func<IReadOnlyList<int>> _remote;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<int, RemoteBrokerLogs> _brokers = new();
    private readonly ConcurrentDictionary<TopicPartition, long> _watched = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ITimer _timer;
    private long _lookedAt;

    /// <summary>How often a partition came to those that are watched.</summary>
    private long _watches;
    private bool _isDisposed;

    /// <param name="lines">The lines.</param>
    /// <param name="image">The cluster as it is known now.</param>
    /// <param name="remote">The brokers that live in other hosts now.</param>
    /// <param name="time">For the periods.</param>
    public RemoteLogs(RemoteBrokers lines, Func<MetadataImage> image, Func<IReadOnlyList<int>> remote, TimeProvider time)
    {
        _lines = lines;
        _image = image;
        _remote = remote;
        _time = time;
        _timer = time.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Says that somebody looks; the first after a while has brokers asked at once.</summary>
    public void Look()
    {
        bool isFirst = !IsLookedAt;
        Volatile.Write(ref _lookedAt, Math.Max(1, _time.GetTimestamp()));
        if (isFirst)
        {
            _timer.Change(s_tick, s_tick);
            Tick();
        }
    }

    /// <summary>Says that somebody looks at every replica of a partition.</summary>
    public void LookAt(TopicPartition partition)
    {
        bool isKnown = _watched.ContainsKey(partition);
        if (isKnown || _watched.Count < WatchedMax)
        {
            _watched[partition] = _time.GetTimestamp();
        }
        if (!isKnown)
        {
            Interlocked.Increment(ref _watches);
        }
    }

    /// <summary>Whether anybody has looked in the last seconds.</summary>
    public bool IsLookedAt => Volatile.Read(ref _lookedAt) is > 0 and var at && _time.GetElapsedTime(at) < s_interest;

    /// <summary>Waits until every broker has told what is asked of it now, or has refused, a moment at most.</summary>
    public async Task FreshAsync(CancellationToken cancellationToken)
    {
        Look();
        long began = _time.GetTimestamp();
        while (s_patience - _time.GetElapsedTime(began) is var left && left > TimeSpan.Zero)
        {
            Tick();
            long watches = Interlocked.Read(ref _watches);
            Task[] rounds = [.. _brokers.Values.Where(b => !b.IsFresh(watches)).Select(b => b.Round)];
            if (rounds.Length == 0)
            {
                return;
            }
            try
            {
                // The round under way may have begun before it was known what is wanted: then there is another.
                await Task.WhenAll(rounds).WaitAsync(left, _time, cancellationToken).ConfigureAwait(false);
                await Task.Delay(s_step, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                return;   // whoever has not answered yet is shown as one that has not
            }
        }
    }

    /// <summary>The log of a partition on the broker of another host that leads it; null with the reason where it is not known.</summary>
    public RemoteLog? Led(int leader, TopicPartition partition, out string? unknown) =>
        _brokers.TryGetValue(leader, out RemoteBrokerLogs? logs) ? logs.Led(partition, out unknown) : NotAsked<RemoteLog>(leader, out unknown);

    /// <summary>A follower's log on a broker of another host; null with the reason where it is not known.</summary>
    public RemoteLog? Followed(int broker, TopicPartition partition, out string? unknown) =>
        _brokers.TryGetValue(broker, out RemoteBrokerLogs? logs)
            ? logs.Followed(partition, out unknown) : NotAsked<RemoteLog>(broker, out unknown);

    /// <summary>The log directories of a broker of another host; null with the reason where they are not known.</summary>
    public RemoteDirectories? Directories(int broker, out string? unknown) =>
        _brokers.TryGetValue(broker, out RemoteBrokerLogs? logs)
            ? logs.Directories(out unknown) : NotAsked<RemoteDirectories>(broker, out unknown);

    /// <summary>Why a broker of another host is silent; null where it is not, or has just been asked for the first time.</summary>
    public string? Silence(int broker) => _brokers.GetValueOrDefault(broker)?.Failure;

    /// <summary>Records and bytes a second that the logs that a broker leads grow by; null where that is not known.</summary>
    public (double Messages, double Bytes)? Growth(int broker) => _brokers.GetValueOrDefault(broker)?.Growth;

    private static T? NotAsked<T>(int broker, out string? unknown)
        where T : class
    {
        unknown = $"Broker {broker} is being asked.";
        return null;
    }

    private void Tick()
    {
        if (Volatile.Read(ref _isDisposed))
        {
            return;
        }
        if (!IsLookedAt)
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            if (IsLookedAt)   // somebody came meanwhile, whose timer this was
            {
                _timer.Change(s_tick, s_tick);
            }
            return;
        }
        foreach ((TopicPartition partition, long at) in _watched)
        {
            if (_time.GetElapsedTime(at) >= s_interest)
            {
                _watched.TryRemove(KeyValuePair.Create(partition, at));
            }
        }
        IReadOnlyList<int> remote = _remote();
        foreach (int gone in _brokers.Keys.Except(remote).ToArray())
        {
            _brokers.TryRemove(gone, out _);
        }
        foreach (int broker in remote)
        {
            _brokers.GetOrAdd(broker, b => new RemoteBrokerLogs(b, _lines, _time))
                .Ask(_image(), new Watch(Interlocked.Read(ref _watches), _watched.Keys), _stopping.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Volatile.Write(ref _isDisposed, true);
        await _timer.DisposeAsync().ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_brokers.Values.Select(b => b.Round)).ConfigureAwait(false);
        _stopping.Dispose();
    }
}

/// <summary>Partitions whose replicas are looked at one by one.</summary>
/// <param name="Number">How often one has come to them.</param>
/// <param name="Partitions">Which they are.</param>
internal sealed record Watch(long Number, ICollection<TopicPartition> Partitions);

/// <summary>A replica's log as its broker tells of it; -1 for what it did not tell.</summary>
/// <param name="Start">The first offset.</param>
/// <param name="HighWatermark">What it may let be read.</param>
/// <param name="End">Where the next record goes.</param>
/// <param name="MessagesPerSec">Records that it grows by.</param>
internal sealed record RemoteLog(long Start, long HighWatermark, long End, double MessagesPerSec);

/// <summary>A broker's log directories, and where each replica lies.</summary>
internal sealed record RemoteDirectories(IReadOnlyList<LogDirectoryView> Items, IReadOnlyDictionary<TopicPartition, RemoteFile> Files)
{
    public long LogBytes { get; } = Items.Sum(d => d.LogBytes);
}

/// <summary>Where a replica lies, how large it is, and how much it grows by.</summary>
internal readonly record struct RemoteFile(string Directory, long SizeBytes, double BytesPerSec);
