using System.Collections.Concurrent;
using Broker.Engine.Replication.Fetching;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication;

/// <summary>
/// The partitions of this broker: takes their roles from the controller, makes and drops their logs, has followed partitions
/// fetched, and knows their high watermarks. After Kafka's ReplicaManager. Thread-safe; role changes are serialised.
/// </summary>
internal sealed partial class ReplicaManager
{
    private readonly Lock _changes = new();
    private readonly LogManager _logs;
    private readonly int _ownerThreads;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<TopicPartition, long> _checkpointed = new();
    private int _nextOwner;
    private int _controllerEpoch;
    private bool _isLeaving;

    /// <param name="context">What partitions go by.</param>
    /// <param name="logs">The broker's logs, open.</param>
    /// <param name="ownerThreads">Network threads that may own partitions; 0 for none.</param>
    /// <param name="logger">The broker's log.</param>
    public ReplicaManager(ReplicationContext context, LogManager logs, int ownerThreads, ILogger logger)
    {
        Context = context;
        _logs = logs;
        _ownerThreads = ownerThreads;
        _logger = logger;
        Partitions = new PartitionTable(logs.Clock.Time);
        logs.Swap = (id, swap) => Partitions.Find(id)?.TryReplaceLog(swap) ?? false;
        // A leader with one in-sync replica finds its high watermark anew; a follower is told by its leader.
        logs.ReadEach(d => d.HighWatermarks.ReadOrEmpty(LogCheckpointDamaged), (_, read) =>
        {
            foreach ((TopicPartition partition, long offset) in read)
            {
                _checkpointed[partition] = offset;
            }
        });
    }

    public ReplicationContext Context { get; }

    public PartitionTable Partitions { get; }

    /// <summary>Epoch of the latest controller that was heard of; 0 for none.</summary>
    public int ControllerEpoch => Volatile.Read(ref _controllerEpoch);

    /// <summary>Who fetches what this broker follows; null where nothing is to be fetched.</summary>
    public ReplicaFetcherManager? Fetchers { get; set; }

    /// <summary>Whether the broker is about to stop: what it does not lead any more it does not begin to follow. Leaders wait for a
    /// follower that is up to date as for one that may be in sync.</summary>
    public bool IsLeaving
    {
        get => Volatile.Read(ref _isLeaving);
        set => Volatile.Write(ref _isLeaving, value);
    }

    /// <summary>Called when this broker has become leader of a partition; outside the lock.</summary>
    public Action<Partition>? BecameLeader { get; set; }

    /// <summary>Called when this broker leads or holds a partition no more; outside the lock.</summary>
    public Action<TopicPartition>? ResignedLeader { get; set; }

    /// <summary>The high watermark of a partition held, or null.</summary>
    public long? HighWatermarkOf(TopicPartition partition) => Partitions.Find(partition)?.HighWatermark;

    /// <summary>What the checkpoint is to say: of a partition that has no role yet what it said before, of one that was let go what
    /// was known last. A replica begins there when it takes a role again.</summary>
    public long? HighWatermarkToKeep(TopicPartition partition) => HighWatermarkOf(partition)
        ?? (_checkpointed.TryGetValue(partition, out long known) ? known : _logs.Find(partition)?.HighWatermark);

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

    /// <summary>Looks for in-sync replicas that have fallen behind (every half of replica.lag.time.max.ms).</summary>
    public void ShrinkIsrs()
    {
        foreach (Partition partition in Partitions.Partitions)
        {
            partition.MaybeShrinkIsr();
            partition.Reconsider();
        }
    }

    /// <summary>Brokers have gone: nobody waits for them.</summary>
    public void OnBrokersGone()
    {
        foreach (Partition partition in Partitions.Partitions)
        {
            partition.Reconsider();
        }
    }

    private Partition GetOrCreate(TopicPartition id, Guid topicId, bool isNew)
    {
        HostedTopic topic = Partitions.GetOrAdd(id.Topic, topicId);
        if (topic.Find(id.Partition) is { } existing)
        {
            return existing;
        }
        PartitionLog log = _logs.GetOrCreate(id, topicId, isNew);
        _offline.TryRemove(id, out _);
        int owner = _ownerThreads == 0 ? -1 : _nextOwner++ % _ownerThreads;
        var partition = new Partition(topic, id.Partition, log, owner, _checkpointed.GetValueOrDefault(id), Context);
        Partitions.Add(topic, id.Partition, partition);
        _checkpointed.TryRemove(id, out _);   // it is of the last start: a log that is let go knows better
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
            Fetchers?.Remove(request.TopicStates
                .SelectMany(t => t.PartitionStates, (t, p) => (Partition: Partitions.Find(new TopicPartition(t.TopicName, p.PartitionIndex)), p))
                .Where(s => s.Partition is not null && !IsFenced(s.Partition, s.p.LeaderEpoch)).Select(s => s.Partition!));
            foreach (StopReplicaRequest.StopReplicaTopicState topic in request.TopicStates)
            {
                foreach (StopReplicaRequest.StopReplicaPartitionState state in topic.PartitionStates)
                {
                    var id = new TopicPartition(topic.TopicName, state.PartitionIndex);
                    response.PartitionErrors.Add(new()
                    {
                        TopicName = id.Topic,
                        PartitionIndex = id.Partition,
                        ErrorCode = Partitions.Find(id) is { } held && IsFenced(held, state.LeaderEpoch)
                            ? ErrorCode.FencedLeaderEpoch : Stop(id, state.DeletePartition, resigned),
                    });
                }
            }
        }
        resigned.ForEach(p => ResignedLeader?.Invoke(p));
        Fetchers?.EndIdle();
        return response;
    }

    /// <summary>Whether a StopReplica is older than the role held; one for a deleted topic names no epoch.</summary>
    private static bool IsFenced(Partition partition, int leaderEpoch) => leaderEpoch >= 0 && leaderEpoch < partition.Role.LeaderEpoch;

    private ErrorCode Stop(TopicPartition id, bool delete, List<TopicPartition> resigned)
    {
        try
        {
            bool isOffline = _offline.TryRemove(id, out _);
            if (Partitions.Find(id) is { } partition)
            {
                isOffline |= partition.Log.IsFailed;
                Fetchers?.Remove([partition]);
                Partitions.Remove(partition.Topic, id.Partition);
                partition.SetRole(partition.Role with { IsLeader = false, Leader = -1, PartitionEpoch = int.MaxValue, Proposal = null });
                partition.Wake();
                resigned.Add(id);
            }
            if (delete)
            {
                _checkpointed.TryRemove(id, out _);
                _logs.Delete(id);
            }
            return isOffline ? ErrorCode.KafkaStorageError : ErrorCode.None;
        }
        catch (IOException e)
        {
            LogRoleFailed(id, e.Message);
            return ErrorCode.KafkaStorageError;
        }
    }

    [LoggerMessage(4003, LogLevel.Warning, "controller {Controller} of epoch {Epoch} is refused: the epoch is {Current} now", EventName = "StaleController")]
    private partial void LogStaleController(int controller, int epoch, int current);

    [LoggerMessage(4004, LogLevel.Error, "{Partition}: its role could not be taken: {Reason}", EventName = "RoleFailed")]
    private partial void LogRoleFailed(TopicPartition partition, string reason);

    [LoggerMessage(4005, LogLevel.Warning, "{Reason}; high watermarks begin at the logs' start", EventName = "HighWatermarksDamaged")]
    private partial void LogCheckpointDamaged(string reason);
}
