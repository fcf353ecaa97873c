namespace Broker.Engine.Coordination.Server;

/// <summary>What a server of the tree counts, as ZooKeeper's mntr tells it. Thread-safe.</summary>
internal sealed class ServedFigures
{
    private long _received;
    private long _sent;
    private long _bytesReceived;
    private long _bytesSent;
    private long _handshakes;
    private long _rejected;
    private long _authFailures;
    private long _dropped;
    private int _lastResponseBytes = -1;
    private int _minResponseBytes = -1;
    private int _maxResponseBytes = -1;

    public LatencyFigures All { get; } = new();

    public LatencyFigures Reads { get; } = new();

    public LatencyFigures Writes { get; } = new();

    public long Received => Interlocked.Read(ref _received);

    public long Sent => Interlocked.Read(ref _sent);

    public long BytesReceived => Interlocked.Read(ref _bytesReceived);

    public long BytesSent => Interlocked.Read(ref _bytesSent);

    /// <summary>Sessions asked for.</summary>
    public long Handshakes => Interlocked.Read(ref _handshakes);

    /// <summary>Connections that were not taken: there are too many.</summary>
    public long Rejected => Interlocked.Read(ref _rejected);

    public long AuthFailures => Interlocked.Read(ref _authFailures);

    /// <summary>Connections that ended.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Bytes of answers: the last, the shortest and the longest; -1 before the first.</summary>
    public (int Last, int Min, int Max) ResponseBytes =>
        (Volatile.Read(ref _lastResponseBytes), Volatile.Read(ref _minResponseBytes), Volatile.Read(ref _maxResponseBytes));

    public void OnReceived(int bytes)
    {
        Interlocked.Increment(ref _received);
        Interlocked.Add(ref _bytesReceived, bytes);
    }

    public void OnSent(int bytes)
    {
        Interlocked.Increment(ref _sent);
        Interlocked.Add(ref _bytesSent, bytes);
        _lastResponseBytes = bytes;
        _minResponseBytes = _minResponseBytes < 0 ? bytes : Math.Min(_minResponseBytes, bytes);
        _maxResponseBytes = Math.Max(_maxResponseBytes, bytes);
    }

    public void OnHandshake() => Interlocked.Increment(ref _handshakes);

    public void OnRejected() => Interlocked.Increment(ref _rejected);

    public void OnAuthFailed() => Interlocked.Increment(ref _authFailures);

    public void OnDropped() => Interlocked.Increment(ref _dropped);

    /// <summary>Begins anew what srst of ZooKeeper begins anew.</summary>
    public void Reset()
    {
        Interlocked.Exchange(ref _received, 0);
        Interlocked.Exchange(ref _sent, 0);
        All.Reset();
        Reads.Reset();
        Writes.Reset();
    }
}
