using System.Net;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Jute;
using Broker.Engine.Coordination.Server;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Coordination;

/// <summary>Access lists of the served tree: kept, told, and held against those who come by ZooKeeper's protocol.</summary>
public sealed class TreeAccessTests : IAsyncDisposable
{
    private const int Everything = AccessEntry.All;

    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly FaultingDisk _disk = new();
    private EmbeddedStore _tree;
    private TreeServer _server;

    public TreeAccessTests() => (_tree, _server) = Start(_disk);

    private static (EmbeddedStore, TreeServer) Start(FaultingDisk disk)
    {
        var tree = new EmbeddedStore(disk, "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
        var options = new TreeServerOptions(new IPEndPoint(IPAddress.Loopback, 0)) { SuperDigest = ServedIdentity.DigestOf("super:secret") };
        var server = new TreeServer(tree, options, TimeProvider.System, NullLogger.Instance);
        server.Start();
        return (tree, server);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _tree.DisposeAsync();
    }

    private Task<RawKeeper> OpenAsync() => RawKeeper.OpenAsync(_server.EndPoint);

    private async Task<RawKeeper> OpenAsAsync(string userAndPassword)
    {
        RawKeeper client = await OpenAsync();
        Assert.Equal(KeeperCode.Ok, await AuthAsync(client, "digest", userAndPassword));
        return client;
    }

    [Fact]
    public void DigestOf_IsZooKeepers() => Assert.Equal("u:BvFaefuhWURhnvpD7ipe45CKTpk=", ServedIdentity.DigestOf("u:pw"));

    [Fact]
    public async Task List_IsHeldAgainstEachKindOfRequest()
    {
        using RawKeeper owner = await OpenAsAsync("u:pw");
        using RawKeeper other = await OpenAsAsync("u:wrong");
        Assert.Equal(KeeperCode.Ok, await CreateAsync(owner, "/p", (Everything, "auth", "")));
        Assert.Equal(KeeperCode.Ok, await CreateAsync(owner, "/p/c"));
        foreach ((RawKeeper client, KeeperCode expected) in ((RawKeeper, KeeperCode)[])[(other, KeeperCode.NoAuth), (owner, KeeperCode.Ok)])
        {
            Assert.Equal(expected, await CodeAsync(client, OpCode.GetData, w => Path(w, "/p")));
            Assert.Equal(expected, await CodeAsync(client, OpCode.GetChildren2, w => Path(w, "/p")));
            Assert.Equal(expected, await CodeAsync(client, OpCode.GetAcl, w => w.WriteString("/p")));
            Assert.Equal(expected, await CodeAsync(client, OpCode.GetAllChildrenNumber, w => w.WriteString("/p")));
            Assert.Equal(expected, await CodeAsync(client, OpCode.Exists, w => Path(w, "/p")));
            Assert.Equal(expected, await CodeAsync(client, OpCode.SetData, w => Set(w, "/p")));
            Assert.Equal(expected, await CreateAsync(client, "/p/d"));
            Assert.Equal(expected, await SetAccessAsync(client, "/p", -1, (Everything, "auth", "")));
            Assert.Equal(expected, await CodeAsync(client, OpCode.Delete, w => PathAnd(w, "/p/c", -1)));
            Assert.Equal((int)expected, ErrorOfMulti((await client.AskAsync(OpCode.Multi, w =>
            {
                Header(w, OpCode.Check);
                PathAnd(w, "/p", -1);
                Header(w, OpCode.Error);
            })).Body));
        }
    }

    [Fact]
    public async Task List_VersionIsChecked_AndStatTellsIt()
    {
        using RawKeeper client = await OpenAsync();
        await CreateAsync(client, "/v");
        Assert.Equal(KeeperCode.BadVersion, await SetAccessAsync(client, "/v", 1, (Everything, "world", "anyone")));
        Assert.Equal(KeeperCode.Ok, await SetAccessAsync(client, "/v", 0, (AccessEntry.Read | AccessEntry.Admin, "world", "anyone")));
        Assert.Equal(1, new JuteReader((await client.AskAsync(OpCode.Exists, w => Path(w, "/v"))).Body).ReadStat().AccessVersion);
        Assert.Equal(KeeperCode.NoAuth, await CodeAsync(client, OpCode.SetData, w => Set(w, "/v")));
        Assert.Equal(KeeperCode.NoNode, await SetAccessAsync(client, "/none", 0, (Everything, "world", "anyone")));
    }

    [Theory]
    [InlineData("auth", "")]
    [InlineData("world", "someone")]
    [InlineData("digest", "u")]
    [InlineData("ip", "nowhere")]
    [InlineData("ip", "127.0.0.1/33")]
    [InlineData("sasl", "me")]
    public async Task List_OfNobodyKnown_IsRefused(string scheme, string id)
    {
        using RawKeeper client = await OpenAsync();
        Assert.Equal(KeeperCode.InvalidAcl, await CreateAsync(client, "/x", (Everything, scheme, id)));
        await CreateAsync(client, "/y");
        Assert.Equal(KeeperCode.InvalidAcl, await SetAccessAsync(client, "/y", -1, (Everything, scheme, id)));
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.1.2.3/8", true)]
    [InlineData("0.0.0.0/0", true)]
    [InlineData("10.0.0.1", false)]
    [InlineData("126.0.0.0/8", false)]
    public async Task List_OfAddresses_LetsThoseWithin(string range, bool isWithin)
    {
        using RawKeeper client = await OpenAsync();
        await CreateAsync(client, "/ip", (Everything, "ip", range));
        Assert.Equal(isWithin ? KeeperCode.Ok : KeeperCode.NoAuth, await CodeAsync(client, OpCode.GetData, w => Path(w, "/ip")));
    }

    [Fact]
    public async Task List_ShowsDigests_OnlyToWhoMayChangeIt()
    {
        using RawKeeper owner = await OpenAsAsync("u:pw");
        await CreateAsync(owner, "/p", (Everything, "auth", ""), (AccessEntry.Read, "world", "anyone"));
        using RawKeeper other = await OpenAsync();
        Assert.Contains("u:BvFaefuhWURhnvpD7ipe45CKTpk=", await AccessAsync(owner, "/p"), StringComparison.Ordinal);
        Assert.Equal("31 digest u:x, 1 world anyone", await AccessAsync(other, "/p"));
    }

    [Fact]
    public async Task Auth_OfUnknownScheme_FailsAndEndsTheConnection_AndSuperMayDoEverything()
    {
        using RawKeeper client = await OpenAsync();
        await CreateAsync(client, "/shut", (Everything, "digest", "nobody:x"));
        Assert.Equal(KeeperCode.AuthFailed, await AuthAsync(client, "kerberos", "x"));
        Assert.True(await client.IsClosedAsync());
        using RawKeeper super = await OpenAsAsync("super:secret");
        Assert.Equal(KeeperCode.Ok, await CodeAsync(super, OpCode.SetData, w => Set(w, "/shut")));
    }

    [Fact]
    public async Task Watch_OfANodeThatMayNotBeRead_TellsNothing_AndTheHostsOwnPartiesMayDoEverything()
    {
        await using ICoordinationSession broker = await _tree.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        using RawKeeper client = await OpenAsync();
        await CreateAsync(client, "/shut", (Everything, "digest", "nobody:x"));
        await client.AskAsync(OpCode.AddWatch, w => PathAnd(w, "/", 1));
        Assert.Equal(CoordinationError.None, (await broker.SetAsync("/shut", default, -1, s_none)).Error);
        await broker.CreateAsync("/open", default, CreateMode.Persistent, s_none);
        Assert.Equal([(KeeperEvent.NodeCreated, "/open")], await client.EventsAsync(1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ListsAndContainers_OutliveTheHost(bool fold)
    {
        using (RawKeeper client = await OpenAsAsync("u:pw"))
        {
            await CreateAsync(client, "/made", (Everything, "auth", ""));
            await CreateAsync(client, "/set");
            await SetAccessAsync(client, "/set", -1, (AccessEntry.Read | AccessEntry.Admin, "world", "anyone"));
            await client.AskAsync(OpCode.CreateContainer, w => Create(w, "/box", 4, [(Everything, "world", "anyone")]));
            await CreateAsync(client, "/box/in");
            await client.AskAsync(OpCode.SetData, w => Set(w, "/box/in", []));
        }
        for (int i = 0; i < (fold ? 2 : 1); i++)   // each opening writes a snapshot
        {
            await DisposeAsync();
            (_tree, _server) = Start(_disk.Crash());
        }
        using RawKeeper again = await OpenAsync();
        Assert.Equal(KeeperCode.NoAuth, await CodeAsync(again, OpCode.GetData, w => Path(w, "/made")));
        Assert.Equal(KeeperCode.NoAuth, await CodeAsync(again, OpCode.SetData, w => Set(w, "/set")));
        Assert.Equal(0, new JuteReader((await again.AskAsync(OpCode.GetData, w => Path(w, "/box/in"))).Body).ReadInt32());
        _tree.DeleteEmptyContainers();
        Assert.Equal(KeeperCode.Ok, await CodeAsync(again, OpCode.Delete, w => PathAnd(w, "/box/in", -1)));
        _tree.DeleteEmptyContainers();
        Assert.Equal(KeeperCode.NoNode, await CodeAsync(again, OpCode.Exists, w => Path(w, "/box")));
    }

    [Fact]
    public async Task OwnNodes_AreThere_AndStay()
    {
        using RawKeeper client = await OpenAsync();
        Assert.Equal("1 world anyone", await AccessAsync(client, "/zookeeper/config"));
        Assert.Equal(KeeperCode.NoAuth, await CodeAsync(client, OpCode.SetData, w => Set(w, "/zookeeper/config")));
        foreach (string path in (string[])["/zookeeper", "/zookeeper/config", "/zookeeper/quota"])
        {
            NodeStat stat = new JuteReader((await client.AskAsync(OpCode.Exists, w => Path(w, path))).Body).ReadStat();
            Assert.Equal((0, 0, 0), (stat.Czxid, stat.Mzxid, stat.CtimeMs));
            Assert.Equal(KeeperCode.BadArguments, await CodeAsync(client, OpCode.Delete, w => PathAnd(w, path, -1)));
        }
        Assert.Equal(-1, new JuteReader((await client.AskAsync(OpCode.Exists, w => Path(w, "/"))).Body).ReadStat().ChildVersion);
    }

    private static async Task<KeeperCode> CodeAsync(RawKeeper client, OpCode code, Action<JuteWriter> body) =>
        (KeeperCode)(await client.AskAsync(code, body)).Code;

    private static Task<KeeperCode> AuthAsync(RawKeeper client, string scheme, string proof) => CodeAsync(client, OpCode.Auth, w =>
    {
        w.WriteInt32(0);
        w.WriteString(scheme);
        w.WriteBytes(System.Text.Encoding.UTF8.GetBytes(proof));
    });

    private static Task<KeeperCode> CreateAsync(RawKeeper client, string path, params (int, string, string)[] access) =>
        CodeAsync(client, OpCode.Create, w => Create(w, path, 0, access.Length == 0 ? [(Everything, "world", "anyone")] : access));

    private static void Create(JuteWriter writer, string path, int flags, (int, string, string)[] access)
    {
        writer.WriteString(path);
        writer.WriteBytes("x"u8);
        WriteAccess(writer, access);
        writer.WriteInt32(flags);
    }

    private static Task<KeeperCode> SetAccessAsync(RawKeeper client, string path, int version, params (int, string, string)[] access) =>
        CodeAsync(client, OpCode.SetAcl, w =>
        {
            w.WriteString(path);
            WriteAccess(w, access);
            w.WriteInt32(version);
        });

    private static void WriteAccess(JuteWriter writer, (int, string, string)[] access)
    {
        writer.WriteInt32(access.Length);
        foreach ((int permissions, string scheme, string id) in access)
        {
            writer.WriteInt32(permissions);
            writer.WriteString(scheme);
            writer.WriteString(id);
        }
    }

    private static async Task<string> AccessAsync(RawKeeper client, string path)
    {
        (int code, byte[] body) = await client.AskAsync(OpCode.GetAcl, w => w.WriteString(path));
        Assert.Equal(0, code);
        return Read(body);

        static string Read(byte[] body)
        {
            var reader = new JuteReader(body);
            var lines = new List<string>();
            for (int i = reader.ReadInt32(); i > 0; i--)
            {
                lines.Add($"{reader.ReadInt32()} {reader.ReadString("scheme")} {reader.ReadString("id")}");
            }
            return string.Join(", ", lines);
        }
    }

    private static int ErrorOfMulti(byte[] body)
    {
        var reader = new JuteReader(body);
        _ = reader.ReadInt32();
        _ = reader.ReadBool();
        return reader.ReadInt32();
    }

    private static void Header(JuteWriter writer, OpCode code)
    {
        writer.WriteInt32((int)code);
        writer.WriteBool(code == OpCode.Error);
        writer.WriteInt32(-1);
    }

    private static void Path(JuteWriter writer, string path)
    {
        writer.WriteString(path);
        writer.WriteBool(false);
    }

    private static void PathAnd(JuteWriter writer, string path, int number)
    {
        writer.WriteString(path);
        writer.WriteInt32(number);
    }

    private static void Set(JuteWriter writer, string path, byte[]? data = null)
    {
        writer.WriteString(path);
        writer.WriteBytes(data ?? "y"u8.ToArray());
        writer.WriteInt32(-1);
    }
}
