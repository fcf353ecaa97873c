using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Coordination.Server;

/// <summary>The words of four letters that operators ask a ZooKeeper, answered as its 3.8 does. Stateless.</summary>
internal static class FourLetterWords
{
    internal const string Version = "3.9.0-wheelhouse, built on 1970-01-01 00:00 UTC";

    /// <summary>Words that ZooKeeper knows and that are never answered here: they are of ensembles, of its own log and of its files.</summary>
    private static readonly string[] s_others = ["dirs", "gtmk", "stmk", "hash", "lead", "orst", "icfg"];

    private static readonly Dictionary<string, Func<TreeServer, string>> s_answers = new(StringComparer.Ordinal)
    {
        ["ruok"] = _ => "imok",
        ["isro"] = _ => "rw",
        ["srvr"] = server => $"Zookeeper version: {Version}\n{Figures(server)}",
        ["stat"] = server => $"Zookeeper version: {Version}\nClients:\n{Connections(server, isLong: false)}\n{Figures(server)}",
        ["cons"] = server => $"{Connections(server, isLong: true)}\n",
        ["mntr"] = MonitorWord.Answer,
        ["conf"] = Configuration,
        ["envi"] = _ => Surroundings(),
        ["wchs"] = Watches,
        ["wchc"] = WatchesByClient,
        ["wchp"] = WatchesByPath,
        ["dump"] = DumpWord.Answer,
        ["crst"] = ResetConnections,
        ["srst"] = ResetServer,
    };

    /// <param name="first">The first four bytes of a connection.</param>
    /// <returns>Null where they are no word.</returns>
    public static string? Word(int first)
    {
        Span<byte> letters = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(letters, first);
        string word = Encoding.ASCII.GetString(letters);
        return s_answers.ContainsKey(word) || s_others.Contains(word) ? word : null;
    }

    public static byte[] Answer(string word, TreeServer server) => Encoding.ASCII.GetBytes(
        s_answers.TryGetValue(word, out Func<TreeServer, string>? answer) && (server.Options.Words.Contains(word) || server.Options.Words.Contains("*"))
            ? answer(server) : $"{word} is not executed because it is not in the whitelist.\n");

