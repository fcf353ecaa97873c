using System.Globalization;
using System.Text;

namespace Broker.Engine.Coordination.Server;

/// <summary>ZooKeeper's dump: sessions and connections by when they end, and ephemeral nodes by session. Stateless.</summary>
internal static class DumpWord
{
    public static string Answer(TreeServer server)
    {
        (long Id, TimeSpan Left, string[] Ephemerals)[] sessions = server.Store.Sessions();
        Dictionary<long, TimeSpan> left = sessions.ToDictionary(s => s.Id, s => s.Left);
        TreeConnection[] connections = server.Connections();
        var text = new StringBuilder("SessionTracker dump:\n");
        WriteSets(text, server, "Session", sessions.Select(s => (s.Left, $"0x{s.Id:x}")));
        (long Id, TimeSpan Left, string[] Ephemerals)[] owners = [.. sessions.Where(s => s.Ephemerals.Length > 0)];
        text.Append(CultureInfo.InvariantCulture, $"ephemeral nodes dump:\nSessions with Ephemerals ({owners.Length}):\n");
        foreach ((long id, _, string[] paths) in owners)
        {
            text.Append(CultureInfo.InvariantCulture, $"0x{id:x}:\n").AppendJoin("", paths.Select(p => $"\t{p}\n"));
        }
        text.Append("Connections dump:\n");
        WriteSets(text, server, "Connections", connections.Select(c => (
            c.Session is { } session && left.TryGetValue(session.Id, out TimeSpan its) ? its : server.Options.HandshakeMax,
            $"ip: /{c.Remote} sessionId: 0x{c.Session?.Id ?? 0:x}")));
        return text.ToString();
    }

    /// <summary>What ends within the same tick stands together.</summary>
    private static void WriteSets(StringBuilder text, TreeServer server, string what, IEnumerable<(TimeSpan Left, string Line)> all)
    {
        var sets = new SortedDictionary<long, List<string>>();
        long now = server.Time.GetUtcNow().ToUnixTimeMilliseconds();
        int count = 0;
        foreach ((TimeSpan left, string line) in all)
        {
            long end = (((now + (long)left.TotalMilliseconds) / TreeServerOptions.TickMs) + 1) * TreeServerOptions.TickMs;
            (sets.TryGetValue(end, out List<string>? set) ? set : sets[end] = []).Add(line);
            count++;
        }
        text.Append(CultureInfo.InvariantCulture, $"{what} Sets ({sets.Count})/({count}):\n");
        foreach ((long end, List<string> lines) in sets)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{lines.Count} expire at {DateTimeOffset.FromUnixTimeMilliseconds(end):ddd MMM dd HH:mm:ss 'UTC' yyyy}:\n")
                .AppendJoin("", lines.Select(l => $"\t{l}\n"));
        }
    }
}
