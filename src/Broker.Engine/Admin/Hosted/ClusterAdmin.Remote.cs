using System.Text;
using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Groups;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Admin.Hosted;

/// <summary>What brokers of other hosts lead and coordinate: asked of them as any client would ask.</summary>
internal sealed partial class ClusterAdmin
{
    /// <summary>The last version of Produce before the flexible ones.</summary>
    private const short RemoteProduceVersion = 8;

    private const short RemoteCommitVersion = 7;

    private readonly RemoteBrokers _remote;
    private readonly RemoteGroups _remoteGroups;

    private bool IsRemote(int broker) => Image.Brokers.ContainsKey(broker) && !_cluster.Brokers.Any(b => b.Id == broker);

    private List<int> Remote() => [.. Image.Brokers.Keys.Where(IsRemote)];

    private int LeaderOf(TopicPartition id) => Image.Partition(id.Topic, id.Partition)?.Leader ?? -1;

    /// <summary>Where a partition is read.</summary>
    /// <exception cref="AdminException">UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE.</exception>
    private RecordSource SourceOrThrow(string topic, int partition)
    {
        int leader = LeaderOf(new TopicPartition(topic, partition));
        return IsRemote(leader) ? new RemoteSource(_remote, leader, topic, partition) : new LocalSource(LeaderOrThrow(topic, partition));
    }

    private async Task<ProducedMessage> ProduceRemotelyAsync(
        int leader, NewMessage message, int index, CompressionCodec codec, long now, CancellationToken cancellationToken)
    {
        var request = new ProduceRequest { Acks = -1, TimeoutMs = (int)ReplicatedWithinMs };
        var topic = new ProduceRequest.TopicProduceData { Name = Encoding.UTF8.GetBytes(message.Topic) };
        using (RecordBatchBuilder builder = Build(message, codec, now))
        {
            topic.PartitionData.Add(new() { Index = index, Records = new Protocol.Wire.Records(builder.Finish().ToArray()) });
        }
        request.TopicData.Add(topic);
        ProduceResponse response = await _remote.CallAsync<ProduceRequest, ProduceResponse>(
            leader, request, RemoteProduceVersion, cancellationToken, ReplicatedWithinMs).ConfigureAwait(false);
        ProduceResponse.PartitionProduceResponse answer = response.Responses[0].PartitionResponses[0];
        return answer.ErrorCode == ErrorCode.None
            ? new ProducedMessage(message.Topic, index, answer.BaseOffset, message.Timestamp ?? DateTimeOffset.FromUnixTimeMilliseconds(now))
            : throw new AdminException(answer.ErrorCode.Name(), answer.ErrorMessage ?? answer.ErrorCode.Name());
    }

    private async Task<OffsetCommitResponse> CommitAsync(OffsetCommitRequest request, CancellationToken cancellationToken) =>
        Coordinator(request.GroupId) is { } broker
            ? await broker.Groups.CommitAsync(request, OffsetCommitVersion).ConfigureAwait(false)
            : await _remote.CallAsync<OffsetCommitRequest, OffsetCommitResponse>(
                RemoteGroupOrThrow(request.GroupId).Coordinator, request, RemoteCommitVersion, cancellationToken).ConfigureAwait(false);

    private async Task<ErrorCode> DeleteAsync(string groupId, CancellationToken cancellationToken)
    {
        if (Coordinator(groupId) is { } broker)
        {
            return broker.Groups.Delete(groupId);
        }
        DeleteGroupsResponse response = await _remote.CallAsync<DeleteGroupsRequest, DeleteGroupsResponse>(
            RemoteGroupOrThrow(groupId).Coordinator, new() { GroupsNames = [groupId] }, 1, cancellationToken).ConfigureAwait(false);
        return response.Results[0].ErrorCode;
    }

    private RemoteGroup RemoteGroupOrThrow(string groupId) => _remoteGroups.Find(groupId) ?? throw GroupNotFound(groupId);

    private GroupDetail Describe(RemoteGroup group)
    {
        List<GroupMemberView> members =
        [
            .. group.Described.Members.Select(m => new GroupMemberView
            {
                MemberId = m.MemberId,
                GroupInstanceId = m.GroupInstanceId,
                ClientId = m.ClientId,
                Host = m.ClientHost,
                SessionTimeoutMs = -1,
                RebalanceTimeoutMs = -1,
                IsLeader = false,
                Assignment = Assignment(m.MemberAssignment.ToArray()),
                HeartbeatDueInMs = -1,
            }),
        ];
        Dictionary<TopicPartition, CommittedOffset> offsets = group.Offsets.ToDictionary(
            o => o.Key, o => new CommittedOffset(o.Value.CommittedOffset, o.Value.CommittedLeaderEpoch, o.Value.Metadata ?? "", CommitMs: -1, Guid.Empty));
        return Describe(
            new GroupSummary
            {
                GroupId = group.Described.GroupId,
                State = group.Described.GroupState,
                ProtocolType = group.Described.ProtocolType,
                Protocol = group.Described.ProtocolData,
                Coordinator = group.Coordinator,
                Members = members.Count,
                Generation = -1,
                Topics = 0,
                Lag = 0,
            },
            members, offsets);
    }
}
