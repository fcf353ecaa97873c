using System.Net;
using System.Text;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Jute;
using Broker.Engine.Coordination.Server;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Coordination;

/// <summary>The same random requests of two clients to our tree and to a real ZooKeeper: codes, answers and events are the same, but for
/// numbers of transactions and times.</summary>
public sealed class TreeDifferenceTests(ZooKeeperFixture<Kafka39> fixture) : IClassFixture<ZooKeeperFixture<Kafka39>>
{
    private const int Steps = 1000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Requests_AreAnsweredAsAZooKeeperDoes(int seed)
    {
        IPEndPoint real = new(IPAddress.Loopback, fixture.Server.Port);
        await using var tree = new EmbeddedStore(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
        await using var server = new TreeServer(tree, new TreeServerOptions(new IPEndPoint(IPAddress.Loopback, 0)), TimeProvider.System, NullLogger.Instance);
        server.Start();
        RawKeeper[] clients =
        [
            await RawKeeper.OpenAsync(real), await RawKeeper.OpenAsync(real),
            await RawKeeper.OpenAsync(server.EndPoint), await RawKeeper.OpenAsync(server.EndPoint),
        ];
        var requests = new RandomRequests(seed);
        await Task.WhenAll(clients.Where((_, i) => i % 2 == 0).Select(c => c.AskAsync(OpCode.Create, w => requests.WriteTop(w))));
        var history = new List<string>();
        for (int i = 0; i < Steps; i++)
        {
            (string what, OpCode code, byte[] body) = requests.Next();
            int who = requests.Who();
            string[] said = new string[2];
            for (int side = 0; side < 2; side++)
            {
                RawKeeper asking = clients[(side * 2) + who];
                (int error, byte[] answer) = await asking.AskAsync(code, w => w.WriteRaw(body));
                said[side] = Answers.Describe(code, error, answer, asking.SessionId);
                for (int other = 0; other < 2; other++)
                {
                    RawKeeper client = clients[(side * 2) + other];
                    await client.AskAsync(OpCode.Exists, w =>
                    {
                        w.WriteString("/");
                        w.WriteBool(false);
                    });
                    said[side] += string.Concat(client.Events.Select(e => $"; client {other} hears {e.What} {e.Path}"));
                    client.Events.Clear();
                }
            }
            history.Add($"{i} client {who}: {what} -> {said[0]}");
            Assert.True(said[0] == said[1], $"seed {seed}: ours says\n{said[1]}\nafter\n{string.Join('\n', history.TakeLast(25))}");
        }
        Assert.True(history.Count(h => h.Contains("-> Ok", StringComparison.Ordinal)) > Steps / 4, "most requests must be possible");
        foreach (RawKeeper client in clients)
        {
            await client.AskAsync(OpCode.CloseSession, _ => { });
            client.Dispose();
        }
    }

    /// <summary>Draws requests about few paths, so that they meet.</summary>
    private sealed class RandomRequests(int seed)
    {
        private static readonly string[] s_paths =
            ["/d", "/d/a", "/d/a/x", "/d/a/y", "/d/b", "/d/b/x", "/d/b/x/y", "/d/c", "/d/c/x", "/d/none/x"];

        private readonly Random _random = new(seed);

        /// <summary>Each seed has a tree of its own in the real server.</summary>
        public string Top => $"/s{seed}";

        private string Path()
        {
            int drawn = _random.Next(20);
            return s_paths[drawn < s_paths.Length ? drawn : drawn % 7].Replace("/d", $"{Top}/d", StringComparison.Ordinal);
        }

        public void WriteTop(JuteWriter writer)
        {
            writer.WriteString(Top);
            writer.WriteInt32(-1);
            writer.WriteInt32(1);
            writer.WriteInt32(31);
            writer.WriteString("world");
            writer.WriteString("anyone");
            writer.WriteInt32(0);
        }

        public int Who() => _random.Next(2);

        private int Version() => _random.Next(4) == 0 ? _random.Next(4) : -1;

        public (string What, OpCode Code, byte[] Body) Next()
        {
            OpCode code = _random.Next(30) switch
            {
                < 6 => OpCode.Create,
                < 8 => OpCode.Create2,
                8 => OpCode.CreateContainer,
                < 12 => OpCode.Delete,
                < 14 => OpCode.SetData,
                < 16 => OpCode.GetData,
                16 => OpCode.Exists,
                17 => OpCode.GetChildren,
                18 => OpCode.GetChildren2,
                19 => OpCode.GetAcl,
                20 => OpCode.SetAcl,
                < 24 => OpCode.Multi,
                24 => OpCode.MultiRead,
                25 => OpCode.AddWatch,
                26 => OpCode.RemoveWatches,
                27 => OpCode.SetData,
                28 => OpCode.GetAllChildrenNumber,
                _ => _random.Next(2) == 0 ? OpCode.GetEphemerals : OpCode.Auth,
            };
            var writer = new JuteWriter();
            string what = $"{code} {Write(writer, code)}";
            return (what, code, writer.ToArray());
        }

        private string Write(JuteWriter writer, OpCode code)
        {
            string path = Path();
            switch (code)
            {
                case OpCode.Create or OpCode.Create2 or OpCode.CreateContainer:
                    int mode = code == OpCode.CreateContainer ? 4 : _random.Next(4);
                    writer.WriteString(path);
                    string data = Data(writer);
                    string access = Access(writer);
                    writer.WriteInt32(mode);
                    return $"{path} {data} {access} mode {mode}";
                case OpCode.Delete or OpCode.Check:
                    int version = Version();
                    writer.WriteString(path);
                    writer.WriteInt32(version);
                    return $"{path} {version}";
                case OpCode.SetData:
                    writer.WriteString(path);
                    string set = Data(writer);
                    version = Version();
                    writer.WriteInt32(version);
                    return $"{path} {set} {version}";
                case OpCode.SetAcl:
                    writer.WriteString(path);
                    string given = Access(writer);
                    version = Version();
                    writer.WriteInt32(version);
                    return $"{path} {given} {version}";
                case OpCode.GetData or OpCode.Exists or OpCode.GetChildren or OpCode.GetChildren2:
                    bool watch = _random.Next(2) == 0 && !IsForAll(path);
                    writer.WriteString(path);
                    writer.WriteBool(watch);
                    return $"{path} {(watch ? "watching" : "")}";
                case OpCode.AddWatch or OpCode.RemoveWatches:
                    if (code == OpCode.AddWatch && !IsForAll(path))
                    {
                        path = $"{Top}/d/b";
                    }
                    int kind = code == OpCode.AddWatch ? (path.Contains("/d/b", StringComparison.Ordinal) ? 0 : 1) : IsForAll(path) ? 3 : _random.Next(1, 4);
                    writer.WriteString(path);
                    writer.WriteInt32(kind);
                    return $"{path} kind {kind}";
                case OpCode.Auth:
                    string who = _random.Next(2) == 0 ? "u:pw" : "v:pw";
                    writer.WriteInt32(0);
                    writer.WriteString("digest");
                    writer.WriteBytes(Encoding.UTF8.GetBytes(who));
                    return who;
                case OpCode.Multi or OpCode.MultiRead:
                    return WriteMulti(writer, code == OpCode.MultiRead);
                default:
                    writer.WriteString(path);
                    return path;
            }
        }

        /// <summary>Whether a path is watched until the watch is taken off. ZooKeeper before 3.9 forgets such a watch when one that tells
        /// once, or another kind, is set at the same path: here each path has one kind only.</summary>
        private bool IsForAll(string path) => path.StartsWith($"{Top}/d/b", StringComparison.Ordinal) || path.StartsWith($"{Top}/d/c", StringComparison.Ordinal);

        private string WriteMulti(JuteWriter writer, bool reads)
        {
            var whats = new List<string>();
            for (int i = _random.Next(1, 5); i > 0; i--)
            {
                OpCode code = reads ? (_random.Next(2) == 0 ? OpCode.GetData : OpCode.GetChildren)
                    : _random.Next(6) switch
                    {
                        < 2 => OpCode.Create,
                        2 => OpCode.Create2,
                        3 => OpCode.SetData,
                        4 => OpCode.Delete,
                        _ => OpCode.Check,
                    };
                Header(writer, code);
                whats.Add($"{code} {Write(writer, code)}");
            }
            Header(writer, OpCode.Error);
            return $"[{string.Join(", ", whats)}]";
        }

        private static void Header(JuteWriter writer, OpCode code)
        {
            writer.WriteInt32((int)code);
            writer.WriteBool(code == OpCode.Error);
            writer.WriteInt32(-1);
        }

        private string Data(JuteWriter writer)
        {
            int length = _random.Next(-1, 3);
            writer.WriteInt32(length);
            writer.WriteRaw("xyz"u8[..Math.Max(length, 0)]);
            return $"{length} bytes";
        }

        private string Access(JuteWriter writer)
        {
            (int Permissions, string Scheme, string Id)[] access = _random.Next(14) switch
            {
                0 => [],
                1 => [(1, "world", "anyone")],
                2 => [(31, "auth", "")],
                3 => [(31, "digest", "u:BvFaefuhWURhnvpD7ipe45CKTpk="), (1, "world", "anyone")],
                4 => [(31, "ip", "127.0.0.1")],
                5 => [(31, "nothing", "x")],
                6 => [(15, "world", "anyone"), (15, "world", "anyone"), (16, "ip", "127.0.0.0/8")],
                _ => [(31, "world", "anyone")],
            };
            writer.WriteInt32(access.Length);
            foreach ((int permissions, string scheme, string id) in access)
            {
                writer.WriteInt32(permissions);
                writer.WriteString(scheme);
                writer.WriteString(id);
            }
            return string.Join('+', access);
        }
    }

    /// <summary>Answers in words, without what must differ.</summary>
    private static class Answers
    {
        public static string Describe(OpCode code, int error, byte[] body, long session)
        {
            if (error != 0)
            {
                return $"{(KeeperCode)error} and {body.Length} bytes";
            }
            var reader = new JuteReader(body);
            string said = $"Ok {Body(code, ref reader, session)}";
            return reader.Left == 0 ? said : $"{said} and {reader.Left} bytes";
        }

        private static string Body(OpCode code, ref JuteReader reader, long session)
        {
            switch (code)
            {
                case OpCode.Create:
                    return reader.ReadString("path");
                case OpCode.Create2 or OpCode.CreateContainer:
                    return $"{reader.ReadString("path")} {Stat(ref reader, session)}";
                case OpCode.SetData or OpCode.Exists or OpCode.SetAcl:
                    return Stat(ref reader, session);
                case OpCode.GetData:
                    ReadOnlyMemory<byte> data = reader.ReadData();
                    return $"{(data.Equals(default) ? "null" : Encoding.UTF8.GetString(data.Span))} {Stat(ref reader, session)}";
                case OpCode.GetChildren or OpCode.GetEphemerals:
                    return Names(ref reader);
                case OpCode.GetChildren2:
                    return $"{Names(ref reader)} {Stat(ref reader, session)}";
                case OpCode.GetAllChildrenNumber or OpCode.AddWatch:
                    return $"{reader.ReadInt32()}";
                case OpCode.GetAcl:
                    var access = new List<string>();
                    for (int i = reader.ReadInt32(); i > 0; i--)
                    {
                        access.Add($"{reader.ReadInt32()}:{reader.ReadString("scheme")}:{reader.ReadString("id")}");
                    }
                    return $"{string.Join('+', access.Order(StringComparer.Ordinal))} {Stat(ref reader, session)}";
                case OpCode.Multi or OpCode.MultiRead:
                    return Multi(ref reader, session);
                default:
                    return "";
            }
        }

        private static string Multi(ref JuteReader reader, long session)
        {
            var results = new List<string>();
            while (true)
            {
                var code = (OpCode)reader.ReadInt32();
                bool done = reader.ReadBool();
                int error = reader.ReadInt32();
                if (done)
                {
                    return $"[{string.Join(", ", results)}]";
                }
                results.Add(code == OpCode.Error ? $"{(KeeperCode)error}={(KeeperCode)reader.ReadInt32()}" : $"{code} {Body(code, ref reader, session)}");
            }
        }

        private static string Names(ref JuteReader reader)
        {
            List<string> names = reader.ReadStrings("names");
            names.Sort(StringComparer.Ordinal);
            return string.Join(',', names);
        }

        private static string Stat(ref JuteReader reader, long session)
        {
            NodeStat stat = reader.ReadStat();
            string owner = stat.EphemeralOwner == 0 ? "persistent" : stat.EphemeralOwner == session ? "mine" : "another's";
            return $"v{stat.Version} c{stat.ChildVersion} a{stat.AccessVersion} {owner} {stat.DataLength} bytes {stat.ChildCount} children "
                + $"{(stat.Czxid == stat.Mzxid ? "unset " : "")}{(stat.Czxid == stat.Pzxid ? "without changes below " : "")}"
                + $"{(stat.Mzxid == stat.Pzxid ? "" : "at two times ")}{(stat.CtimeMs == 0 ? "of no time" : "")}";
        }
    }
}
