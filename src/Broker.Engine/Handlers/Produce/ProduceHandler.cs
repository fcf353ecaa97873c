using System.Runtime.InteropServices;
using System.Text;
using Broker.Engine.Metadata;
using Broker.Engine.Network;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Engine.Timing;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Handlers.Produce;

/// <summary>
/// Produce: finds each partition by the bytes of its topic's name, validates the batch where it was received, and lets the
/// owner thread append it. One that asks for all in-sync replicas waits for them, while later ones of its connection go on. A
/// connection whose requests all go to one other thread is moved there, so that hand-overs are the exception.
/// </summary>
internal sealed class ProduceHandler : NetworkThreadHandler
{
    /// <summary>Idle operations kept a thread.</summary>
    private const int PooledMax = 256;

    [ThreadStatic]
    private static Stack<ProduceOperation>? t_pool;

    private readonly ReplicaManager _replicas;
    private readonly MetadataCache _metadata;
    private readonly ITransport _transport;
    private readonly MonotonicClock _clock;
    private long _expired;
    private ProduceHandover? _handover;

    public ProduceHandler(
        ReplicaManager replicas, MetadataCache metadata, DelayedOperationPurgatory purgatory, ITransport transport, MonotonicClock clock)
        : base(ApiKey.Produce)
    {
        _replicas = replicas;
        _metadata = metadata;
        Purgatory = purgatory;
        _transport = transport;
        _clock = clock;
    }

    /// <summary>Where produces wait for in-sync replicas.</summary>
    public DelayedOperationPurgatory Purgatory { get; }

    /// <summary>Partitions whose acknowledgement did not come in time (DelayedProduceMetrics).</summary>
    public long Expired => Interlocked.Read(ref _expired);

    internal void CountExpired() => Interlocked.Increment(ref _expired);

    /// <summary>Versions 0 to 2 are advertised though refused: librdkafka before 2.11.1 turns compression off otherwise
    /// (trap 6; Kafka ApiKeys.PRODUCE_API_VERSIONS_RESPONSE_MIN_VERSION, KAFKA-18659).</summary>
    public override short AdvertisedLowestVersion => 0;

    public override PendingResponse Handle(
        ClientConnection connection, in RequestArrival arrival, ref KafkaReader body, ReceiveBuffer buffer)
    {
        ProduceOperation operation = Rent();
        operation.Begin(connection, arrival);
        operation.Prepare();
        ProduceHandover? handover = Volatile.Read(ref _handover);
        if (handover is not null)
        {
            operation.Keep(ref body, buffer, _transport.Pool, handover);
        }
        try
        {
            operation.Request.Read(ref body, arrival.Version);
        }
        catch (MalformedRequestException)
        {
            operation.Forget();
            Return(operation);
            throw;
        }
        Resolve(operation);
        if (handover is not null)
        {
            HoldOrAppend(operation, handover);
            return operation;
        }
        long now = _clock.UnixMs;
        int current = _transport.CurrentOwnerThread;
        int owner = current < 0 ? -1 : OnlyOwner(operation, current);
        if (owner == current)
        {
            connection.Affinity.Streak = 0;
            operation.AppendAll(now);
            operation.Finish(isFirst: true);
            return operation;
        }
        MaybeMove(connection, operation, owner);
        operation.HandToOwners(_transport, current, buffer, now, isFirst: true);
        return operation;
    }

    private static void HoldOrAppend(ProduceOperation operation, ProduceHandover handover)
    {
        operation.Settling = true;   // before another thread may let it go on
        if (!handover.TryHold(operation))
        {
            operation.Settling = false;
            operation.AppendKept(isFirst: true);
        }
    }

    /// <summary>Appends what is kept here, or deals it to the threads that own the partitions. On the connection's thread.</summary>
    /// <returns>Whether other threads finish it.</returns>
    internal bool AppendOrDeal(ProduceOperation operation, ReceiveBuffer buffer, bool isFirst)
    {
        long now = _clock.UnixMs;
        int current = _transport.CurrentOwnerThread;
        if (current < 0 || OnlyOwner(operation, current) == current)
        {
            operation.AppendAll(now);
            return false;
        }
        operation.HandToOwners(_transport, current, buffer, now, isFirst);
        return true;
    }

