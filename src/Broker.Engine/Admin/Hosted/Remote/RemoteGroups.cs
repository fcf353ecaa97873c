using System.Collections.Concurrent;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>
/// The groups that brokers of other hosts coordinate, and the ends of the partitions that they lead, looked at every two
/// seconds, so that queries answer from memory. Each broker is looked at by itself; one that does not answer has no groups, and
/// its partitions no ends, until it does. Thread-safe.
/// </summary>
internal sealed class RemoteGroups : IAsyncDisposable
{
    private const short ListVersion = 2;
    private const short DescribeVersion = 4;
    private const short OffsetsVersion = 5;

    /// <summary>Groups that one request describes.</summary>
    private const int DescribedAtOnce = 100;

    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(2);

    /// <summary>How long a look at one broker may take in all.</summary>
    private static readonly TimeSpan s_lookWithin = TimeSpan.FromSeconds(8);

    /// <summary>How long somebody who looks on waits for a look.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(800);

    /// <summary>How long an end is taken for the present one.</summary>
    private static readonly TimeSpan s_endGoodFor = TimeSpan.FromSeconds(6);

    private readonly RemoteBrokers _brokers;
    private readonly Func<IReadOnlyList<int>> _remote;
    private readonly Func<TopicPartition, int> _leaderOf;
    private readonly Func<IEnumerable<TopicPartition>> _readHere;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<int, Looked> _looked = new();
    private readonly Dictionary<int, Task> _looking = [];
    private readonly HashSet<int> _queued = [];
    private readonly Lock _keeping = new();
    private readonly ConcurrentDictionary<int, string> _failures = new();
    private readonly Task _running;
    private volatile IReadOnlyDictionary<string, RemoteGroup> _groups = new Dictionary<string, RemoteGroup>();

    /// <param name="brokers">The lines.</param>
    /// <param name="remote">The brokers that live in other hosts now.</param>
    /// <param name="leaderOf">Who leads a partition; -1 for nobody.</param>
    /// <param name="readHere">What groups coordinated in this host read.</param>
    /// <param name="time">For the period.</param>
    public RemoteGroups(
        RemoteBrokers brokers, Func<IReadOnlyList<int>> remote, Func<TopicPartition, int> leaderOf,
        Func<IEnumerable<TopicPartition>> readHere, TimeProvider time)
    {
        _brokers = brokers;
        _remote = remote;
        _leaderOf = leaderOf;
        _readHere = readHere;
        _time = time;
        _running = RunAsync();
    }

    public IEnumerable<RemoteGroup> Groups => _groups.Values;

    public RemoteGroup? Find(string groupId) => _groups.GetValueOrDefault(groupId);

    /// <summary>Why the groups of a broker of another host are not known; null where they are.</summary>
    public string? Silence(int broker) => _looked.ContainsKey(broker) ? null
        : _failures.GetValueOrDefault(broker) ?? $"Broker {broker} is being asked.";