    private static string Figures(TreeServer server)
    {
        (_, _, long min, double mean, long max) = server.Figures.All.Now;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Latency min/avg/max: {min}/{MonitorWord.Real(mean)}/{max}\nReceived: {server.Figures.Received}\nSent: {server.Figures.Sent}\n"
            + $"Connections: {server.Connections().Length}\nOutstanding: 0\nZxid: 0x{server.Store.Zxid:x}\nMode: standalone\n"
            + $"Node count: {server.Store.Survey().Nodes}\n");
    }

    private static string Connections(TreeServer server, bool isLong) =>
        string.Concat(server.Connections().Select(c => $" {Describe(c, isLong)}\n"));

    /// <summary>A connection as cons lists it.</summary>
    private static string Describe(TreeConnection connection, bool isLong)
    {
        (long received, long sent) = connection.Packets;
        string line = string.Create(
            CultureInfo.InvariantCulture, $"/{connection.Remote}[{(connection.Session is null ? 0 : 1)}](queued=0,recved={received},sent={sent}");
        if (!isLong || connection.Session is not { } session)
        {
            return line + ")";
        }
        (OpCode code, int xid, long zxid, long ms, TimeSpan at) = connection.Last;
        (_, _, long min, double mean, long max) = connection.Latency.Now;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{line},sid=0x{session.Id:x},lop={Name(code)},est={connection.EstablishedAt.ToUnixTimeMilliseconds()},"
            + $"to={session.Session.Timeout.TotalMilliseconds:0},lcxid=0x{xid:x},lzxid=0x{zxid:x},lresp={at.TotalMilliseconds:0},"
            + $"llat={ms},minlat={min},avglat={(long)mean},maxlat={max})");
    }

    /// <summary>What ZooKeeper calls a request in four letters (FinalRequestProcessor).</summary>
    private static string Name(OpCode code) => code switch
    {
        OpCode.Create or OpCode.Create2 or OpCode.CreateContainer or OpCode.CreateTtl => "CREA",
        OpCode.Delete => "DELE",
        OpCode.Exists => "EXIS",
        OpCode.GetData => "GETD",
        OpCode.SetData => "SETD",
        OpCode.GetAcl => "GETA",
        OpCode.SetAcl => "SETA",
        OpCode.GetChildren or OpCode.GetChildren2 => "GETC",
        OpCode.Sync => "SYNC",
        OpCode.Ping => "PING",
        OpCode.Multi => "MULT",
        OpCode.MultiRead => "MLTR",
        OpCode.SetWatches => "SETW",
        OpCode.SetWatches2 => "STW2",
        OpCode.AddWatch => "ADDW",
        OpCode.CheckWatches => "CHKW",
        OpCode.RemoveWatches => "REMW",
        OpCode.GetEphemerals => "GETE",
        OpCode.GetAllChildrenNumber => "GETACN",
        OpCode.WhoAmI => "HOMI",
        OpCode.CloseSession => "CLOS",
        0 => "SESS",
        _ => "NA",
    };

    private static string Configuration(TreeServer server) => string.Create(
        CultureInfo.InvariantCulture,
        $"clientPort={server.EndPoint.Port}\nsecureClientPort=-1\ntickTime={TreeServerOptions.TickMs}\n"
        + $"maxClientCnxns={server.Options.ConnectionsPerAddressMax}\nminSessionTimeout={server.Options.SessionTimeoutMsMin}\n"
        + $"maxSessionTimeout={server.Options.SessionTimeoutMsMax}\nserverId=0\n");

    private static string Surroundings()
    {
        long total = Environment.WorkingSet >> 20;
        long free = Math.Max(0, total - (GC.GetTotalMemory(forceFullCollection: false) >> 20));
        string architecture = RuntimeInformation.OSArchitecture == Architecture.X64 ? "amd64" : RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant();
        return $"Environment:\nzookeeper.version={Version}\nhost.name={Environment.MachineName}\n"
            + $"os.name={(OperatingSystem.IsLinux() ? "Linux" : Environment.OSVersion.Platform)}\nos.arch={architecture}\n"
            + $"os.version={Environment.OSVersion.Version}\nuser.name={Environment.UserName}\n"
            + $"user.home={Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)}\nuser.dir={Environment.CurrentDirectory}\n"
            + $"os.memory.free={free}MB\nos.memory.max={GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20}MB\n"
            + $"os.memory.total={total}MB\n";
    }

    private static string Watches(TreeServer server)
    {
        (int connections, int paths, int watches) = server.Watches.Count();
        return string.Create(CultureInfo.InvariantCulture, $"{connections} connections watching {paths} paths\nTotal watches:{watches}\n");
    }

    private static string WatchesByClient(TreeServer server) => string.Concat(server.Watches.All()
        .Select(w => $"0x{w.Connection.Session?.Id ?? 0:x}\n{string.Concat(w.Paths.Select(p => $"\t{p}\n"))}")) + "\n";

    private static string WatchesByPath(TreeServer server) => string.Concat(server.Watches.All()
        .SelectMany(w => w.Paths.Select(p => (Path: p, w.Connection)))
        .GroupBy(w => w.Path, StringComparer.Ordinal)
        .Select(g => $"{g.Key}\n{string.Concat(g.Select(w => $"\t0x{w.Connection.Session?.Id ?? 0:x}\n"))}")) + "\n";

    private static string ResetConnections(TreeServer server)
    {
        Array.ForEach(server.Connections(), c => c.ResetFigures());
        return "Connection stats reset.\n";
    }

    private static string ResetServer(TreeServer server)
    {
        server.Figures.Reset();
        return "Server stats reset.\n";
    }
}
