using System.Diagnostics;
using System.Text;
using Broker.Engine.Diagnostics;
using Broker.Engine.Requests;
using Broker.Engine.Storage.Files;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Wire;

namespace Broker.Engine.Network;

/// <summary>
/// One client: takes its frames to the dispatcher and its answers out in the order of the requests (trap 8). Requests that
/// allow it are pipelined; after any other the connection is not read until the answer is out, as Kafka mutes a channel.
/// Belongs to the connection's thread.
/// </summary>
internal sealed class ClientConnection : IConnectionHandler
{
    /// <summary>Produce requests of one connection that may wait for their acknowledgement at a time.</summary>
    public const int PipelinedMax = 64;

    private readonly RequestDispatcher _dispatcher;
    private readonly CompletedWork _completed;
    private readonly int _listener;
    private byte[] _clientIdBytes = [];
    private PendingResponse? _oldest;
    private PendingResponse? _newest;
    private int _pending;
    private UnsentAnswer[] _unsent = [];
    private int _unsentCount;
    private bool _paused;
    private int _resumeAt;
    private bool _closed;

    public ClientConnection(TransportConnection transport, RequestDispatcher dispatcher, long id)
    {
        Transport = transport;
        _listener = dispatcher.Metrics.IndexOf(transport.Listener);
        _dispatcher = dispatcher;
        _completed = new CompletedWork(this);
        Id = id;
    }

    public long Id { get; }

    public TransportConnection Transport { get; }

    /// <summary>The client id of the last request; empty when it has none.</summary>
    public string ClientId { get; private set; } = "";

    /// <summary>What ApiVersions v3+ said of the client (KIP-511).</summary>
    public string ClientSoftwareName { get; set; } = "unknown";

    public string ClientSoftwareVersion { get; set; } = "unknown";

    public string ClientHost => field ??= Transport.Remote.Address.ToString();

    /// <summary>Where the hot handlers keep what they know of this connection between requests; theirs alone.</summary>
    public ConnectionAffinity Affinity;

    /// <summary>Whether it has produced since the broker began to hand its leaderships over.</summary>
    public bool ProducesStill { get; set; }

    public bool IsIdle => _pending == 0;

    /// <summary>Closes the connection unless something of it is under way: a client that waits for nothing goes elsewhere at once,
    /// where one whose request is lost pauses first. Thread-safe.</summary>
    public void CloseIfQuiet() => Transport.Post(new QuietClose(this));

    public FrameVerdict OnFrame(ReceiveBuffer buffer, int offset, int length)
    {
        PendingResponse? response;
        try
        {
            response = _dispatcher.Dispatch(this, buffer, offset, length);
        }
        catch (MalformedRequestException e)
        {
            _dispatcher.LogMalformed(this, e);
            return FrameVerdict.Close;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _dispatcher.LogFailed(this, e);   // a bug or a failed disk: it costs this connection, not the thread
            return FrameVerdict.Close;
        }
        if (response is null)
        {
            return FrameVerdict.Close;
        }
        if (response.IsReady && _oldest is null)
        {
            return Write(response, response.ReadyAt) ? FrameVerdict.Close : FrameVerdict.Next;
        }
        Enqueue(response);
        _paused = !response.AllowsPipelining || _pending >= PipelinedMax;
        _resumeAt = response.AllowsPipelining ? PipelinedMax / 2 : 0;
        return _paused ? FrameVerdict.Pause : FrameVerdict.Next;
    }

    /// <summary>A request has failed as none should. Thread-safe.</summary>
    internal void LogFailed(Exception e) => _dispatcher.LogFailed(this, e);

    /// <summary>An answer has become ready; its order may still have to be waited for. Thread-safe.</summary>
    internal void PostCompleted() => _completed.PostOnce();

    private void OnCompleted()
    {
        bool close = false;
        while (_oldest is { IsReady: true } response && !close)
        {
            _oldest = response.NextPending;
            _newest = _oldest is null ? null : _newest;
            _pending--;
            if (_closed)
            {
                response.Release();
            }
            else
            {
                close = Write(response, Stopwatch.GetTimestamp());
            }
        }
        if (_closed)
        {
            return;
        }
        if (close)
        {
            Transport.Flush();
            Transport.RequestClose("closed by the broker");
        }
        else if (_paused && _pending <= _resumeAt)
        {
            _paused = false;
            Transport.Resume();
        }
        else
        {
            Transport.Flush();
        }
    }

    public void OnPeerClosing() => AbandonAll();

    public void OnClosed(string reason)
    {
        _closed = true;
        AbandonAll();
        _dispatcher.OnConnectionClosed(this, reason);
    }

    /// <summary>Keeps the client id as a string, made anew only when its bytes change.</summary>
    internal void SetClientId(ReadOnlyMemory<byte>? clientId)
    {
        ReadOnlySpan<byte> bytes = clientId is { } given ? given.Span : default;
        if (!bytes.SequenceEqual(_clientIdBytes))
        {
            _clientIdBytes = bytes.ToArray();
            ClientId = Encoding.UTF8.GetString(bytes);
        }
    }

