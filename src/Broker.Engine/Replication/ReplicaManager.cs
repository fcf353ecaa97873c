using Broker.Engine.Metadata;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication;

/// <summary>
/// The partitions of this broker: takes their roles from the controller, makes and drops their logs, and knows their high
/// watermarks. After Kafka's ReplicaManager. Thread-safe; role changes are serialised.
/// </summary>
internal sealed partial class ReplicaManager
{
    private readonly Lock _changes = new();
    private readonly LogManager _logs;
    private readonly int _brokerId;
    private readonly int _ownerThreads;
    private readonly ILogger _logger;
    private readonly Dictionary<TopicPartition, long> _checkpointed = [];
    private int _nextOwner;
    private int _controllerEpoch;

    /// <summary>LeaderAndIsr's type that names all partitions the broker should hold (Kafka: LeaderAndIsrRequest.Type.FULL).</summary>
    public const sbyte FullRequest = 1;

    /// <param name="brokerId">This broker.</param>
    /// <param name="logs">Its logs, open.</param>
    /// <param name="ownerThreads">Network threads that may own partitions; 0 for none.</param>
    /// <param name="logger">The broker's log.</param>
    public ReplicaManager(int brokerId, LogManager logs, int ownerThreads, ILogger logger)
    {
        _brokerId = brokerId;
        _logs = logs;
        _ownerThreads = ownerThreads;
        _logger = logger;
        Partitions = new PartitionTable(logs.Clock.Time);
        foreach (LogDirectory directory in logs.Directories)
        {
            // A leader with one in-sync replica finds its high watermark anew; a follower is told by its leader.
            foreach ((TopicPartition partition, long offset) in directory.HighWatermarks.ReadOrEmpty(LogCheckpointDamaged))
            {
                _checkpointed[partition] = offset;
            }
        }
    }

    public PartitionTable Partitions { get; }

    /// <summary>Called when this broker has become leader of a partition; outside the lock.</summary>
    public Action<Partition>? BecameLeader { get; set; }

    /// <summary>Called when this broker leads or holds a partition no more; outside the lock.</summary>
    public Action<TopicPartition>? ResignedLeader { get; set; }

    /// <summary>The high watermark of a partition held, or null.</summary>
    public long? HighWatermarkOf(TopicPartition partition) => Partitions.Find(partition)?.HighWatermark;

    /// <summary>Takes roles (LeaderAndIsr). Stale ones are answered with an error by partition.</summary>
    public LeaderAndIsrResponse Apply(LeaderAndIsrRequest request)
    {
        var response = new LeaderAndIsrResponse();
        List<Partition> became = [];
        List<TopicPartition> resigned = [];
        lock (_changes)
        {
            if (request.ControllerEpoch < _controllerEpoch)
            {
                LogStaleController(request.ControllerId, request.ControllerEpoch, _controllerEpoch);
                return new LeaderAndIsrResponse { ErrorCode = ErrorCode.StaleControllerEpoch };
            }
            _controllerEpoch = request.ControllerEpoch;
            if (request.Type == FullRequest)
            {
                RemoveStray(request, resigned);
            }
            foreach (LeaderAndIsrRequest.LeaderAndIsrTopicState topic in request.TopicStates)
            {
                var errors = new LeaderAndIsrResponse.LeaderAndIsrTopicError { TopicId = topic.TopicId };
                foreach (LeaderAndIsrRequest.LeaderAndIsrPartitionState state in topic.PartitionStates)
                {
                    errors.PartitionErrors.Add(new()
                    {
                        TopicName = topic.TopicName,
                        PartitionIndex = state.PartitionIndex,
                        ErrorCode = Apply(topic, state, became, resigned),
                    });
                }
                AddErrors(response, errors, topic.TopicId);
            }
        }
        resigned.ForEach(p => ResignedLeader?.Invoke(p));
        became.ForEach(p => BecameLeader?.Invoke(p));
        if (became.Count > 0)
        {
            LogLeading(became.Count, request.ControllerEpoch);
        }
        return response;
    }

