using Broker.Client;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Groups;

/// <summary>A test cluster as members of groups see it.</summary>
internal sealed class GroupCluster : IAsyncDisposable
{
    private const int DeadlineMs = 20_000;

    private readonly TestCluster _cluster;

    private GroupCluster(TestCluster cluster) => _cluster = cluster;

    public HostedCluster Cluster => _cluster.Hosted;

    public static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static async Task<GroupCluster> StartAsync(int brokers = 1, params (string Key, string Value)[] settings) =>
        new(await TestCluster.StartAsync(
            brokers, overrides: ["offsets.topic.num.partitions=50", .. settings.Select(s => $"{s.Key}={s.Value}")]));

    public string DataDirectory => _cluster.DataDirectory;

    public Task<KafkaConnection> ConnectAsync(int broker = 0) => _cluster.ConnectAsync(broker);

    public async Task CreateTopicAsync(string name, int partitions, params (string Key, string Value)[] config)
    {
        var request = new CreateTopicsRequest { TimeoutMs = DeadlineMs };
        var topic = new CreateTopicsRequest.CreatableTopic { Name = name, NumPartitions = partitions, ReplicationFactor = 1 };
        topic.Configs.AddRange(config.Select(c => new CreateTopicsRequest.CreatableTopicConfig { Name = c.Key, Value = c.Value }));
        request.Topics.Add(topic);
        CreateTopicsResponse response = await (await ConnectAsync()).SendAsync<CreateTopicsRequest, CreateTopicsResponse>(request, 7, Cancelled);
        Assert.Equal(ErrorCode.None, response.Topics[0].ErrorCode);
    }

    /// <summary>A connection to the group's coordinator, as a client finds it.</summary>
    public async Task<(KafkaConnection Connection, int Broker)> CoordinatorAsync(string group)
    {
        KafkaConnection any = await ConnectAsync(Cluster.Brokers.ToList().FindIndex(b => b.IsServing));
        var request = new FindCoordinatorRequest { KeyType = 0 };
        request.CoordinatorKeys.Add(group);
        long end = Environment.TickCount64 + DeadlineMs;
        while (true)
        {
            FindCoordinatorResponse found = await any.SendAsync<FindCoordinatorRequest, FindCoordinatorResponse>(request, 4, Cancelled);
            if (found.Coordinators[0] is { ErrorCode: ErrorCode.None, NodeId: int node })
            {
                int index = Cluster.Brokers.ToList().FindIndex(b => b.Id == node);
                KafkaConnection connection = await ConnectAsync(index);
                var heartbeat = new HeartbeatRequest { GroupId = group, MemberId = "probe" };
                HeartbeatResponse alive = await connection.SendAsync<HeartbeatRequest, HeartbeatResponse>(heartbeat, 4, Cancelled);
                if (alive.ErrorCode == ErrorCode.UnknownMemberId)
                {
                    return (connection, index);   // it has loaded the group's partition
                }
            }
            Assert.True(Environment.TickCount64 < end, $"no coordinator of {group} within {DeadlineMs} ms");
            await Task.Delay(20, Cancelled);
        }
    }

    public static JoinGroupRequest JoinRequest(
        string group, string member = "", string? instance = null, int sessionMs = 30_000, int rebalanceMs = 30_000,
        params string[] protocols)
    {
        var request = new JoinGroupRequest
        {
            GroupId = group,
            MemberId = member,
            GroupInstanceId = instance,
            SessionTimeoutMs = sessionMs,
            RebalanceTimeoutMs = rebalanceMs,
            ProtocolType = "consumer",
        };
        foreach (string protocol in protocols is [] ? ["range"] : protocols)
        {
            request.Protocols.Add(new() { Name = protocol, Metadata = Subscription("orders") });
        }
        return request;
    }

    public static byte[] Subscription(params string[] topics)
    {
        var writer = new KafkaWriter();
        writer.WriteInt16(0);
        var subscription = new ConsumerProtocolSubscription();
        subscription.Topics.AddRange(topics);
        subscription.Write(writer, 0);
        return writer.WrittenSpan.ToArray();
    }

    public static Task<JoinGroupResponse> JoinAsync(KafkaConnection connection, JoinGroupRequest request, short version = 9) =>
        connection.SendAsync<JoinGroupRequest, JoinGroupResponse>(request, version, Cancelled);

    /// <summary>Joins with the handshake that gives a member its id first.</summary>
    public static async Task<JoinGroupResponse> JoinNewAsync(KafkaConnection connection, string group)
    {
        JoinGroupResponse asked = await JoinAsync(connection, JoinRequest(group));
        Assert.Equal(ErrorCode.MemberIdRequired, asked.ErrorCode);
        return await JoinAsync(connection, JoinRequest(group, asked.MemberId));
    }

    /// <summary>Syncs; the leader gives each member a byte: its place in the list.</summary>
    public static Task<SyncGroupResponse> SyncAsync(KafkaConnection connection, string group, JoinGroupResponse joined, string? instance = null)
    {
        var request = new SyncGroupRequest
        {
            GroupId = group,
            GenerationId = joined.GenerationId,
            MemberId = joined.MemberId,
            GroupInstanceId = instance,
            ProtocolType = joined.ProtocolType,
            ProtocolName = joined.ProtocolName,
        };
        if (!joined.SkipAssignment)
        {
            int place = 0;
            foreach (JoinGroupResponse.JoinGroupResponseMember member in joined.Members)
            {
                request.Assignments.Add(new() { MemberId = member.MemberId, Assignment = new[] { (byte)place++ } });
            }
        }
        return connection.SendAsync<SyncGroupRequest, SyncGroupResponse>(request, 5, Cancelled);
    }

    public static async Task<ErrorCode> HeartbeatAsync(KafkaConnection connection, string group, JoinGroupResponse joined, string? instance = null)
    {
        var request = new HeartbeatRequest
        {
            GroupId = group,
            GenerationId = joined.GenerationId,
            MemberId = joined.MemberId,
            GroupInstanceId = instance,
        };
        return (await connection.SendAsync<HeartbeatRequest, HeartbeatResponse>(request, 4, Cancelled)).ErrorCode;
    }

    public static async Task<ErrorCode> CommitAsync(
        KafkaConnection connection, string group, long offset, JoinGroupResponse? member = null, short version = 9, long retentionMs = -1)
    {
        var request = new OffsetCommitRequest
        {
            GroupId = group,
            GenerationIdOrMemberEpoch = member?.GenerationId ?? -1,
            MemberId = member?.MemberId ?? "",
            RetentionTimeMs = retentionMs,
        };
        var topic = new OffsetCommitRequest.OffsetCommitRequestTopic { Name = "orders" };
        topic.Partitions.Add(new() { CommittedOffset = offset, CommittedMetadata = "", CommittedLeaderEpoch = -1 });
        request.Topics.Add(topic);
        OffsetCommitResponse response = await connection.SendAsync<OffsetCommitRequest, OffsetCommitResponse>(request, version, Cancelled);
        return response.Topics[0].Partitions[0].ErrorCode;
    }

    public static async Task<long> CommittedAsync(KafkaConnection connection, string group)
    {
        var request = new OffsetFetchRequest();
        request.Groups.Add(new() { GroupId = group, Topics = null });
        OffsetFetchResponse response = await connection.SendAsync<OffsetFetchRequest, OffsetFetchResponse>(request, 8, Cancelled);
        Assert.Equal(ErrorCode.None, response.Groups[0].ErrorCode);
        return response.Groups[0].Topics.SelectMany(t => t.Partitions).Select(p => p.CommittedOffset).DefaultIfEmpty(-1).Single();
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();
}
