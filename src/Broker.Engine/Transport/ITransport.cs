using System.Net;
using Broker.Engine.Transport.Buffers;

namespace Broker.Engine.Transport;

/// <summary>
/// The bytes below the protocol: accepts connections, cuts frames, sends answers. Two implementations: the epoll reactor of
/// Linux, and portable sockets. Thread-safe.
/// </summary>
internal interface ITransport : IDisposable
{
    /// <summary>Network threads that can own partitions; 0 where connections have no fixed thread.</summary>
    int OwnerThreads { get; }

    /// <summary>Where memory for requests comes from.</summary>
    BufferPool Pool { get; }

    /// <summary>The end points that are open, in the order of the options: port 0 has become a real one.</summary>
    IReadOnlyList<IPEndPoint> EndPoints { get; }

    /// <summary>Opens the listeners; connections wait in the backlog until <see cref="Start"/>.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">An address is in use or not to be had.</exception>
    void Bind();

    /// <summary>Serves.</summary>
    void Start(ConnectionFactory connections);

    /// <summary>Runs <paramref name="work"/> on an owner thread.</summary>
    void Post(int ownerThread, ConnectionWork work);

    /// <summary>Index of the owner thread that calls, or -1.</summary>
    int CurrentOwnerThread { get; }

    /// <summary>Asks for the connection to be served by another owner thread, once nothing of it is pending.</summary>
    void Migrate(TransportConnection connection, int ownerThread);

    /// <summary>Figures for metrics and the console.</summary>
    TransportSnapshot Snapshot();
}

/// <summary>One network thread: connections it serves and the share of time it waited, in 0..1 since the last snapshot.</summary>
internal sealed record NetworkThreadSnapshot(int Index, int Connections, long Accepted, long Closed, double IdleRatio);

internal sealed record TransportSnapshot(
    IReadOnlyList<NetworkThreadSnapshot> Threads, long ExpiredConnectionsKilled, long RequestBytesRented);