    private void AbandonAll()
    {
        for (PendingResponse? response = _oldest; response is not null;)
        {
            PendingResponse? next = response.NextPending;
            response.TryAbandon();
            response = next;
        }
        OnCompleted();
    }

    private void Enqueue(PendingResponse response)
    {
        if (_newest is null)
        {
            _oldest = response;
        }
        else
        {
            _newest.NextPending = response;
        }
        _newest = response;
        _pending++;
    }

    /// <summary>Writes an answer and gives the operation back; true when the connection must be closed then.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="began">Timestamp of the moment its turn came.</param>
    private bool Write(PendingResponse response, long began)
    {
        bool close = response.ClosesConnection;
        long bytes = 0;
        if (response.HasResponse)
        {
            close |= !TryWrite(response, out bytes);
        }
        Book(response, began, bytes);
        response.Release();
        return close;
    }

    /// <summary>Writes an answer; one that cannot be written leaves nothing behind in an output that others share.</summary>
    private bool TryWrite(PendingResponse response, out long bytes)
    {
        KafkaWriter writer = Transport.Output;
        int sizeAt = writer.ReserveInt32();
        int splices = writer.Splices.Count;
        long before = writer.Length;
        try
        {
            RequestHeader.WriteResponse(writer, response.Arrival.CorrelationId, response.Arrival.ResponseHeaderVersion);
            response.Write(writer);
            writer.PatchInt32(sizeAt, (int)(writer.Length - before));
            bytes = writer.Length - before + sizeof(int);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            for (int i = splices; i < writer.Splices.Count; i++)
            {
                ((FileRegion)writer.Splices[i].Region).ReleaseReference();
            }
            writer.Truncate(sizeAt, splices);
            _dispatcher.LogFailed(this, e);
            bytes = 0;
            return false;
        }
    }

    private void Book(PendingResponse response, long began, long bytes)
    {
        long wroteAt = response.WorksWhileWriting ? Stopwatch.GetTimestamp() : began;
        RequestShard shard = _dispatcher.Metrics.Record(Transport.NetworkThread, response, began, wroteAt, _listener, bytes);
        if (bytes == 0)
        {
            _dispatcher.Metrics.Sent(shard, response.Arrival.ReceivedAt, wroteAt, wroteAt);
            return;
        }
        if (_unsentCount == _unsent.Length)
        {
            Array.Resize(ref _unsent, Math.Max(1, _unsentCount * 2));
        }
        _unsent[_unsentCount++] = new UnsentAnswer(shard, response.Arrival.ReceivedAt, wroteAt);
    }

    public void OnSent()
    {
        if (_unsentCount == 0)
        {
            return;
        }
        long now = Stopwatch.GetTimestamp();
        foreach (ref UnsentAnswer answer in _unsent.AsSpan(0, _unsentCount))
        {
            _dispatcher.Metrics.Sent(answer.Shard, answer.ReceivedAt, answer.WroteAt, now);
        }
        _unsentCount = 0;
    }

    /// <summary>An answer that the socket has not taken yet.</summary>
    private readonly record struct UnsentAnswer(RequestShard Shard, long ReceivedAt, long WroteAt);

    private sealed class QuietClose(ClientConnection connection) : ConnectionWork
    {
        protected internal override void Run()
        {
            if (connection.Transport.IsCurrentThread && !connection._closed && connection.IsIdle)
            {
                connection.Transport.CloseIfQuiet("the broker hands over");
            }
        }
    }

    /// <summary>Writes what is ready. One node a connection: posted while it waits in the queue, it says nothing new.</summary>
    private sealed class CompletedWork(ClientConnection connection) : ConnectionWork
    {
        private int _posted;

        internal void PostOnce()
        {
            if (Interlocked.Exchange(ref _posted, 1) == 0)
            {
                connection.Transport.Post(this);
            }
        }

        protected internal override void Run()
        {
            if (!connection.Transport.IsCurrentThread)
            {
                connection.Transport.Post(this);   // it has moved since
                return;
            }
            Interlocked.Exchange(ref _posted, 0);
            connection.OnCompleted();
        }
    }
}

/// <summary>Which owner thread a connection's requests have been for.</summary>
internal struct ConnectionAffinity
{
    /// <summary>Requests in a row that went to one other thread, after which the connection moves there.</summary>
    public const int MoveAfterRequests = 4;

    public int Owner;
    public int Streak;

    /// <summary>Counts a request for another thread, -1 for several; true when the connection should move there.</summary>
    public bool Leans(int owner)
    {
        if (owner < 0 || owner != Owner)
        {
            Owner = owner;
            Streak = 0;
            return false;
        }
        if (++Streak < MoveAfterRequests)
        {
            return false;
        }
        Streak = 0;
        return true;
    }
}