    /// <summary>From now on requests are held, and then sent on to the brokers that lead next.</summary>
    public void HandOver(ProduceHandover handover) => Volatile.Write(ref _handover, handover);

    private void Resolve(ProduceOperation operation)
    {
        bool byId = operation.Arrival.Version >= 13;
        foreach (ProduceRequest.TopicProduceData data in operation.Request.TopicData)
        {
            HostedTopic? topic = byId
                ? _replicas.Partitions.Find(data.TopicId) : _replicas.Partitions.Find(data.Name.Span);
            ProduceResponse.TopicProduceResponse answer = AddTopic(operation.Response, data, topic);
            foreach (ProduceRequest.PartitionProduceData partition in data.PartitionData)
            {
                operation.AddPartition(topic?.Find(partition.Index));
                operation.AddResponse(answer, partition.Index);
            }
        }
    }

    /// <summary>The name must outlive the request's buffer: the broker's own bytes where it knows the topic.</summary>
    private static ProduceResponse.TopicProduceResponse AddTopic(
        ProduceResponse response, ProduceRequest.TopicProduceData data, HostedTopic? hosted)
    {
        if (!response.Responses.TryReuse(out ProduceResponse.TopicProduceResponse? topic))
        {
            topic = new ProduceResponse.TopicProduceResponse();
            response.Responses.Add(topic);
        }
        topic.Name = data.Name.IsEmpty ? default : hosted is not null ? hosted.Utf8 : data.Name.ToArray();
        topic.TopicId = data.TopicId;
        topic.PartitionResponses.Clear();
        return topic;
    }

    /// <summary>The thread that owns all partitions of a request; -1 when there are several.</summary>
    private static int OnlyOwner(ProduceOperation operation, int current)
    {
        int only = -2;
        for (int i = 0; i < operation.PartitionCount; i++)
        {
            int owner = operation.PartitionAt(i)?.OwnerThread ?? current;
            if (only == -2)
            {
                only = owner;
            }
            else if (only != owner)
            {
                return -1;
            }
        }
        return only == -2 ? current : only;
    }

    private void MaybeMove(ClientConnection connection, ProduceOperation operation, int owner)
    {
        if (connection.Affinity.Leans(owner))
        {
            operation.Settling = true;
            _transport.Migrate(connection.Transport, owner);
        }
    }

    /// <summary>Appends one partition's batch and fills its answer. On the partition's owner thread.</summary>
    internal void AppendOne(
        ProduceOperation operation, ProduceRequest.TopicProduceData topic, ProduceRequest.PartitionProduceData data,
        int index, ProduceResponse.PartitionProduceResponse response, long nowMs)
    {
        Partition? partition = operation.PartitionAt(index);
        if (operation.Request.Acks is < -1 or > 1)
        {
            response.ErrorCode = ErrorCode.InvalidRequiredAcks;
            return;
        }
        if (partition is null)
        {
            response.ErrorCode = MissingError(operation, topic, data.Index);
            string name = NameOf(operation, topic);
            Hint(operation, response, name, data.Index);
            SendOn(operation, new TopicPartition(name, data.Index), data, response);
            return;
        }
        AppendResult result = partition.AppendAsLeader(
            MemoryMarshal.AsMemory(data.Records.Memory).Span, operation.Arrival.Version, nowMs, operation.Request.Acks);
        response.ErrorCode = result.Error;
        response.BaseOffset = result.BaseOffset;
        response.LogAppendTimeMs = result.LogAppendTimeMs;
        response.LogStartOffset = result.LogStartOffset;
        if (result.Error == ErrorCode.None)
        {
            partition.Topic.Metrics.Produced(result.Records, result.Bytes);
            if (result.ConvertedRecords > 0)
            {
                operation.Converted(partition.Topic.Metrics, result);
            }
            if (operation.Request.Acks == Partition.AllReplicas)
            {
                operation.Await(index, result.LastOffset + 1, result.LeaderEpoch);
            }
            partition.WakeFetches();
            return;
        }
        Refused(operation, partition, data, response, result);
        if (result.Error == ErrorCode.DuplicateSequenceNumber && operation.Request.Acks == Partition.AllReplicas)
        {
            // It says that the batch is there, and so is an acknowledgement.
            operation.Await(index, result.LastOffset + 1, result.LeaderEpoch);
        }
        SendOn(operation, partition.Id, data, response);
    }

