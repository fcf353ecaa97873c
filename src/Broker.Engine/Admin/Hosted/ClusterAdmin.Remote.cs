using System.Text;
using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Groups;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Admin.Hosted;

/// <summary>What brokers of other hosts lead and coordinate: asked of them as any client would ask.</summary>
internal sealed partial class ClusterAdmin
{
    /// <summary>The last version of Produce before the flexible ones.</summary>
    private const short RemoteProduceVersion = 8;

    private const short RemoteCommitVersion = 7;

    /// <summary>How often a leader that does not know of it yet is asked, a tenth of a second apart.</summary>
    private const int RemoteAttempts = 30;

    private static readonly TimeSpan s_remotePause = TimeSpan.FromMilliseconds(100);

    private readonly RemoteBrokers _remote;
    private readonly RemoteGroups _remoteGroups;
    private readonly RemoteLogs _remoteLogs;
    private readonly RemoteConfigs _remoteConfigs;

    public Task FreshAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(_remoteLogs.FreshAsync(cancellationToken), _remoteGroups.FreshAsync(cancellationToken));

    /// <summary>The high watermark of a partition that a broker of another host leads; -1 where it is not known.</summary>
    internal long EndElsewhere(TopicPartition id) => _remoteGroups.EndOf(id);

    private bool IsHere(int broker) => _cluster.Brokers.Any(b => b.Id == broker);

    private bool IsRemote(int broker) => Image.Brokers.ContainsKey(broker) && !IsHere(broker);

    private List<int> Remote() => [.. Image.Brokers.Keys.Where(IsRemote)];

    private int LeaderOf(TopicPartition id) => Image.Partition(id.Topic, id.Partition)?.Leader ?? -1;

    /// <summary>Where a partition is read.</summary>
    /// <exception cref="AdminException">UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE.</exception>
    private RecordSource SourceOrThrow(string topic, int partition)
    {
        int leader = LeaderOf(new TopicPartition(topic, partition));
        return IsRemote(leader) ? new RemoteSource(_remote, leader, topic, partition) : new LocalSource(LeaderOrThrow(topic, partition));
    }

    /// <summary>A partition's log as its leader has it, wherever that is.</summary>
    private LedLog LogOf(TopicPartition id, int leader)
    {
        if (Leader(id)?.Partition is { } here)
        {
            PartitionLog log = here.Log;
            (double messages, double bytes) = _traffic.Partition(id);
            return new LedLog(
                log.LogStartOffset, here.HighWatermark, log.LogEndOffset, log.SizeBytes, log.Segments.Count, log.ParentDirectory, messages, bytes);
        }
        if (leader < 0 || IsHere(leader))
        {
            return LedLog.NotKnown(leader < 0 ? "No broker leads it." : $"Broker {leader} of this host does not lead it yet.");
        }
        if (!Image.IsAlive(leader))
        {
            return LedLog.NotKnown($"Broker {leader}, which leads it, is not there.");
        }
        RemoteFile file = _remoteLogs.Directories(leader, out string? unknown)?.Files is { } files && files.TryGetValue(id, out RemoteFile known)
            ? known : new RemoteFile("", -1, 0);
        return _remoteLogs.Led(leader, id, out string? why) is { } told
            ? new LedLog(
                told.Start, told.HighWatermark, told.End, file.SizeBytes, -1, file.SizeBytes < 0 ? null : file.Directory, told.MessagesPerSec,
                file.BytesPerSec)
            { IsElsewhere = true, Unknown = file.SizeBytes < 0 ? unknown ?? $"Broker {leader} does not tell its size yet." : null }
            : LedLog.NotKnown(why!) with { IsElsewhere = true };
    }

    /// <summary>What a broker of another host is known to take in.</summary>
    private TrafficRates RemoteRates(int broker) => _remoteLogs.Growth(broker) is { } growth
        ? TrafficRates.Unknown with { MessagesInPerSec = growth.Messages, BytesInPerSec = growth.Bytes } : TrafficRates.Unknown;

    /// <summary>Asks the leader in another host to delete records.</summary>
    private async Task<long> DeleteRecordsRemotelyAsync(int leader, TopicPartition id, long beforeOffset, CancellationToken cancellationToken)
    {
        var request = new DeleteRecordsRequest { TimeoutMs = (int)ReplicatedWithinMs };
        var topic = new DeleteRecordsRequest.DeleteRecordsTopic { Name = id.Topic };
        topic.Partitions.Add(new() { PartitionIndex = id.Partition, Offset = beforeOffset });
        request.Topics.Add(topic);
        await _remote.ReachAsync(leader, cancellationToken).ConfigureAwait(false);
        DeleteRecordsResponse response = await _remote.CallAsync<DeleteRecordsRequest, DeleteRecordsResponse>(
            leader, request, DeleteRecordsRequest.HighestVersion, cancellationToken, ReplicatedWithinMs).ConfigureAwait(false);
        DeleteRecordsResponse.DeleteRecordsPartitionResult answer = response.Topics[0].Partitions[0];
        return answer.ErrorCode switch
        {
            ErrorCode.None => answer.LowWatermark,
            ErrorCode.OffsetOutOfRange => throw OutOfRange(beforeOffset),
            ErrorCode.PolicyViolation => throw NotDeleted(id.Topic),
            _ => throw new AdminException(answer.ErrorCode.Name(), $"Broker {leader} answers {answer.ErrorCode.Name()} for {id}."),
        };
    }

