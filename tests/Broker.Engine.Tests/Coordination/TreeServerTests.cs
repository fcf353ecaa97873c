using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Jute;
using Broker.Engine.Coordination.Server;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Interop;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Coordination;

/// <summary>The tree as it is served by ZooKeeper's protocol: what our client does not ask for, and what no client should.</summary>
public sealed class TreeServerTests : IAsyncDisposable
{
    private static readonly CancellationToken s_none = CancellationToken.None;

    private readonly EmbeddedStore _tree = new(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
    private readonly TreeServer _server;

    public TreeServerTests()
    {
        _server = new TreeServer(_tree, new TreeServerOptions(new IPEndPoint(IPAddress.Loopback, 0))
        {
            SessionTimeoutMsMin = 1000,
            HandshakeMax = TimeSpan.FromSeconds(1),
            ConnectionsPerAddressMax = 50,
        }, TimeProvider.System, NullLogger.Instance);
        _server.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _tree.DisposeAsync();
    }

    private ValueTask<ICoordinationSession> PartyAsync() => _tree.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);

    [Theory]
    [InlineData("ruok", "imok")]
    [InlineData("isro", "rw")]
    [InlineData("stat", "Mode: standalone")]
    [InlineData("srvr", "Node count: ")]
    [InlineData("mntr", "zk_server_state\tstandalone")]
    [InlineData("conf", "maxClientCnxns=50")]
    [InlineData("cons", "/127.0.0.1:")]
    [InlineData("envi", "zookeeper.version=3.9.0")]
    [InlineData("wchs", "Total watches:0")]
    [InlineData("mntr", "zk_max_file_descriptor_count\t")]
    [InlineData("mntr", "zk_p999_readlatency\t0")]
    [InlineData("dump", "Sessions with Ephemerals (0):")]
    [InlineData("wchc", "wchc is not executed because it is not in the whitelist.\n")]
    public async Task Words_AreAnswered(string word, string part) =>
        Assert.Contains(part, await ZooKeeperProcess.AskAsync(_server.EndPoint.Port, word), StringComparison.Ordinal);

