using System.Diagnostics;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Handlers.Produce;

/// <summary>A request that came while the broker hands its leaderships over keeps its bytes until it is answered: another may have
/// to get them.</summary>
internal sealed partial class ProduceOperation
{
    private ReceiveBuffer? _kept;
    private int _sentOn;

    /// <summary>Where batches go that this broker does not lead any more; null unless it is about to stop.</summary>
    public ProduceHandover? Handover { get; private set; }

    /// <summary>Keeps the request's bytes.</summary>
    /// <param name="body">The request; from now on of the bytes that are kept.</param>
    /// <param name="buffer">Where it was received.</param>
    /// <param name="pool">For the copy.</param>
    /// <param name="handover">Where batches go that this broker does not lead.</param>
    public void Keep(ref KafkaReader body, ReceiveBuffer buffer, BufferPool pool, ProduceHandover handover)
    {
        int length = body.Remaining;
        (_kept, int at) = pool.Keep(buffer, body.ArrayPosition, length);
        body = new KafkaReader(_kept.Array, at, length);
        _sentOn = 1;
        Handover = handover;
        Connection.ProducesStill = true;
    }

    /// <summary>Lets go of the bytes, where they are kept: everybody has answered, or the request cannot be read.</summary>
    public void Forget()
    {
        if (_kept is not null)
        {
            _anyError = Response.Responses.Any(t => t.PartitionResponses.Any(p => p.ErrorCode != ErrorCode.None));
            Handover = null;
            _kept.Release();
            _kept = null;
        }
    }

    /// <summary>Appends, on the connection's thread, after having been held. Thread-safe.</summary>
    public void GoOn() => Connection.Transport.Post(new Held(this));

    /// <summary>Appends on the connection's thread. What should not happen costs the connection, not those that wait behind.</summary>
    /// <param name="isFirst">The connection does not have the operation yet.</param>
    public void AppendKept(bool isFirst)
    {
        try
        {
            if (_handler.AppendOrDeal(this, _kept!, isFirst))
            {
                return;
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Connection.LogFailed(e);
            _failed = true;
        }
        Finish(isFirst);
    }

    /// <summary>A batch goes to another broker.</summary>
    public void SendingOn() => Interlocked.Increment(ref _sentOn);

    /// <summary>That broker has answered. Thread-safe.</summary>
    public void SentOn()
    {
        if (Interlocked.Decrement(ref _sentOn) == 0)
        {
            Forget();
            Complete(Stopwatch.GetTimestamp());
        }
    }

    /// <summary>The request is appended and acknowledged as far as this broker leads: the answer goes out, when other brokers have
    /// answered too.</summary>
    private void Settle(long now, bool isFirst)
    {
        if (Handover is not null && Interlocked.Decrement(ref _sentOn) > 0)
        {
            return;
        }
        Forget();
        if (isFirst)
        {
            ReadyNow(now);
        }
        else
        {
            Complete(now);
        }
    }

    private sealed class Held(ProduceOperation operation) : ConnectionWork
    {
        protected internal override void Run() => operation.AppendKept(isFirst: false);
    }
}
