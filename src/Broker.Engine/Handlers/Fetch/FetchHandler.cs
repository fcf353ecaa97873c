using System.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Engine.Network;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Timing;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Handlers.Fetch;

/// <summary>What Fetch needs of the configuration.</summary>
/// <param name="BytesMax">fetch.max.bytes.</param>
/// <param name="SessionSlotsMax">max.incremental.fetch.session.cache.slots.</param>
/// <param name="IsRackAware">Whether replica.selector.class sends consumers to replicas in their rack.</param>
internal sealed record FetchOptions(int BytesMax, int SessionSlotsMax, bool IsRackAware);

/// <summary>
/// Fetch: decides what the request means (its session), whether it can be answered or has to wait, and fills the answer with
/// slices of the log's files. After Kafka's ReplicaManager.fetchMessages and FetchManager.
/// </summary>
internal sealed partial class FetchHandler : NetworkThreadHandler
{
    private const int PooledMax = 256;

    [ThreadStatic]
    private static Stack<FetchOperation>? t_pool;

    private readonly ReplicaManager _replicas;
    private readonly MetadataCache _metadata;
    private readonly DelayedOperationPurgatory _purgatory;
    private readonly ITransport _transport;
    private readonly MonotonicClock _clock;
    private readonly WorkerThreads _coldReaders;
    private readonly FetchOptions _options;
    private readonly Func<int, string?>? _rackOf;
    private long _expiredConsumers;
    private long _expiredFollowers;

    public FetchHandler(
        ReplicaManager replicas, MetadataCache metadata, DelayedOperationPurgatory purgatory, ITransport transport,
        MonotonicClock clock, WorkerThreads coldReaders, FetchOptions options, Random random)
        : base(ApiKey.Fetch)
    {
        _replicas = replicas;
        _metadata = metadata;
        _purgatory = purgatory;
        _transport = transport;
        _clock = clock;
        _coldReaders = coldReaders;
        _options = options;
        _rackOf = options.IsRackAware ? id => _metadata.Current.Brokers.GetValueOrDefault(id)?.Rack : null;
        Sessions = new FetchSessionCache(options.SessionSlotsMax, random);
    }

    public FetchSessionCache Sessions { get; }

    /// <summary>Waits that ended by max_wait_ms, of consumers and of followers (DelayedFetchMetrics).</summary>
    public (long Consumers, long Followers) Expired => (Interlocked.Read(ref _expiredConsumers), Interlocked.Read(ref _expiredFollowers));

    internal void CountExpired(bool follower) => Interlocked.Increment(ref follower ? ref _expiredFollowers : ref _expiredConsumers);

    public override PendingResponse Handle(
        ClientConnection connection, in RequestArrival arrival, ref KafkaReader body, ReceiveBuffer buffer)
    {
        FetchOperation operation = Rent();
        operation.Begin(connection, arrival);
        operation.Prepare();
        try
        {
            operation.Request.Read(ref body, arrival.Version);
        }
        catch (MalformedRequestException)
        {
            Return(operation);
            throw;
        }
        (operation.ReplicaId, operation.ReplicaEpoch) = operation.Request.ReplicaState is { } state
            ? (state.ReplicaId, state.ReplicaEpoch) : (operation.Request.ReplicaId, -1);
        EnterContext(operation);
        if (operation.IsFollowerFetch && operation.Error == ErrorCode.None)
        {
            TakeFollower(operation);
        }
        long now = Stopwatch.GetTimestamp();
        operation.LocalDoneAt = now;
        if (operation.Error == ErrorCode.None && TryReadAhead(operation, now))
        {
            return operation;
        }
        if (IsReady(operation))
        {
            operation.ReadyNow(now);
        }
        else
        {
            MaybeMove(connection, operation);
            Wait(operation);
        }
        return operation;
    }

    private static bool IsReady(FetchOperation operation) => operation.Request.MaxWaitMs <= 0 || operation.IsSatisfied();

    /// <summary>A completion from here on, by whatever thread, posts to the connection, whose thread sees it after it has put the
    /// operation in its place.</summary>
    private void Wait(FetchOperation operation) =>
        _purgatory.TryCompleteElseWatch(operation.Delayed, operation.Watched(), WaitMs(operation));

    /// <summary>A consumer that follows one thread's partitions moves to that thread: an append then answers it without waking
    /// another. Only one that has to wait does; one that reads old records would take that thread's time.</summary>
    private void MaybeMove(ClientConnection connection, FetchOperation operation)
    {
        int current = _transport.CurrentOwnerThread;
        int owner = current < 0 ? current : OnlyOwner(operation.Targets);
        if (owner == current)
        {
            connection.Affinity.Streak = 0;
        }
        else if (connection.Affinity.Leans(owner))
        {
            _transport.Migrate(connection.Transport, owner);
        }
    }

    /// <summary>The thread that owns all partitions; -1 when there are several.</summary>
    private static int OnlyOwner(ReadOnlySpan<FetchTarget> targets)
    {
        int only = targets[0].Replica?.OwnerThread ?? -1;
        foreach (ref readonly FetchTarget target in targets)
        {
            if (target.Replica?.OwnerThread != only)
            {
                return -1;
            }
        }
        return only;
    }

    /// <summary>Whether there is nothing to wait for (Kafka DelayedFetch.tryComplete, cases A to H): enough bytes, an error, or
    /// a session that is in error.</summary>
    internal bool IsSatisfied(FetchOperation operation)
    {
        if (operation.Error != ErrorCode.None)
        {
            return true;
        }
        Span<FetchTarget> targets = operation.Targets;
        if (targets.Length == 0)
        {
            return true;
        }
        long wanted = Math.Min(operation.Request.MinBytes, Math.Min(operation.Request.MaxBytes, _options.BytesMax));
        if (wanted <= 0)
        {
            return true;
        }
        long found = 0;
        foreach (ref FetchTarget target in targets)
        {
            ReadCheck check = Check(target, operation);
            if (check.Error != ErrorCode.None || check.Divergence is not null || check.PreferredReplica >= 0
                || TellsHighWatermark(target, operation))
            {
                return true;
            }
            if (target.FetchOffset < check.End && !IsThrottled(target, operation))
            {
                found += wanted <= 1 ? 1 : target.Replica!.Log.Measure(target.FetchOffset, target.BytesMax, check.End);
                if (found >= wanted || target.Replica!.Log.IsOnOlderSegment(target.FetchOffset, check.End))
                {
                    return true;   // an answer ends with its segment: what would be waited for lies in the next (case F)
                }
            }
        }
        return false;
    }

    private ErrorCode MissingError(in FetchTarget target, FetchOperation operation)
    {
        MetadataImage image = _metadata.Current;
        TopicImage? topic = operation.Arrival.Version >= 13
            ? image.Topic(target.TopicId)
            : image.Topic(System.Text.Encoding.UTF8.GetString(target.Topic.Span));
        return topic is not null ? _replicas.MissingPartitionError(image, topic.Name, target.Partition)
            : operation.Arrival.Version >= 13 ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition;
    }

    private FetchOperation Rent()
    {
        Stack<FetchOperation> pool = t_pool ??= new();
        return pool.TryPop(out FetchOperation? kept) && kept.BelongsTo(this) ? kept : new FetchOperation(this);
    }

    internal void Return(FetchOperation operation)
    {
        Stack<FetchOperation> pool = t_pool ??= new();
        if (pool.Count < PooledMax)
        {
            pool.Push(operation);
        }
    }
}
