using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication;

/// <summary>Taking roles (LeaderAndIsr): nothing is fetched for a partition while its role changes.</summary>
internal sealed partial class ReplicaManager
{
    /// <summary>LeaderAndIsr's type that names all partitions the broker should hold (Kafka: LeaderAndIsrRequest.Type.FULL).</summary>
    public const sbyte FullRequest = 1;

    private readonly Dictionary<int, BrokerEndpoint> _liveLeaders = [];
    private (int ControllerEpoch, long BrokerEpoch) _strayRemoved = (-1, -1);

    /// <summary>Where a leader is reached, as the controller said with its role; null where it did not.</summary>
    public BrokerEndpoint? LiveLeader(int brokerId)
    {
        lock (_liveLeaders)
        {
            return _liveLeaders.GetValueOrDefault(brokerId);
        }
    }

    /// <summary>Who leads a partition: by the role this broker has, where that is of a later epoch than what clients are told, which
    /// comes a moment after the roles (Kafka: KafkaApis.getCurrentLeader).</summary>
    public (int Leader, int Epoch) CurrentLeader(TopicPartition partition, PartitionImage told)
    {
        PartitionRole? role = Partitions.Find(partition)?.Role;
        return role is { Leader: >= 0 } && role.LeaderEpoch > told.LeaderEpoch
            ? (role.Leader, role.LeaderEpoch) : (told.Leader, told.LeaderEpoch);
    }

    /// <summary>Takes roles (LeaderAndIsr). Stale ones are answered with an error by partition.</summary>
    public LeaderAndIsrResponse Apply(LeaderAndIsrRequest request)
    {
        var response = new LeaderAndIsrResponse();
        var roles = new RoleChanges();
        lock (_changes)
        {
            if (request.ControllerEpoch < _controllerEpoch)
            {
                LogStaleController(request.ControllerId, request.ControllerEpoch, _controllerEpoch);
                return new LeaderAndIsrResponse { ErrorCode = ErrorCode.StaleControllerEpoch };
            }
            _controllerEpoch = request.ControllerEpoch;
            RememberLeaders(request);
            // Once for each controller and life: one that was sent again may be carried out late, when there is more.
            if (request.Type == FullRequest && _strayRemoved != (request.ControllerEpoch, request.BrokerEpoch))
            {
                _strayRemoved = (request.ControllerEpoch, request.BrokerEpoch);
                RemoveStray(request, roles.Resigned);
            }
            foreach (LeaderAndIsrRequest.LeaderAndIsrTopicState topic in request.TopicStates)
            {
                var errors = new LeaderAndIsrResponse.LeaderAndIsrTopicError { TopicId = topic.TopicId };
                foreach (LeaderAndIsrRequest.LeaderAndIsrPartitionState state in topic.PartitionStates)
                {
                    var error = new LeaderAndIsrResponse.LeaderAndIsrPartitionError
                    {
                        TopicName = topic.TopicName,
                        PartitionIndex = state.PartitionIndex,
                    };
                    error.ErrorCode = Prepare(topic, state, error, roles);
                    errors.PartitionErrors.Add(error);
                }
                AddErrors(response, errors, topic.TopicId);
            }
            Fetchers?.Hold();
            Fetchers?.Remove(roles.Asked.Where(a => !IsSameLeader(a.Partition.Role, a.Role)).Select(a => a.Partition));
            try
            {
                roles.Asked.ForEach(a => Take(a, roles));
            }
            finally
            {
                Fetchers?.Release();
            }
        }
        roles.Changed.ForEach(p => p.Wake());
        roles.Resigned.ForEach(p => ResignedLeader?.Invoke(p));
        roles.Became.ForEach(p => BecameLeader?.Invoke(p));
        Fetchers?.EndIdle();
        if (roles.Became.Count > 0)
        {
            LogLeading(roles.Became.Count, request.ControllerEpoch);
        }
        return response;
    }

    private void RememberLeaders(LeaderAndIsrRequest request)
    {
        lock (_liveLeaders)
        {
            foreach (LeaderAndIsrRequest.LeaderAndIsrLiveLeader leader in request.LiveLeaders)
            {
                _liveLeaders[leader.BrokerId] = new BrokerEndpoint("", leader.HostName, leader.Port, 0);
            }
        }
    }

    /// <summary>Drops what the controller does not know to be here: topics that were deleted while this broker was away.</summary>
    private void RemoveStray(LeaderAndIsrRequest request, List<TopicPartition> resigned)
    {
        HashSet<TopicPartition> named =
            [.. request.TopicStates.SelectMany(t => t.PartitionStates, (t, p) => new TopicPartition(t.TopicName, p.PartitionIndex))];
        foreach (TopicPartition stray in _logs.Logs.Select(l => l.Partition).Where(p => !named.Contains(p)).ToArray())
        {
            LogStray(stray);
            Stop(stray, delete: true, resigned);
        }
    }

    private static void AddErrors(
        LeaderAndIsrResponse response, LeaderAndIsrResponse.LeaderAndIsrTopicError errors, Guid topicId)
    {
        if (topicId != Guid.Empty)
        {
            response.Topics.Add(errors);
        }
        else
        {
            response.PartitionErrors.AddRange(errors.PartitionErrors);
        }
    }

