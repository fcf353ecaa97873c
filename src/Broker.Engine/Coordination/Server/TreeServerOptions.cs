using System.Net;

namespace Broker.Engine.Coordination.Server;

/// <summary>How the tree is served. Immutable.</summary>
internal sealed record TreeServerOptions(IPEndPoint EndPoint)
{
    /// <summary>Longest request, bytes (jute.maxbuffer).</summary>
    public const int RequestBytesMax = ICoordinationStore.DataBytesMax;

    /// <summary>Connections in all.</summary>
    public const int ConnectionsMax = 2000;

    /// <summary>Watches of one connection.</summary>
    public const int WatchesMax = 200_000;

    /// <summary>Answers and events that a client has not yet taken, bytes; above it its connection ends.</summary>
    public const int UnsentBytesMax = 64 * 1024 * 1024;

    /// <summary>What sessions and clients' pings are counted in, milliseconds.</summary>
    public const int TickMs = 2000;

    /// <summary>Connections from one address (maxClientCnxns); 0 without limit.</summary>
    public int ConnectionsPerAddressMax { get; init; } = 60;

    public int SessionTimeoutMsMin { get; init; } = 2 * TickMs;

    public int SessionTimeoutMsMax { get; init; } = 30 * TickMs;

    /// <summary>How often containers are looked through for empty ones (ZooKeeper: znode.container.checkIntervalMs).</summary>
    public static TimeSpan ContainerCheckPeriod { get; } = TimeSpan.FromMinutes(1);

    /// <summary>The words of four letters that are answered (4lw.commands.whitelist); * for all.</summary>
    public IReadOnlyCollection<string> Words { get; init; } = DefaultWords;

    /// <summary>What is answered where nothing is said: what neither changes nor holds much.</summary>
    public static string[] DefaultWords { get; } = ["ruok", "srvr", "stat", "mntr", "conf", "cons", "dump", "envi", "isro", "wchs"];

    /// <summary>user:digest of who may do everything (zookeeper.DigestAuthenticationProvider.superDigest), or null.</summary>
    public string? SuperDigest { get; init; }

    /// <summary>How many descriptors the process may have, for mntr; -1 where that is not known.</summary>
    public long DescriptorsMax { get; init; } = -1;

    /// <summary>How long a connection may be open without having asked for a session.</summary>
    public TimeSpan HandshakeMax { get; init; } = TimeSpan.FromSeconds(10);
}
