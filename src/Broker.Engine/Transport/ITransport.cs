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

    /// <summary>The limits on connections; they can be changed.</summary>
    ConnectionQuotas Quotas { get; }

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

/// <summary>One network thread: connections it serves, and what it counted since its start. Times are in timestamps of
/// <see cref="System.Diagnostics.Stopwatch"/>; two snapshots tell what share of the time between them it waited.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Connections">Open now.</param>
/// <param name="Accepted">Connections that came, by listener.</param>
/// <param name="Closed">Connections that ended, by listener.</param>
/// <param name="Expired">Connections closed for idleness.</param>
/// <param name="Rounds">Times it looked for work (Kafka: selects).</param>
/// <param name="WaitedTicks">Time it waited.</param>
/// <param name="AtTicks">When the snapshot was taken.</param>
/// <param name="QueuedWork">Work that other threads posted and it has not taken yet.</param>
internal sealed record NetworkThreadSnapshot(
    int Index, int Connections, IReadOnlyList<long> Accepted, IReadOnlyList<long> Closed, long Expired, long Rounds, long WaitedTicks,
    long AtTicks, int QueuedWork);

internal sealed record TransportSnapshot(
    IReadOnlyList<NetworkThreadSnapshot> Threads, long ExpiredConnectionsKilled, long RequestBytesRented);