    [Theory]
    [InlineData("srvr", "srvr", "Mode: standalone")]
    [InlineData("srvr", "ruok", "ruok is not executed because it is not in the whitelist.\n")]
    [InlineData("*", "wchp", "\n")]
    [InlineData("*", "srst", "Server stats reset.\n")]
    [InlineData("*", "crst", "Connection stats reset.\n")]
    [InlineData("*", "lead", "lead is not executed because it is not in the whitelist.\n")]
    public async Task Words_AreAnswered_AsTheWhitelistHasIt(string whitelist, string word, string part)
    {
        await using var server = new TreeServer(
            _tree, new TreeServerOptions(new IPEndPoint(IPAddress.Loopback, 0)) { Words = [whitelist] }, TimeProvider.System, NullLogger.Instance);
        server.Start();
        Assert.Contains(part, await ZooKeeperProcess.AskAsync(server.EndPoint.Port, word), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Words_TellOfSessionsAndWatches()
    {
        using RawKeeper client = await RawKeeper.OpenAsync(_server.EndPoint);
        await client.AskAsync(OpCode.Create, w => Create(w, "/e", flags: 1));
        await client.AskAsync(OpCode.AddWatch, w => PathAnd(w, "/e", 0));
        string id = $"0x{client.SessionId:x}";
        Assert.Contains($"{id}:\n\t/e\n", await ZooKeeperProcess.AskAsync(_server.EndPoint.Port, "dump"), StringComparison.Ordinal);
        Assert.Contains($"sid={id},lop=ADDW,", await ZooKeeperProcess.AskAsync(_server.EndPoint.Port, "cons"), StringComparison.Ordinal);
        Assert.StartsWith("1 connections watching 1 paths", await ZooKeeperProcess.AskAsync(_server.EndPoint.Port, "wchs"), StringComparison.Ordinal);
        string told = await ZooKeeperProcess.AskAsync(_server.EndPoint.Port, "mntr");
        foreach (string line in (string[])["zk_ephemerals_count\t1", "zk_global_sessions\t1", "zk_watch_count\t1", "zk_cnt_updatelatency\t1", "zk_cnt_readlatency\t1"])
        {
            Assert.Contains(line + "\n", told, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Session_GoesOnOverAnotherConnection_WithItsPasswordOnly()
    {
        using RawKeeper first = await RawKeeper.OpenAsync(_server.EndPoint);
        await first.AskAsync(OpCode.Create, w => Create(w, "/e", flags: 1));
        using (RawKeeper wrong = await RawKeeper.OpenAsync(_server.EndPoint, first.SessionId, new byte[16]))
        {
            Assert.Equal(0, wrong.TimeoutMs);
        }
        using RawKeeper second = await RawKeeper.OpenAsync(_server.EndPoint, first.SessionId, first.Password);
        Assert.Equal(first.SessionId, second.SessionId);
        Assert.True(await first.IsClosedAsync());
        Assert.Equal(0, (await second.AskAsync(OpCode.Exists, w => PathAnd(w, "/e"))).Code);
    }

    [Fact]
    public async Task Session_Silent_Expires_AndItsNodesGo()
    {
        await using ICoordinationSession party = await PartyAsync();
        using RawKeeper silent = await RawKeeper.OpenAsync(_server.EndPoint, timeoutMs: 1000);
        await silent.AskAsync(OpCode.Create, w => Create(w, "/e", flags: 1));
        var gone = new TaskCompletionSource();
        await party.WatchAsync("/e", WatchKinds.Node, _ => gone.TrySetResult(), s_none);
        Assert.True(await silent.IsClosedAsync());
        await gone.Task;
        using RawKeeper again = await RawKeeper.OpenAsync(_server.EndPoint, silent.SessionId, silent.Password);
        Assert.Equal(0, again.TimeoutMs);
    }

    [Fact]
    public async Task Watches_PersistentAndRecursive_TellUntilTakenOff()
    {
        await using ICoordinationSession party = await PartyAsync();
        using RawKeeper client = await RawKeeper.OpenAsync(_server.EndPoint);
        Assert.Equal(0, (await client.AskAsync(OpCode.AddWatch, w => PathAnd(w, "/p", 0))).Code);
        Assert.Equal(0, (await client.AskAsync(OpCode.AddWatch, w => PathAnd(w, "/p", 1))).Code);
        foreach (string path in (string[])["/p", "/p/a", "/p/a/b"])
        {
            await party.CreateAsync(path, default, CreateMode.Persistent, s_none);
        }
        await party.SetAsync("/p", "1"u8.ToArray(), -1, s_none);
        await party.SetAsync("/p", "2"u8.ToArray(), -1, s_none);
        Assert.Equal(
        [
            (KeeperEvent.NodeCreated, "/p"), (KeeperEvent.NodeCreated, "/p/a"), (KeeperEvent.NodeChildrenChanged, "/p"),
            (KeeperEvent.NodeCreated, "/p/a/b"), (KeeperEvent.NodeDataChanged, "/p"), (KeeperEvent.NodeDataChanged, "/p"),
        ], await client.EventsAsync(6));
        Assert.Equal(0, (await client.AskAsync(OpCode.CheckWatches, w => PathAnd(w, "/p", 5))).Code);
        Assert.Equal(0, (await client.AskAsync(OpCode.RemoveWatches, w => PathAnd(w, "/p", 3))).Code);
        Assert.Equal((int)KeeperCode.NoWatcher, (await client.AskAsync(OpCode.RemoveWatches, w => PathAnd(w, "/p", 3))).Code);
        await party.SetAsync("/p", default, -1, s_none);
        Assert.Equal(0, (await client.AskAsync(OpCode.Exists, w => PathAnd(w, "/p"))).Code);
        Assert.Empty(client.Events);
    }

    [Fact]
    public async Task SetWatches_TellsWhatWasMissed_AndWatchesTheRest()
    {
        await using ICoordinationSession party = await PartyAsync();
        foreach (string path in (string[])["/set", "/same", "/gone", "/children"])
        {
            await party.CreateAsync(path, default, CreateMode.Persistent, s_none);
        }
        long since = _tree.Zxid;
        await party.SetAsync("/set", default, -1, s_none);
        await party.DeleteAsync("/gone", -1, s_none);
        await party.CreateAsync("/made", default, CreateMode.Persistent, s_none);
        await party.CreateAsync("/children/c", default, CreateMode.Persistent, s_none);
        using RawKeeper client = await RawKeeper.OpenAsync(_server.EndPoint);
        Assert.Equal(0, (await client.AskAsync(OpCode.SetWatches2, w =>
        {
            w.WriteInt64(since);
            w.WriteStrings(["/set", "/same", "/gone"]);
            w.WriteStrings(["/made", "/never"]);
            w.WriteStrings(["/children", "/same"]);
            w.WriteStrings(["/kept"]);
            w.WriteStrings([]);
        })).Code);
        Assert.Equal(
        [
            (KeeperEvent.NodeDataChanged, "/set"), (KeeperEvent.NodeDeleted, "/gone"), (KeeperEvent.NodeCreated, "/made"),
            (KeeperEvent.NodeChildrenChanged, "/children"),
        ], await client.EventsAsync(4));
        await party.CreateAsync("/kept", default, CreateMode.Persistent, s_none);
        await party.DeleteAsync("/same", -1, s_none);
        Assert.Equal([(KeeperEvent.NodeCreated, "/kept"), (KeeperEvent.NodeDeleted, "/same")], await client.EventsAsync(2));
    }

    [Fact]
    public async Task Questions_OfZkCli_AreAnswered()
    {
        await using ICoordinationSession party = await PartyAsync();
        await party.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        await party.CreateAsync("/a/b", default, CreateMode.Persistent, s_none);
        using RawKeeper client = await RawKeeper.OpenAsync(_server.EndPoint);
        await client.AskAsync(OpCode.Create, w => Create(w, "/e", flags: 1));
        Assert.Equal(6, Number(await client.AskAsync(OpCode.GetAllChildrenNumber, w => w.WriteString("/"))));
        Assert.Equal(["/e"], Strings(await client.AskAsync(OpCode.GetEphemerals, w => w.WriteString("/"))));
        Assert.Equal(1, Number(await client.AskAsync(OpCode.WhoAmI, _ => { })));
        Assert.Equal(1, Number(await client.AskAsync(OpCode.GetAcl, w => w.WriteString("/a"))));
        Assert.Equal(["b"], Strings(await client.AskAsync(OpCode.GetChildren, w => PathAnd(w, "/a"))));
        Assert.Equal((int)KeeperCode.InvalidAcl, (await client.AskAsync(OpCode.Create, w => Create(w, "/x", flags: 0, scheme: "auth"))).Code);
        Assert.Equal(0, (await client.AskAsync(OpCode.Auth, w =>
        {
            w.WriteInt32(0);
            w.WriteString("digest");
            w.WriteBytes("a:b"u8);
        })).Code);
        Assert.Equal((int)KeeperCode.Unimplemented, (await client.AskAsync((OpCode)77, _ => { })).Code);
        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task Connections_OfOneAddress_AreLimited_AndOnesThatSayNothingEnd()
    {
        var open = new List<TcpClient>();
        for (int i = 0; i < 55; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync(_server.EndPoint, s_none);
            open.Add(client);
        }
        foreach (TcpClient client in open)
        {
            Assert.Equal(0, await ReadAsync(client));
            client.Dispose();
        }
        while (await ZooKeeperProcess.AskAsync(_server.EndPoint.Port, "ruok") != "imok")
        {
            // until the server has noticed that they are gone
        }

        static async Task<int> ReadAsync(TcpClient client)
        {
            try
            {
                return await client.GetStream().ReadAsync(new byte[1], s_none);
            }
            catch (IOException)
            {
                return 0;
            }
        }
    }

    [Fact]
    public async Task HostileBytes_CostTheirConnection_AndNothingElse()
    {
        await using ICoordinationSession party = await PartyAsync();
        await party.CreateAsync("/a", "kept"u8.ToArray(), CreateMode.Persistent, s_none);
        var random = new Random(5);
        OpCode[] codes = [.. Enum.GetValues<OpCode>().Where(c => c is not (OpCode.CloseSession or OpCode.Delete or OpCode.SetData))];
        for (int i = 0; i < 300; i++)
        {
            byte[] bytes = new byte[random.Next(200)];
            random.NextBytes(bytes);
            using var client = new TcpClient();
            await client.ConnectAsync(_server.EndPoint, s_none);
            try
            {
                NetworkStream stream = client.GetStream();
                if (i % 3 != 0)
                {
                    await stream.WriteAsync(RawKeeper.Handshake(0, new byte[16], 4000), s_none);
                    BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(), bytes.Length < 16 ? 0 : bytes.Length - 4);
                    if (bytes.Length >= 16)
                    {
                        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), (int)codes[random.Next(codes.Length)]);
                        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), random.Next(-1, 64));
                    }
                }
                await stream.WriteAsync(bytes, s_none);
                client.Client.Shutdown(SocketShutdown.Send);
                while (await stream.ReadAsync(new byte[4096], s_none) > 0)
                {
                    // until it is closed
                }
            }
            catch (Exception e) when (e is IOException or SocketException or ArgumentOutOfRangeException)
            {
                // closed
            }
        }
        Assert.Equal("kept", Encoding.UTF8.GetString((await party.GetAsync("/a", s_none)).Data.Span));
        using RawKeeper good = await RawKeeper.OpenAsync(_server.EndPoint);
        Assert.Equal(0, (await good.AskAsync(OpCode.Exists, w => PathAnd(w, "/a"))).Code);
    }

    private static void Create(JuteWriter writer, string path, int flags, string scheme = "world")
    {
        writer.WriteString(path);
        writer.WriteBytes("x"u8);
        writer.WriteInt32(1);
        writer.WriteInt32(31);
        writer.WriteString(scheme);
        writer.WriteString(scheme == "world" ? "anyone" : "");
        writer.WriteInt32(flags);
    }

    private static void PathAnd(JuteWriter writer, string path, int? number = null)
    {
        writer.WriteString(path);
        if (number is { } given)
        {
            writer.WriteInt32(given);
        }
        else
        {
            writer.WriteBool(false);
        }
    }

    private static int Number((int Code, byte[] Body) answer) => new JuteReader(answer.Body).ReadInt32();

    private static List<string> Strings((int Code, byte[] Body) answer) => new JuteReader(answer.Body).ReadStrings("names");
}
