using Broker.Engine.Diagnostics;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Handlers.Produce;

/// <summary>
/// One Produce request. Each of its partitions is appended to by the thread that owns it: here at once, elsewhere by a
/// hand-over that carries the request with its buffer; the last thread to finish completes the answer. Operations, with
/// all their lists, are used again, so that a request allocates nothing.
/// </summary>
internal sealed partial class ProduceOperation : PendingResponse
{
    private readonly ProduceHandler _handler;
    private Partition?[] _partitions = new Partition?[4];
    private HandOver[] _handOvers = [];
    private ReceiveBuffer? _buffer;
    private int _threadsLeft;
    private bool _anyError;
    private volatile bool _failed;

    public ProduceOperation(ProduceHandler handler)
    {
        _handler = handler;
        _delayed = new DelayedProduce(this);
    }

    public bool BelongsTo(ProduceHandler handler) => _handler == handler;

    public ProduceRequest Request { get; } = new();

    public ProduceResponse Response { get; } = new();

    public override bool AllowsPipelining => !Settling;

    /// <summary>The connection is to be held until nothing of it is pending, so that it can move to another thread.</summary>
    public bool Settling { get; set; }

    public override bool HasResponse => Request.Acks != 0 && !_failed;

    public override bool ClosesConnection => _failed || (Request.Acks == 0 && _anyError);

    public int PartitionCount { get; private set; }

    /// <summary>Enters the partition of the next entry, in the order of the request; null when it is not here.</summary>
    public void AddPartition(Partition? partition)
    {
        if (PartitionCount == _partitions.Length)
        {
            Array.Resize(ref _partitions, PartitionCount * 2);
            Array.Resize(ref _awaited, PartitionCount * 2);
        }
        _awaited[PartitionCount] = default;
        _partitions[PartitionCount++] = partition;
    }

    public Partition? PartitionAt(int index) => _partitions[index];

    public void Prepare()
    {
        PartitionCount = 0;
        _anyError = false;
        _failed = false;
        Settling = false;
        Response.ThrottleTimeMs = 0;
        Response.NodeEndpoints.Clear();
        Response.Responses.Clear();
    }

    /// <summary>The place of an entry's answer: made up front, so that several threads may fill theirs.</summary>
    public ProduceResponse.PartitionProduceResponse AddResponse(ProduceResponse.TopicProduceResponse topic, int partition)
    {
        if (!topic.PartitionResponses.TryReuse(out ProduceResponse.PartitionProduceResponse? response))
        {
            response = new ProduceResponse.PartitionProduceResponse();
            topic.PartitionResponses.Add(response);
        }
        response.Index = partition;
        response.ErrorCode = ErrorCode.None;
        response.BaseOffset = -1;
        response.LogAppendTimeMs = -1;
        response.LogStartOffset = -1;
        response.ErrorMessage = null;
        response.CurrentLeader = null;
        response.RecordErrors.Clear();
        return response;
    }

    /// <summary>Appends to every partition on this thread.</summary>
    public void AppendAll(long nowMs) => Append(owner: -1, nowMs);

    /// <summary>Deals the partitions to their owners; those of <paramref name="current"/> are appended to now.</summary>
    public void HandToOwners(ITransport transport, int current, ReceiveBuffer buffer, long nowMs, bool isFirst)
    {
        if (_handOvers.Length < transport.OwnerThreads)
        {
            _handOvers = [.. Enumerable.Range(0, transport.OwnerThreads).Select(i => new HandOver(this, i))];
        }
        ulong owners = 0;
        for (int i = 0; i < PartitionCount; i++)
        {
            // A partition that is not here is answered by whoever has the connection.
            owners |= 1ul << (_partitions[i]?.OwnerThread ?? current);
        }
        _threadsLeft = System.Numerics.BitOperations.PopCount(owners);
        buffer.AddReference();
        _buffer = buffer;
        for (int owner = 0; owner < transport.OwnerThreads; owner++)
        {
            if (owner != current && (owners & (1ul << owner)) != 0)
            {
                _handOvers[owner].NowMs = nowMs;
                transport.Post(owner, _handOvers[owner]);
            }
        }
        if ((owners & (1ul << current)) != 0)
        {
            Append(current, nowMs);
            ThreadDone(isFirst);
        }
    }

    private void ThreadDone(bool mayBeFirst)
    {
        if (Interlocked.Decrement(ref _threadsLeft) > 0)
        {
            return;
        }
        _buffer!.Release();
        _buffer = null;
        Finish(isFirst: mayBeFirst);
    }

    /// <summary>Counts a batch that was written anew.</summary>
    public void Converted(TopicMetrics topic, in AppendResult result)
    {
        topic.Mark(TopicMeter.ProduceMessageConversions, result.ConvertedRecords);
        lock (Response)   // several owner threads may convert
        {
            ConversionTicks += result.ConversionTicks;
            TemporaryBytes += result.TemporaryBytes;
        }
    }

    private void Append(int owner, long nowMs)
    {
        int index = 0;
        for (int t = 0; t < Request.TopicData.Count; t++)
        {
            ProduceRequest.TopicProduceData topic = Request.TopicData[t];
            for (int p = 0; p < topic.PartitionData.Count; p++, index++)
            {
                Partition? partition = _partitions[index];
                if (owner >= 0 && (partition?.OwnerThread ?? Connection.Transport.NetworkThread) != owner)
                {
                    continue;
                }
                ProduceResponse.PartitionProduceResponse response = Response.Responses[t].PartitionResponses[p];
                _handler.AppendOne(this, topic, topic.PartitionData[p], index, response, nowMs);
                if (response.ErrorCode != ErrorCode.None)
                {
                    _anyError = true;
                }
            }
        }
    }

    protected internal override void Write(KafkaWriter writer) => Response.Write(writer, Arrival.Version);

    protected internal override void CountErrors(IErrorCounter counter)
    {
        if (_anyError)
        {
            Response.CountErrors(counter, Arrival.Version);
        }
        else
        {
            counter.Add(ErrorCode.None, PartitionCount);
        }
    }

    protected internal override void Release()
    {
        Array.Clear(_partitions, 0, PartitionCount);
        _handler.Return(this);
    }

    /// <summary>The part of a request that goes to another thread.</summary>
    private sealed class HandOver(ProduceOperation operation, int owner) : ConnectionWork
    {
        public long NowMs;

        protected internal override void Run()
        {
            try
            {
                operation.Append(owner, NowMs);
            }
            catch
            {
                operation._failed = true;
                throw;   // the thread logs it
            }
            finally
            {
                operation.ThreadDone(mayBeFirst: false);
            }
        }
    }
}
