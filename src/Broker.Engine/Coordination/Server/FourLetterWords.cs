using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Broker.Engine.Coordination.Server;

/// <summary>The words of four letters that operators ask a ZooKeeper. Those that change or hold much are not answered. Stateless.</summary>
internal static class FourLetterWords
{
    private const string Version = "3.9.0-wheelhouse, built on 1970-01-01 00:00 UTC";

    private static readonly string[] s_refused = ["crst", "srst", "dump", "wchc", "wchp", "dirs", "gtmk", "stmk", "hash", "lead", "orst", "icfg"];

    /// <param name="first">The first four bytes of a connection.</param>
    /// <param name="server">Whom they ask.</param>
    /// <returns>Null where they are no word.</returns>
    public static byte[]? Answer(int first, TreeServer server)
    {
        Span<byte> letters = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(letters, first);
        if (!Array.TrueForAll(letters.ToArray(), b => b is >= (byte)'a' and <= (byte)'z'))
        {
            return null;
        }
        string word = Encoding.ASCII.GetString(letters);
        string? text = word switch
        {
            "ruok" => "imok",
            "isro" => "rw",
            "srvr" => Server(server),
            "stat" => Stat(server),
            "mntr" => Monitor(server),
            "conf" => Configuration(server),
            "cons" => string.Concat(server.Connections().Select(c => Describe(c, isLong: true))) + "\n",
            "envi" => $"Environment:\nzookeeper.version={Version}\nhost.name={Environment.MachineName}\n"
                + $"os.name={Environment.OSVersion.Platform}\nos.version={Environment.OSVersion.Version}\n",
            "wchs" => Watches(server),
            _ => s_refused.Contains(word) ? $"{word} is not executed because it is not in the whitelist.\n" : null,
        };
        return text is null ? null : Encoding.ASCII.GetBytes(text);
    }

    private static string Server(TreeServer server) => $"Zookeeper version: {Version}\n{Figures(server)}";

    private static string Figures(TreeServer server) => string.Create(
        CultureInfo.InvariantCulture,
        $"Latency min/avg/max: 0/0.0/0\nReceived: {server.Received}\nSent: {server.Sent}\nConnections: {server.Connections().Length}\n"
        + $"Outstanding: 0\nZxid: 0x{server.Store.Zxid:x}\nMode: standalone\nNode count: {server.Store.Survey().Nodes}\n");

    private static string Stat(TreeServer server) =>
        $"Zookeeper version: {Version}\nClients:\n{string.Concat(server.Connections().Select(c => Describe(c, isLong: false)))}\n{Figures(server)}";

    private static string Describe(TreeConnection connection, bool isLong)
    {
        (long received, long sent) = connection.Packets;
        string line = string.Create(
            CultureInfo.InvariantCulture, $" /{connection.Remote}[{(connection.Session is null ? 0 : 1)}](queued=0,recved={received},sent={sent}");
        return isLong && connection.Session is { } session
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{line},sid=0x{session.Id:x},lop={connection.LastOp},to={session.Session.Timeout.TotalMilliseconds:0})\n")
            : line + ")\n";
    }

    private static string Monitor(TreeServer server)
    {
        (int nodes, int ephemerals, long bytes) = server.Store.Survey();
        var text = new StringBuilder();
        foreach ((string name, object value) in ((string, object)[])
            [
                ("version", Version), ("server_state", "standalone"), ("avg_latency", 0), ("max_latency", 0), ("min_latency", 0),
                ("packets_received", server.Received), ("packets_sent", server.Sent), ("num_alive_connections", server.Connections().Length),
                ("outstanding_requests", 0), ("znode_count", nodes), ("watch_count", server.Watches.Count().Watches),
                ("ephemerals_count", ephemerals), ("approximate_data_size", bytes),
            ])
        {
            text.Append(CultureInfo.InvariantCulture, $"zk_{name}\t{value}\n");
        }
        return text.ToString();
    }

    private static string Configuration(TreeServer server) => string.Create(
        CultureInfo.InvariantCulture,
        $"clientPort={server.EndPoint.Port}\ntickTime={TreeServerOptions.TickMs}\nmaxClientCnxns={server.Options.ConnectionsPerAddressMax}\n"
        + $"minSessionTimeout={server.Options.SessionTimeoutMsMin}\nmaxSessionTimeout={server.Options.SessionTimeoutMsMax}\nserverId=0\n");

    private static string Watches(TreeServer server)
    {
        (int connections, int paths, int watches) = server.Watches.Count();
        return string.Create(CultureInfo.InvariantCulture, $"{connections} connections watching {paths} paths\nTotal watches:{watches}\n");
    }
}
