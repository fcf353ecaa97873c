using System.Diagnostics;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Produce;

/// <summary>A request that came while the broker hands its leaderships over keeps its bytes until it is answered: another may have
/// to get them.</summary>
internal sealed partial class ProduceOperation
{
    private ReceiveBuffer? _kept;
    private int _sentOn;

    /// <summary>Where batches go that this broker does not lead any more; null unless it is about to stop.</summary>
    public ProduceHandover? Handover { get; private set; }

    /// <summary>Keeps the bytes.</summary>
    public void Keep(ReceiveBuffer buffer, ProduceHandover handover)
    {
        buffer.AddReference();
        _kept = buffer;
        _sentOn = 1;
        Handover = handover;
        Connection.ProducesStill = true;
    }

    /// <summary>Appends, on the connection's thread, after having been held. Thread-safe.</summary>
    public void GoOn() => Connection.Transport.Post(new Held(this));

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
        if (Handover is not null)
        {
            if (Interlocked.Decrement(ref _sentOn) > 0)
            {
                return;
            }
            Forget();
        }
        if (isFirst)
        {
            ReadyNow(now);
        }
        else
        {
            Complete(now);
        }
    }

    private void Forget()
    {
        _anyError = Response.Responses.Any(t => t.PartitionResponses.Any(p => p.ErrorCode != ErrorCode.None));
        Handover = null;
        _kept!.Release();
        _kept = null;
    }

    private sealed class Held(ProduceOperation operation) : ConnectionWork
    {
        protected internal override void Run() => operation._handler.Append(operation, operation._kept!);
    }
}