    /// <summary>Asks the leader in another host to append; one that has not heard yet that it leads is asked again, as any client
    /// would.</summary>
    private async Task<ProducedMessage> ProduceRemotelyAsync(
        int leader, NewMessage message, int index, CompressionCodec codec, long now, CancellationToken cancellationToken)
    {
        byte[] batch;
        using (RecordBatchBuilder builder = Build(message, codec, now))
        {
            batch = builder.Finish().ToArray();
        }
        for (int attempt = 1; ; attempt++)
        {
            ProduceResponse.PartitionProduceResponse answer =
                await AppendRemotelyAsync(leader, new TopicPartition(message.Topic, index), batch, cancellationToken).ConfigureAwait(false);
            if (answer.ErrorCode == ErrorCode.None)
            {
                return new ProducedMessage(
                    message.Topic, index, answer.BaseOffset, message.Timestamp ?? DateTimeOffset.FromUnixTimeMilliseconds(now));
            }
            // An offset in the answer says that it was appended all the same.
            bool isNew = answer is { ErrorCode: ErrorCode.UnknownTopicOrPartition or ErrorCode.NotLeaderOrFollower, BaseOffset: < 0 };
            if (!isNew || attempt == RemoteAttempts)
            {
                throw new AdminException(answer.ErrorCode.Name(), answer.ErrorMessage ?? answer.ErrorCode.Name());
            }
            await Task.Delay(s_remotePause, _cluster.Time, cancellationToken).ConfigureAwait(false);
            leader = LeaderOf(new TopicPartition(message.Topic, index)) is var next && IsRemote(next) ? next : leader;
        }
    }

    private async Task<ProduceResponse.PartitionProduceResponse> AppendRemotelyAsync(
        int leader, TopicPartition id, byte[] batch, CancellationToken cancellationToken)
    {
        var request = new ProduceRequest { Acks = -1, TimeoutMs = (int)ReplicatedWithinMs };
        var topic = new ProduceRequest.TopicProduceData { Name = Encoding.UTF8.GetBytes(id.Topic) };
        topic.PartitionData.Add(new() { Index = id.Partition, Records = new Protocol.Wire.Records(batch) });
        request.TopicData.Add(topic);
        await _remote.ReachAsync(leader, cancellationToken).ConfigureAwait(false);
        ProduceResponse response = await _remote.CallAsync<ProduceRequest, ProduceResponse>(
            leader, request, RemoteProduceVersion, cancellationToken, ReplicatedWithinMs).ConfigureAwait(false);
        return response.Responses[0].PartitionResponses[0];
    }

    private async Task<OffsetCommitResponse> CommitAsync(OffsetCommitRequest request, CancellationToken cancellationToken)
    {
        if (Coordinator(request.GroupId) is { } broker)
        {
            return await broker.Groups.CommitAsync(request, OffsetCommitVersion).ConfigureAwait(false);
        }
        int coordinator = (await RemoteGroupAsync(request.GroupId, cancellationToken).ConfigureAwait(false)).Coordinator;
        OffsetCommitResponse response = await _remote.CallAsync<OffsetCommitRequest, OffsetCommitResponse>(
            coordinator, request, RemoteCommitVersion, cancellationToken).ConfigureAwait(false);
        await _remoteGroups.LookAgainAsync(coordinator, cancellationToken).ConfigureAwait(false);
        return response;
    }

    private async Task<ErrorCode> DeleteAsync(string groupId, CancellationToken cancellationToken)
    {
        if (Coordinator(groupId) is { } broker)
        {
            return broker.Groups.Delete(groupId);
        }
        int coordinator = (await RemoteGroupAsync(groupId, cancellationToken).ConfigureAwait(false)).Coordinator;
        DeleteGroupsResponse response = await _remote.CallAsync<DeleteGroupsRequest, DeleteGroupsResponse>(
            coordinator, new() { GroupsNames = [groupId] }, 1, cancellationToken).ConfigureAwait(false);
        await _remoteGroups.LookAgainAsync(coordinator, cancellationToken).ConfigureAwait(false);
        return response.Results[0].ErrorCode;
    }

    /// <summary>A group that a broker of another host coordinates, which is asked where it is not known yet, and is there to be asked
    /// more.</summary>
    /// <exception cref="AdminException">GROUP_ID_NOT_FOUND, COORDINATOR_NOT_AVAILABLE, BROKER_NOT_AVAILABLE.</exception>
    private async Task<RemoteGroup> RemoteGroupAsync(string groupId, CancellationToken cancellationToken)
    {
        if (_remoteGroups.Find(groupId) is null && CoordinatorOf(groupId) is var coordinator && IsRemote(coordinator))
        {
            await _remoteGroups.LookAgainAsync(coordinator, cancellationToken).ConfigureAwait(false);
        }
        RemoteGroup group = RemoteGroupOrThrow(groupId);
        await _remote.ReachAsync(group.Coordinator, cancellationToken).ConfigureAwait(false);
        return group;
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
                Assignment = group.Assigned.GetValueOrDefault(m.MemberId) ?? [],
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
                UnknownLags = 0,
            },
            members, offsets);
    }
}

/// <summary>A log as the partition's leader has it; -1 for what is not known.</summary>
internal readonly record struct LedLog(
    long Start, long HighWatermark, long End, long SizeBytes, int Segments, string? Directory, double MessagesPerSec, double BytesPerSec)
{
    /// <summary>Why it is not known, in whole or in part; null where it is.</summary>
    public string? Unknown { get; init; }

    /// <summary>Whether a broker of another host leads it.</summary>
    public bool IsElsewhere { get; init; }

    /// <summary>Records between its ends; -1 when they are not known.</summary>
    public long Messages => Start < 0 || End < 0 ? -1 : End - Start;

    public static LedLog NotKnown(string why) => new(-1, -1, -1, -1, -1, null, 0, 0) { Unknown = why };
}
