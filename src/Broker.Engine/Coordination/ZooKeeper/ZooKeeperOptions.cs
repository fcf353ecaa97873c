using System.Globalization;
using System.Net.Security;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>A server of an ensemble.</summary>
internal readonly record struct ServerAddress(string Host, int Port)
{
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}

/// <summary>How an ensemble is reached. Immutable.</summary>
internal sealed record ZooKeeperOptions
{
    public required IReadOnlyList<ServerAddress> Servers { get; init; }

    /// <summary>The node that is the root for this client; empty for the ensemble's own.</summary>
    public string Chroot { get; init; } = "";

    /// <summary>How long the first connection may take (zookeeper.connection.timeout.ms).</summary>
    public TimeSpan ConnectionTimeout { get; init; } = TimeSpan.FromSeconds(18);

    /// <summary>Requests sent and not yet answered (zookeeper.max.in.flight.requests).</summary>
    public int MaxInFlight { get; init; } = 10;

    /// <summary>Whether nodes are made so that only this user may change them (zookeeper.set.acl).</summary>
    public bool SetAcl { get; init; }

    /// <summary>Name and password for SASL DIGEST-MD5, or null.</summary>
    public (string User, string Password)? Digest { get; init; }

    /// <summary>Makes the TLS options for a server, or null for plain TCP.</summary>
    public Func<ServerAddress, SslClientAuthenticationOptions>? Tls { get; init; }

    /// <summary>The servers, for messages.</summary>
    public string Shown => string.Join(',', Servers) + Chroot;
}

/// <summary>Reads <c>host:port[,host:port]/chroot</c>. Stateless.</summary>
internal static class ConnectString
{
    private const int DefaultPort = 2181;

    /// <returns>Null where the text is none, with the reason.</returns>
    public static (IReadOnlyList<ServerAddress> Servers, string Chroot)? Parse(string text, out string? problem)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string chroot = slash < 0 ? "" : text[slash..].TrimEnd('/');
        problem = chroot.Length > 0 && !NodePath.IsValid(chroot) ? $"the path '{chroot}' is not one of ZooKeeper's" : null;
        var servers = new List<ServerAddress>();
        string hosts = slash < 0 ? text : text[..slash];
        foreach (string one in hosts.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int colon = one.LastIndexOf(':');
            bool hasPort = colon >= 0 && one.IndexOf(']', StringComparison.Ordinal) < colon
                && (one[0] == '[' || one.IndexOf(':', StringComparison.Ordinal) == colon);
            string host = (hasPort ? one[..colon] : one).Trim('[', ']');
            int port = DefaultPort;
            if (host.Length == 0 || (hasPort && (!int.TryParse(
                one.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is 0 or > 65_535)))
            {
                problem ??= $"'{one}' is not host:port";
            }
            servers.Add(new ServerAddress(host, port));
        }
        if (servers.Count == 0)
        {
            problem ??= "no server is named";
        }
        return problem is null ? (servers, chroot) : null;
    }
}