    private static void SendOn(
        ProduceOperation operation, TopicPartition partition, ProduceRequest.PartitionProduceData data,
        ProduceResponse.PartitionProduceResponse response)
    {
        if (response.ErrorCode == ErrorCode.NotLeaderOrFollower)
        {
            operation.Handover?.TrySendOn(operation, partition, data, response);
        }
    }

    private void Refused(
        ProduceOperation operation, Partition partition, ProduceRequest.PartitionProduceData data,
        ProduceResponse.PartitionProduceResponse response, in AppendResult result)
    {
        ProduceFaults.Count(_replicas.Partitions.AllTopics, partition.Topic.Metrics, data.Records.Length, result);
        response.ErrorMessage = result.ErrorMessage;
        if (result.RecordErrors is { } errors)
        {
            response.RecordErrors.AddRange(errors.Select(e => new ProduceResponse.BatchIndexAndErrorMessage
            {
                BatchIndex = e.BatchIndex,
                BatchIndexErrorMessage = e.Message,
            }));
        }
        if (result.Error == ErrorCode.NotLeaderOrFollower)
        {
            Hint(operation, response, partition.Topic.Name, partition.Index);
        }
    }

    private ErrorCode MissingError(ProduceOperation operation, ProduceRequest.TopicProduceData topic, int partition)
    {
        MetadataImage image = _metadata.Current;
        if (operation.Arrival.Version >= 13)
        {
            return image.Topic(topic.TopicId) is { } known
                ? _replicas.MissingPartitionError(image, known.Name, partition) : ErrorCode.UnknownTopicId;
        }
        return _replicas.MissingPartitionError(image, Encoding.UTF8.GetString(topic.Name.Span), partition);
    }

    private string NameOf(ProduceOperation operation, ProduceRequest.TopicProduceData topic) =>
        operation.Arrival.Version >= 13 ? _metadata.Current.Topic(topic.TopicId)?.Name ?? "" : Encoding.UTF8.GetString(topic.Name.Span);

    /// <summary>Tells the client where the leader is now (KIP-951, trap 19).</summary>
    internal void Hint(ProduceOperation operation, ProduceResponse.PartitionProduceResponse response, string topic, int partition)
    {
        if (response.ErrorCode != ErrorCode.NotLeaderOrFollower || operation.Arrival.Version < 10)
        {
            return;
        }
        MetadataImage image = _metadata.Current;
        if (image.Partition(topic, partition) is not { } state)
        {
            return;
        }
        (int leader, int epoch) = _replicas.CurrentLeader(new TopicPartition(topic, partition), state);
        response.CurrentLeader = new() { LeaderId = leader, LeaderEpoch = epoch };
        if (image.Brokers.GetValueOrDefault(leader) is { } broker
            && broker.On(operation.Connection.Transport.Listener) is { } endpoint)
        {
            lock (operation.Response.NodeEndpoints)   // several owner threads may have a hint
            {
                if (!operation.Response.NodeEndpoints.Any(n => n.NodeId == broker.Id))
                {
                    operation.Response.NodeEndpoints.Add(
                        new() { NodeId = broker.Id, Host = endpoint.Host, Port = endpoint.Port, Rack = broker.Rack });
                }
            }
        }
    }

    private ProduceOperation Rent()
    {
        Stack<ProduceOperation> pool = t_pool ??= new();
        return pool.TryPop(out ProduceOperation? kept) && kept.BelongsTo(this) ? kept : new ProduceOperation(this);
    }

    internal void Return(ProduceOperation operation)
    {
        Stack<ProduceOperation> pool = t_pool ??= new();
        if (pool.Count < PooledMax)
        {
            pool.Push(operation);
        }
    }
}
