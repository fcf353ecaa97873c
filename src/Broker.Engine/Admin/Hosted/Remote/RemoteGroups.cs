using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>
/// The groups that brokers of other hosts coordinate, and the ends of the partitions that they lead, looked at every two
/// seconds, so that queries answer from memory. A broker that does not answer has no groups until it does. Thread-safe.
/// </summary>
internal sealed class RemoteGroups : IAsyncDisposable
{
    private const short ListVersion = 2;
    private const short DescribeVersion = 4;
    private const short OffsetsVersion = 5;

    /// <summary>Groups that one request describes.</summary>
    private const int DescribedAtOnce = 100;

    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(2);

    private readonly RemoteBrokers _brokers;
    private readonly Func<IReadOnlyList<int>> _remote;
    private readonly Func<TopicPartition, int> _leaderOf;
    private readonly Func<IEnumerable<TopicPartition>> _committedHere;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TimeProvider _time;
    private readonly Task _running;
    private volatile IReadOnlyList<RemoteGroup> _groups = [];
    private volatile IReadOnlyDictionary<TopicPartition, long> _ends = new Dictionary<TopicPartition, long>();

    /// <param name="brokers">The lines.</param>
    /// <param name="remote">The brokers that live in other hosts now.</param>
    /// <param name="leaderOf">Who leads a partition; -1 for nobody.</param>
    /// <param name="committedHere">What groups coordinated in this host have committed.</param>
    /// <param name="time">For the period.</param>
    public RemoteGroups(
        RemoteBrokers brokers, Func<IReadOnlyList<int>> remote, Func<TopicPartition, int> leaderOf,
        Func<IEnumerable<TopicPartition>> committedHere, TimeProvider time)
    {
        _brokers = brokers;
        _remote = remote;
        _leaderOf = leaderOf;
        _committedHere = committedHere;
        _time = time;
        _running = RunAsync();
    }

    public IReadOnlyList<RemoteGroup> Groups => _groups;

    public RemoteGroup? Find(string groupId) => _groups.FirstOrDefault(g => g.Described.GroupId == groupId);

    /// <summary>The high watermark of a partition led elsewhere that some group has committed; -1 where it is not known.</summary>
    public long EndOf(TopicPartition partition) => _ends.GetValueOrDefault(partition, -1);

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(s_period, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                await LookAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // the console goes
        }
    }

    private async Task LookAsync()
    {
        IReadOnlyList<int> remote = _remote();
        if (remote.Count == 0)
        {
            _groups = [];
            return;
        }
        List<RemoteGroup>[] found = await Task.WhenAll(remote.Select(OrEmptyAsync)).ConfigureAwait(false);
        List<RemoteGroup> groups = [.. found.SelectMany(g => g)];
        ILookup<int, TopicPartition> byLeader = groups.SelectMany(g => g.Offsets.Keys).Concat(_committedHere()).Distinct()
            .ToLookup(_leaderOf);
        Dictionary<TopicPartition, long>[] ends = await Task.WhenAll(
            remote.Where(byLeader.Contains).Select(b => EndsAsync(b, byLeader[b]))).ConfigureAwait(false);
        _ends = ends.SelectMany(e => e).ToDictionary();
        _groups = groups;
    }

    private async Task<List<RemoteGroup>> OrEmptyAsync(int broker)
    {
        try
        {
            return await GroupsOfAsync(broker).ConfigureAwait(false);
        }
        catch (AdminException)
        {
            return [];
        }
    }

    private async Task<List<RemoteGroup>> GroupsOfAsync(int broker)
    {
        ListGroupsResponse listed = await _brokers.CallAsync<ListGroupsRequest, ListGroupsResponse>(
            broker, new(), ListVersion, _stopping.Token).ConfigureAwait(false);
        var groups = new List<RemoteGroup>();
        foreach (ListGroupsResponse.ListedGroup[] some in listed.Groups.Chunk(DescribedAtOnce))
        {
            DescribeGroupsResponse described = await _brokers.CallAsync<DescribeGroupsRequest, DescribeGroupsResponse>(
                broker, new() { Groups = [.. some.Select(g => g.GroupId)] }, DescribeVersion, _stopping.Token).ConfigureAwait(false);
            groups.AddRange(await Task.WhenAll(described.Groups.Where(g => g.ErrorCode == ErrorCode.None).Select(async g =>
                new RemoteGroup(broker, g, await OffsetsAsync(broker, g.GroupId).ConfigureAwait(false)))).ConfigureAwait(false));
        }
        return groups;
    }

    private async Task<Dictionary<TopicPartition, OffsetFetchResponse.OffsetFetchResponsePartition>> OffsetsAsync(int broker, string groupId)
    {
        OffsetFetchResponse response = await _brokers.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(
            broker, new() { GroupId = groupId, Topics = null }, OffsetsVersion, _stopping.Token).ConfigureAwait(false);
        return response.Topics.SelectMany(t => t.Partitions, (t, p) => (Id: new TopicPartition(t.Name, p.PartitionIndex), Offset: p))
            .Where(o => o.Offset.CommittedOffset >= 0).ToDictionary(o => o.Id, o => o.Offset);
    }

    private async Task<Dictionary<TopicPartition, long>> EndsAsync(int broker, IEnumerable<TopicPartition> partitions)
    {
        var request = new ListOffsetsRequest { ReplicaId = -1 };
        foreach (IGrouping<string, TopicPartition> topic in partitions.GroupBy(p => p.Topic))
        {
            var asked = new ListOffsetsRequest.ListOffsetsTopic { Name = topic.Key };
            asked.Partitions.AddRange(topic.Select(p => new ListOffsetsRequest.ListOffsetsPartition
            {
                PartitionIndex = p.Partition,
                Timestamp = RemoteSource.EndTimestamp,
            }));
            request.Topics.Add(asked);
        }
        try
        {
            ListOffsetsResponse response = await _brokers.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(
                broker, request, RemoteSource.OffsetsVersion, _stopping.Token).ConfigureAwait(false);
            return response.Topics.SelectMany(t => t.Partitions, (t, p) => (Id: new TopicPartition(t.Name, p.PartitionIndex), p.ErrorCode, p.Offset))
                .Where(p => p.ErrorCode == ErrorCode.None).ToDictionary(p => p.Id, p => p.Offset);
        }
        catch (AdminException)
        {
            return [];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stopping.Dispose();
    }
}

/// <summary>A group as its coordinator describes it to anybody.</summary>
internal sealed record RemoteGroup(
    int Coordinator, DescribeGroupsResponse.DescribedGroup Described,
    IReadOnlyDictionary<TopicPartition, OffsetFetchResponse.OffsetFetchResponsePartition> Offsets);