    /// <summary>Finds or makes the partition and enters the role, if it may be taken.</summary>
    private ErrorCode Prepare(
        LeaderAndIsrRequest.LeaderAndIsrTopicState topic, LeaderAndIsrRequest.LeaderAndIsrPartitionState state,
        LeaderAndIsrResponse.LeaderAndIsrPartitionError error, RoleChanges roles)
    {
        var id = new TopicPartition(topic.TopicName, state.PartitionIndex);
        try
        {
            if (Partitions.Find(id.Topic) is { } known && known.Id != topic.TopicId && topic.TopicId != Guid.Empty && known.Id != Guid.Empty)
            {
                // A topic of the same name that is deleted since: nothing of it may show in the new one.
                foreach (Partition old in known.Partitions.ToArray().OfType<Partition>())
                {
                    Stop(old.Id, delete: true, roles.Resigned);
                }
            }
            Partition partition = GetOrCreate(id, topic.TopicId, state.IsNew);
            if (partition.Log.IsFailed)
            {
                return ErrorCode.KafkaStorageError;
            }
            PartitionRole held = partition.Role;
            var role = new PartitionRole(
                state.Leader, state.LeaderEpoch, state.PartitionEpoch, state.Leader == Context.BrokerId, [.. state.Replicas], [.. state.Isr])
            {
                AddingReplicas = [.. state.AddingReplicas],
                RemovingReplicas = [.. state.RemovingReplicas],
            };
            if (role.LeaderEpoch < held.LeaderEpoch
                || (role.LeaderEpoch == held.LeaderEpoch && role.PartitionEpoch < held.PartitionEpoch))
            {
                LogStaleRole(id, state.LeaderEpoch, held.LeaderEpoch);
                return ErrorCode.StaleControllerEpoch;
            }
            roles.Asked.Add((partition, role, error));
            return ErrorCode.None;
        }
        catch (IOException e)
        {
            LogRoleFailed(id, e.Message);
            _offline[id] = true;
            return ErrorCode.KafkaStorageError;
        }
    }

    private static bool IsSameLeader(PartitionRole held, PartitionRole asked) =>
        held.Leader == asked.Leader && held.LeaderEpoch == asked.LeaderEpoch;

    private void Take((Partition Partition, PartitionRole Role, LeaderAndIsrResponse.LeaderAndIsrPartitionError Error) asked, RoleChanges roles)
    {
        Partition partition = asked.Partition;
        try
        {
            bool isNew = !IsSameLeader(partition.Role, asked.Role);
            RoleChange change = partition.SetRole(asked.Role);
            roles.Changed.Add(partition);
            if (change.BecameLeader)
            {
                LogBecameLeader(partition.Id, asked.Role.LeaderEpoch, partition.Log.LogEndOffset);
                roles.Became.Add(partition);
            }
            else if (change.Resigned)
            {
                roles.Resigned.Add(partition.Id);
            }
            if (isNew && change.After is { IsLeader: false, Leader: >= 0 })
            {
                LogFollows(partition.Id, asked.Role.Leader, asked.Role.LeaderEpoch, partition.Log.LogEndOffset);
                if (!IsLeaving)
                {
                    Fetchers?.Add(partition, asked.Role.Leader, asked.Role.LeaderEpoch);
                }
            }
        }
        catch (IOException e)
        {
            LogRoleFailed(partition.Id, e.Message);
            asked.Error.ErrorCode = ErrorCode.KafkaStorageError;
        }
    }

    /// <summary>What one request changes.</summary>
    private sealed class RoleChanges
    {
        public List<(Partition Partition, PartitionRole Role, LeaderAndIsrResponse.LeaderAndIsrPartitionError Error)> Asked { get; } = [];

        /// <summary>Those that somebody may be waiting at.</summary>
        public List<Partition> Changed { get; } = [];

        public List<Partition> Became { get; } = [];

        public List<TopicPartition> Resigned { get; } = [];
    }

    [LoggerMessage(4001, LogLevel.Debug, "leading {Partition} in epoch {Epoch} from offset {Offset}", EventName = "BecameLeader")]
    private partial void LogBecameLeader(TopicPartition partition, int epoch, long offset);

    [LoggerMessage(4006, LogLevel.Information, "leading {Count} more partitions, as the controller of epoch {Epoch} has it", EventName = "Leading")]
    private partial void LogLeading(int count, int epoch);

    [LoggerMessage(4007, LogLevel.Warning, "{Partition}: the controller knows of no replica of it here; its log is deleted", EventName = "StrayLog")]
    private partial void LogStray(TopicPartition partition);

    [LoggerMessage(4008, LogLevel.Debug, "{Partition}: following broker {Leader} in epoch {Epoch} from offset {Offset}", EventName = "Follows")]
    private partial void LogFollows(TopicPartition partition, int leader, int epoch, long offset);

    [LoggerMessage(4002, LogLevel.Warning, "{Partition}: a role of epoch {Epoch} came after one of {Current} and is refused", EventName = "StaleRole")]
    private partial void LogStaleRole(TopicPartition partition, int epoch, int current);
}
