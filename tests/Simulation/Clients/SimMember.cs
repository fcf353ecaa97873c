using System.Globalization;
using System.Text;
using Broker.Protocol.Messages;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>A member of a consumer group: it joins, is given partitions, and commits offsets that rise. Where it does not know
/// whether a commit was taken, it joins anew, so that a late one is of a generation that is over. Not thread-safe.</summary>
internal class SimMember(
    SimCluster cluster, GroupHistory history, string name, int machine, IReadOnlyList<TopicPart> parts, string groupId = "group")
    : SimClient(cluster, name, machine)
{
    private const int SessionTimeoutMs = 6_000;

    private string _id = "";
    private int _coordinator = -1;
    private int _joins;

    protected GroupHistory Group { get; } = history;

    protected override async Task RunAsync()
    {
        while (!IsStopping)
        {
            if (_coordinator < 0 || await JoinAsync() is not { } generation)
            {
                await RestAsync(World.Between(50, 500));
                await FindAsync();
                continue;
            }
            if (await SyncAsync(generation) is { } owned)
            {
                Group.Assigned(Name, generation.GenerationId, owned);
                await WorkAsync(generation.GenerationId, owned);
            }
            await RestAsync(World.Between(10, 200));
        }
    }

    private async Task FindAsync()
    {
        FindCoordinatorResponse? response = await TrySendAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
            World.Random.Next(Cluster.Brokers.Count), new FindCoordinatorRequest { Key = groupId }, 3);
        _coordinator = response is { ErrorCode: ErrorCode.None } ? response.NodeId : -1;
    }

    private async Task<JoinGroupResponse?> JoinAsync()
    {
        var request = new JoinGroupRequest
        {
            GroupId = groupId,
            SessionTimeoutMs = SessionTimeoutMs,
            RebalanceTimeoutMs = SessionTimeoutMs,
            MemberId = _id,
            ProtocolType = "consumer",
        };
        request.Protocols.Add(new() { Name = "range", Metadata = Encoding.ASCII.GetBytes($"{++_joins}") });   // new, so that there is a new generation
        JoinGroupResponse? response = await TrySendAsync<JoinGroupRequest, JoinGroupResponse>(
            _coordinator, request, 5, TimeSpan.FromSeconds(15));
        switch (response?.ErrorCode)
        {
            case ErrorCode.None:
                _id = response.MemberId;
                return response;
            case ErrorCode.MemberIdRequired:
                _id = response.MemberId;
                break;
            case ErrorCode.UnknownMemberId:
                _id = "";
                break;
            default:
                _coordinator = -1;
                break;
        }
        return null;
    }

    private async Task<List<TopicPart>?> SyncAsync(JoinGroupResponse joined)
    {
        var request = new SyncGroupRequest { GroupId = groupId, GenerationId = joined.GenerationId, MemberId = _id };
        int at = 0;
        foreach (JoinGroupResponse.JoinGroupResponseMember member in joined.Members)
        {
            string own = string.Join(',', Enumerable.Range(0, parts.Count).Where(p => p % joined.Members.Count == at));
            request.Assignments.Add(new() { MemberId = member.MemberId, Assignment = Encoding.ASCII.GetBytes(own) });
            at++;
        }
        SyncGroupResponse? response = await TrySendAsync<SyncGroupRequest, SyncGroupResponse>(
            _coordinator, request, 3, TimeSpan.FromSeconds(10));
        if (response is not { ErrorCode: ErrorCode.None })
        {
            return null;
        }
        string given = Encoding.ASCII.GetString(response.Assignment.Span);
        return given.Length == 0 ? [] : [.. given.Split(',').Select(p => parts[int.Parse(p, CultureInfo.InvariantCulture)])];
    }

    protected async Task<bool> BeatAsync(int generation)
    {
        var beat = new HeartbeatRequest { GroupId = groupId, GenerationId = generation, MemberId = _id };
        return await TrySendAsync<HeartbeatRequest, HeartbeatResponse>(_coordinator, beat, 3) is { ErrorCode: ErrorCode.None };
    }

    /// <summary>Commits until the group changes or something fails.</summary>
    protected virtual async Task WorkAsync(int generation, List<TopicPart> owned)
    {
        Dictionary<TopicPart, long> before = owned.ToDictionary(p => p, p => Group.AcknowledgedOf(p).Offset);
        Dictionary<TopicPart, long>? fetched = owned.Count > 0 ? await FetchAsync(owned) : [];
        if (fetched is null)
        {
            return;
        }
        Dictionary<TopicPart, long> positions = new(fetched);
        while (!IsStopping)
        {
            await RestAsync(World.Between(20, 500));
            if (!await BeatAsync(generation))
            {
                return;
            }
            if (owned.Count == 0)
            {
                continue;
            }
            TopicPart part = World.Pick(owned);
            long offset = positions[part] + 1 + World.Random.Next(9);
            int newest = Group.AcknowledgedOf(part).Generation;
            Group.Committing(part, offset);
            if (!await CommitAsync(generation, part, offset))
            {
                return;
            }
            World.Log($"{Name}: committed {offset} for {part} in generation {generation}");
            if (fetched.Remove(part, out long told))
            {
                Group.Fetched(Name, part, told, before[part]);
            }
            Group.Committed(Name, generation, part, offset, newest);
            positions[part] = offset;
        }
    }

    protected async Task<Dictionary<TopicPart, long>?> FetchAsync(List<TopicPart> owned)
    {
        var request = new OffsetFetchRequest { GroupId = groupId, RequireStable = true };
        foreach (IGrouping<string, TopicPart> topic in owned.GroupBy(p => p.Topic))
        {
            var one = new OffsetFetchRequest.OffsetFetchRequestTopic { Name = topic.Key };
            one.PartitionIndexes.AddRange(topic.Select(p => p.Partition));
            request.Topics!.Add(one);
        }
        OffsetFetchResponse? response = await TrySendAsync<OffsetFetchRequest, OffsetFetchResponse>(_coordinator, request, 7);
        if (response is not { ErrorCode: ErrorCode.None } || response.Topics.Any(t => t.Partitions.Any(p => p.ErrorCode != ErrorCode.None)))
        {
            return null;
        }
        return response.Topics.SelectMany(t => t.Partitions.Select(p => (new TopicPart(t.Name, p.PartitionIndex), p.CommittedOffset)))
            .ToDictionary(p => p.Item1, p => Math.Max(0, p.CommittedOffset));
    }

    protected async Task<bool> CommitAsync(int generation, TopicPart part, long offset)
    {
        var request = new OffsetCommitRequest { GroupId = groupId, GenerationIdOrMemberEpoch = generation, MemberId = _id };
        var topic = new OffsetCommitRequest.OffsetCommitRequestTopic { Name = part.Topic };
        topic.Partitions.Add(new() { PartitionIndex = part.Partition, CommittedOffset = offset });
        request.Topics.Add(topic);
        OffsetCommitResponse? response = await TrySendAsync<OffsetCommitRequest, OffsetCommitResponse>(
            _coordinator, request, 7, TimeSpan.FromSeconds(8));
        return response?.Topics[0].Partitions[0].ErrorCode == ErrorCode.None;
    }
}
