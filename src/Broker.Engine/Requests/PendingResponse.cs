using Broker.Engine.Network;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Requests;

/// <summary>
/// A request's place in the order of its connection's answers, from its arrival until its answer is written. Operations of
/// the hot path are kept and used again. <see cref="Complete"/> is thread-safe; the rest belongs to the connection's thread.
/// </summary>
internal abstract class PendingResponse
{
    private volatile bool _ready;

    /// <summary>The next of the connection, in order of arrival.</summary>
    internal PendingResponse? NextPending;

    public ClientConnection Connection { get; private set; } = null!;

    /// <summary>The request's header: what the answer's is made from.</summary>
    public RequestArrival Arrival;

    /// <summary>Whether the answer can be written.</summary>
    public bool IsReady => _ready;

    /// <summary>Timestamp of the moment a worker took the request; 0 when its network thread served it at once.</summary>
    public long TakenAt { get; protected set; }

    /// <summary>Time that converting its records took, in units of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public long ConversionTicks { get; set; }

    /// <summary>Memory that converting its records took.</summary>
    public long TemporaryBytes { get; set; }

    /// <summary>Timestamp of the moment the broker's own work on the request ended and waiting began.</summary>
    public long LocalDoneAt { get; set; }

    /// <summary>Timestamp of the moment the answer was ready.</summary>
    public long ReadyAt { get; private set; }

    /// <summary>Whether the connection's next request may begin before this one is answered. Produce may: batches are
    /// appended in order of arrival whatever is still to be acknowledged.</summary>
    public virtual bool AllowsPipelining => false;

    /// <summary>False for a request that has no answer (acks=0).</summary>
    public virtual bool HasResponse => true;

    /// <summary>Whether writing the answer is work that counts, as a look-up of what to send.</summary>
    public virtual bool WorksWhileWriting => false;

    /// <summary>Whether it is a follower's Fetch, which is counted apart.</summary>
    public virtual bool IsFollowerFetch => false;

    /// <summary>Whether the connection must be closed once this is written: the one way to tell an acks=0 producer of an
    /// error.</summary>
    public virtual bool ClosesConnection => false;

    protected internal void Begin(ClientConnection connection, in RequestArrival arrival)
    {
        Connection = connection;
        Arrival = arrival;
        NextPending = null;
        TakenAt = 0;
        ConversionTicks = 0;
        TemporaryBytes = 0;
        LocalDoneAt = 0;
        ReadyAt = 0;
        _ready = false;
    }

    /// <summary>Marks the answer as ready on the connection's thread, before <see cref="ClientConnection"/> has it.</summary>
    public void ReadyNow(long timestamp)
    {
        ReadyAt = timestamp;
        _ready = true;
    }

    /// <summary>Marks the answer as ready and lets the connection's thread write it. Thread-safe; once.</summary>
    public void Complete(long timestamp)
    {
        ReadyAt = timestamp;
        _ready = true;
        Connection.PostCompleted();
    }

    /// <summary>Writes the answer's body.</summary>
    protected internal abstract void Write(KafkaWriter writer);

    /// <summary>Tells the counter every error code of the answer that was written.</summary>
    protected internal abstract void CountErrors(IErrorCounter counter);

    /// <summary>The answer is written, or never will be: gives the operation back.</summary>
    protected internal abstract void Release();

    /// <summary>The connection is closed or closing: stop waiting. If the operation can be stopped it is ready, or
    /// never will complete, when this returns true.</summary>
    protected internal virtual bool TryAbandon() => false;
}

/// <summary>What is known of a request when it arrives.</summary>
/// <param name="ApiKey">The API.</param>
/// <param name="Version">Its version.</param>
/// <param name="CorrelationId">Echoed in the answer.</param>
/// <param name="ResponseHeaderVersion">0 or 1.</param>
/// <param name="Bytes">Size of the frame.</param>
/// <param name="ReceivedAt">Timestamp of its arrival.</param>
internal readonly record struct RequestArrival(
    short ApiKey, short Version, int CorrelationId, short ResponseHeaderVersion, int Bytes, long ReceivedAt);