    /// <summary>Waits until each broker has been looked at for the first time, a moment at most.</summary>
    public async Task FreshAsync(CancellationToken cancellationToken)
    {
        int[] first = [.. _remote().Where(b => !_looked.ContainsKey(b) && !_failures.ContainsKey(b))];
        if (first.Length > 0)
        {
            await WithinPatienceAsync(LookTwiceAsync(first), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What groups of one broker have committed has its ends at others: once all groups are known these are asked again.</summary>
    private async Task LookTwiceAsync(int[] brokers)
    {
        await Task.WhenAll(brokers.Select(b => LookAsync(b, isAnew: false))).ConfigureAwait(false);
        await Task.WhenAll(brokers.Select(b => LookAsync(b, isAnew: true))).ConfigureAwait(false);
    }

    /// <summary>Looks at a broker anew, since something has just been changed there; a moment at most.</summary>
    public Task LookAgainAsync(int broker, CancellationToken cancellationToken) =>
        WithinPatienceAsync(LookAsync(broker, isAnew: true), cancellationToken);

    private async Task WithinPatienceAsync(Task look, CancellationToken cancellationToken)
    {
        try
        {
            await look.WaitAsync(s_patience, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // what is not known by then is told as not known
        }
    }

    /// <summary>The high watermark of a partition led elsewhere that some group reads; -1 where it is not known.</summary>
    public long EndOf(TopicPartition partition) =>
        _looked.GetValueOrDefault(_leaderOf(partition)) is { } looked && _time.GetElapsedTime(looked.At) < s_endGoodFor
            ? looked.Ends.GetValueOrDefault(partition, -1) : -1;

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(s_period, _time);
        try
        {
            do
            {
                Look();
            }
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // the console goes
        }
        Task[] last;
        lock (_looking)
        {
            last = [.. _looking.Values];
        }
        await Task.WhenAll(last).ConfigureAwait(false);
    }

    private void Look()
    {
        IReadOnlyList<int> remote = _remote();
        foreach (int gone in _looked.Keys.Union(_failures.Keys).Except(remote).ToArray())
        {
            Keep(gone, null, why: null);
        }
        foreach (int broker in remote)
        {
            _ = LookAsync(broker, isAnew: false);
        }
    }

    /// <summary>One look at a broker follows another, and one at most waits for its turn; the one under way will do unless it is to
    /// begin now.</summary>
    private Task LookAsync(int broker, bool isAnew)
    {
        lock (_looking)
        {
            Task before = _looking.GetValueOrDefault(broker, Task.CompletedTask);
            if (before.IsCompleted)
            {
                return _looking[broker] = LookAtAsync(broker);
            }
            return isAnew && _queued.Add(broker) ? _looking[broker] = LookAfterAsync(before, broker) : before;
        }
    }

    private async Task LookAfterAsync(Task before, int broker)
    {
        await before.ConfigureAwait(false);
        lock (_looking)
        {
            _queued.Remove(broker);
        }
        await LookAtAsync(broker).ConfigureAwait(false);
    }

    private async Task LookAtAsync(int broker)
    {
        using var late = new CancellationTokenSource(s_lookWithin, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, late.Token);
        try
        {
            List<RemoteGroup> groups = await GroupsOfAsync(broker, limit.Token).ConfigureAwait(false);
            List<TopicPartition> led = [.. groups.Concat(_groups.Values).SelectMany(g => g.Read).Concat(_readHere()).Distinct()
                .Where(p => _leaderOf(p) == broker)];
            Dictionary<TopicPartition, long> ends = await _brokers.OffsetsAsync(
                broker, led, RemoteBrokers.Client, RemoteSource.EndTimestamp, limit.Token).ConfigureAwait(false);
            Keep(broker, new Looked(groups, ends, _time.GetTimestamp()), why: null);
        }
        catch (Exception e) when (e is AdminException or OperationCanceledException)
        {
            Keep(broker, null, e is AdminException ? e.Message : $"Broker {broker} does not tell its groups within {s_lookWithin.TotalSeconds:0} s.");
        }
    }

    /// <summary>Takes in what a broker told, or why it told nothing; neither for one that is gone.</summary>
    private void Keep(int broker, Looked? looked, string? why)
    {
        lock (_keeping)
        {
            if (why is null)
            {
                _failures.TryRemove(broker, out _);
            }
            else
            {
                _failures[broker] = why;
            }
            if (looked is null)
            {
                _looked.TryRemove(broker, out _);
            }
            else
            {
                _looked[broker] = looked;
            }
            // A group that has just gone to another coordinator may be listed by both.
            _groups = _looked.Values.SelectMany(l => l.Groups).DistinctBy(g => g.Described.GroupId).ToDictionary(g => g.Described.GroupId);
        }
    }

    private async Task<List<RemoteGroup>> GroupsOfAsync(int broker, CancellationToken cancellationToken)
    {
        ListGroupsResponse listed = await _brokers.CallAsync<ListGroupsRequest, ListGroupsResponse>(
            broker, new(), ListVersion, cancellationToken).ConfigureAwait(false);
        var groups = new List<RemoteGroup>();
        foreach (ListGroupsResponse.ListedGroup[] some in listed.Groups.Chunk(DescribedAtOnce))
        {
            DescribeGroupsResponse described = await _brokers.CallAsync<DescribeGroupsRequest, DescribeGroupsResponse>(
                broker, new() { Groups = [.. some.Select(g => g.GroupId)] }, DescribeVersion, cancellationToken).ConfigureAwait(false);
            groups.AddRange(await Task.WhenAll(described.Groups.Where(g => g.ErrorCode == ErrorCode.None).Select(async g =>
                new RemoteGroup(broker, g, await OffsetsAsync(broker, g.GroupId, cancellationToken).ConfigureAwait(false)))).ConfigureAwait(false));
        }
        return groups;
    }

    private async Task<Dictionary<TopicPartition, OffsetFetchResponse.OffsetFetchResponsePartition>> OffsetsAsync(
        int broker, string groupId, CancellationToken cancellationToken)
    {
        OffsetFetchResponse response = await _brokers.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(
            broker, new() { GroupId = groupId, Topics = null }, OffsetsVersion, cancellationToken).ConfigureAwait(false);
        return response.Topics.SelectMany(t => t.Partitions, (t, p) => (Id: new TopicPartition(t.Name, p.PartitionIndex), Offset: p))
            .Where(o => o.Offset.CommittedOffset >= 0).ToDictionary(o => o.Id, o => o.Offset);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stopping.Dispose();
    }
}

/// <summary>What a look at a broker has brought.</summary>
/// <param name="Groups">The groups that it coordinates.</param>
/// <param name="Ends">High watermarks of partitions that it leads and some group reads.</param>
/// <param name="At">When, as a timestamp.</param>
internal sealed record Looked(IReadOnlyList<RemoteGroup> Groups, IReadOnlyDictionary<TopicPartition, long> Ends, long At);

/// <summary>A group as its coordinator describes it to anybody.</summary>
internal sealed record RemoteGroup(
    int Coordinator, DescribeGroupsResponse.DescribedGroup Described,
    IReadOnlyDictionary<TopicPartition, OffsetFetchResponse.OffsetFetchResponsePartition> Offsets)
{
    /// <summary>What each member is assigned, by its id.</summary>
    public IReadOnlyDictionary<string, List<TopicPartition>> Assigned { get; } = Described.Members.DistinctBy(m => m.MemberId)
        .ToDictionary(m => m.MemberId, m => ClusterAdmin.Assignment(m.MemberAssignment.ToArray()));

    /// <summary>The partitions that it has committed or is assigned.</summary>
    public IEnumerable<TopicPartition> Read => Offsets.Keys.Concat(Assigned.Values.SelectMany(p => p));
}
