using System.Net;

namespace Broker.Engine.Transport;

/// <summary>One listener to open.</summary>
internal sealed record ListenerOptions(string Name, IPEndPoint EndPoint, int Backlog);

/// <summary>What a transport needs to know; every limit has Kafka's name.</summary>
internal sealed record TransportOptions
{
    /// <summary>Name of the broker's threads: <c>broker-0</c>.</summary>
    public required string Name { get; init; }

    public required IReadOnlyList<ListenerOptions> Listeners { get; init; }

    /// <summary>num.network.threads.</summary>
    public required int NetworkThreads { get; init; }

    /// <summary>socket.request.max.bytes: a frame above it costs the connection.</summary>
    public int FrameBytesMax { get; init; } = 100 * 1024 * 1024;

    /// <summary>max.connections, over all listeners of the broker.</summary>
    public int ConnectionsMax { get; init; } = int.MaxValue;

    /// <summary>max.connections.per.ip.</summary>
    public int ConnectionsPerIpMax { get; init; } = int.MaxValue;

    /// <summary>max.connections.per.ip.overrides.</summary>
    public IReadOnlyDictionary<IPAddress, int> ConnectionsPerIpOverrides { get; init; } = new Dictionary<IPAddress, int>();

    /// <summary>max.connection.creation.rate: new connections a second.</summary>
    public int ConnectionRateMax { get; init; } = int.MaxValue;

    /// <summary>connections.max.idle.ms; negative for never.</summary>
    public long IdleMsMax { get; init; } = 600_000;

    /// <summary>queued.max.request.bytes; negative for no limit.</summary>
    public long RequestBytesMax { get; init; } = -1;

    /// <summary>queued.max.requests: requests that wait for a worker, beyond which connections are not read.</summary>
    public int QueuedRequestsMax { get; init; } = int.MaxValue;

    /// <summary>socket.send.buffer.bytes; -1 leaves it to the system.</summary>
    public int SendBufferBytes { get; init; } = -1;

    /// <summary>socket.receive.buffer.bytes; -1 leaves it to the system.</summary>
    public int ReceiveBufferBytes { get; init; } = -1;

    /// <summary>Called with a file that a response was sent from and that could not be read; must not block.</summary>
    public Action<string, IOException>? ReadFailed { get; init; }
}