    /// <summary>Whether a controller's word still counts; a newer one's makes older ones' void.</summary>
    public bool AcceptController(int id, int epoch)
    {
        lock (_changes)
        {
            if (epoch < _controllerEpoch)
            {
                LogStaleController(id, epoch, _controllerEpoch);
                return false;
            }
            _controllerEpoch = epoch;
            return true;
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

    private ErrorCode Apply(
        LeaderAndIsrRequest.LeaderAndIsrTopicState topic, LeaderAndIsrRequest.LeaderAndIsrPartitionState state,
        List<Partition> became, List<TopicPartition> resigned)
    {
        var id = new TopicPartition(topic.TopicName, state.PartitionIndex);
        try
        {
            if (Partitions.Find(id.Topic) is { } known && known.Id != topic.TopicId && topic.TopicId != Guid.Empty && known.Id != Guid.Empty)
            {
                // A topic of the same name that is deleted since: nothing of it may show in the new one.
                foreach (Partition old in known.Partitions.ToArray().OfType<Partition>())
                {
                    Stop(old.Id, delete: true, resigned);
                }
            }
            Partition partition = GetOrCreate(id, topic.TopicId);
            bool wasLeader = partition.Role.IsLeader;
            var role = new PartitionRole(
                state.Leader, state.LeaderEpoch, state.PartitionEpoch, state.Leader == _brokerId, [.. state.Replicas], [.. state.Isr]);
            (bool taken, bool becameLeader) = partition.SetRole(role);
            if (!taken)
            {
                LogStaleRole(id, state.LeaderEpoch, partition.Role.LeaderEpoch);
                return ErrorCode.StaleControllerEpoch;
            }
            if (becameLeader)
            {
                LogBecameLeader(id, state.LeaderEpoch, partition.Log.LogEndOffset);
                became.Add(partition);
            }
            else if (wasLeader && !role.IsLeader)
            {
                resigned.Add(id);
                partition.Wake();
            }
            return ErrorCode.None;
        }
        catch (IOException e)
        {
            LogRoleFailed(id, e.Message);
            return ErrorCode.KafkaStorageError;
        }
    }

    private Partition GetOrCreate(TopicPartition id, Guid topicId)
    {
        HostedTopic topic = Partitions.GetOrAdd(id.Topic, topicId);
        if (topic.Find(id.Partition) is { } existing)
        {
            return existing;
        }
        PartitionLog log = _logs.GetOrCreate(id, topicId);
        int owner = _ownerThreads == 0 ? -1 : _nextOwner++ % _ownerThreads;
        var partition = new Partition(topic, id.Partition, log, owner, _checkpointed.GetValueOrDefault(id));
        topic.Set(id.Partition, partition);
        return partition;
    }

    /// <summary>Lets replicas go, and deletes their logs where the controller says so (StopReplica).</summary>
    public StopReplicaResponse Apply(StopReplicaRequest request)
    {
        var response = new StopReplicaResponse();
        List<TopicPartition> resigned = [];
        lock (_changes)
        {
            if (request.ControllerEpoch < _controllerEpoch)
            {
                LogStaleController(request.ControllerId, request.ControllerEpoch, _controllerEpoch);
                return new StopReplicaResponse { ErrorCode = ErrorCode.StaleControllerEpoch };
            }
            _controllerEpoch = request.ControllerEpoch;
            foreach (StopReplicaRequest.StopReplicaTopicState topic in request.TopicStates)
            {
                foreach (StopReplicaRequest.StopReplicaPartitionState state in topic.PartitionStates)
                {
                    var id = new TopicPartition(topic.TopicName, state.PartitionIndex);
                    response.PartitionErrors.Add(new()
                    {
                        TopicName = id.Topic,
                        PartitionIndex = id.Partition,
                        ErrorCode = Stop(id, state.DeletePartition, resigned),
                    });
                }
            }
        }
        resigned.ForEach(p => ResignedLeader?.Invoke(p));
        return response;
    }

    private ErrorCode Stop(TopicPartition id, bool delete, List<TopicPartition> resigned)
    {
        try
        {
            if (Partitions.Find(id) is { } partition)
            {
                Partitions.Remove(partition.Topic, id.Partition);
                partition.SetRole(partition.Role with { IsLeader = false, Leader = -1, PartitionEpoch = int.MaxValue });
                partition.Wake();
                resigned.Add(id);
            }
            if (delete)
            {
                _checkpointed.Remove(id);
                _logs.Delete(id);
            }
            return ErrorCode.None;
        }
        catch (IOException e)
        {
            LogRoleFailed(id, e.Message);
            return ErrorCode.KafkaStorageError;
        }
    }

    /// <summary>Why a partition cannot be served here: held by nobody this broker knows, or led elsewhere.</summary>
    public static ErrorCode MissingPartitionError(MetadataImage metadata, string topic, int partition) =>
        metadata.Partition(topic, partition) is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.NotLeaderOrFollower;

    [LoggerMessage(4001, LogLevel.Debug, "leading {Partition} in epoch {Epoch} from offset {Offset}", EventName = "BecameLeader")]
    private partial void LogBecameLeader(TopicPartition partition, int epoch, long offset);

    [LoggerMessage(4006, LogLevel.Information, "leading {Count} more partitions, as the controller of epoch {Epoch} has it", EventName = "Leading")]
    private partial void LogLeading(int count, int epoch);

    [LoggerMessage(4007, LogLevel.Warning, "{Partition}: its topic was deleted while this broker was away; its log is deleted too", EventName = "StrayLog")]
    private partial void LogStray(TopicPartition partition);

    [LoggerMessage(4002, LogLevel.Warning, "{Partition}: a role of epoch {Epoch} came after one of {Current} and is refused", EventName = "StaleRole")]
    private partial void LogStaleRole(TopicPartition partition, int epoch, int current);

    [LoggerMessage(4003, LogLevel.Warning, "controller {Controller} of epoch {Epoch} is refused: the epoch is {Current} now", EventName = "StaleController")]
    private partial void LogStaleController(int controller, int epoch, int current);

    [LoggerMessage(4004, LogLevel.Error, "{Partition}: its role could not be taken: {Reason}", EventName = "RoleFailed")]
    private partial void LogRoleFailed(TopicPartition partition, string reason);

    [LoggerMessage(4005, LogLevel.Warning, "{Reason}; high watermarks begin at the logs' start", EventName = "HighWatermarksDamaged")]
    private partial void LogCheckpointDamaged(string reason);
}
