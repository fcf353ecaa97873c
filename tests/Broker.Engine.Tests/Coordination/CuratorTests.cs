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

/// <summary>What consoles ask of the served tree through Curator: CMAK with Curator 2 (caches of children and of trees, its mutex and its
/// own nodes), and what Curator 5 does in its place (persistent watches, reads in one request, a watch on the configuration).</summary>
public sealed class CuratorTests : IAsyncDisposable
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly EmbeddedStore _tree = new(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
    private readonly TreeServer _server;

    public CuratorTests()
    {
        _server = new TreeServer(_tree, new TreeServerOptions(new IPEndPoint(IPAddress.Loopback, 0)), TimeProvider.System, NullLogger.Instance);
        _server.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _tree.DisposeAsync();
    }

    /// <summary>A cluster with two brokers and a topic, as its brokers write it.</summary>
    private async Task<ICoordinationSession> ClusterAsync()
    {
        ICoordinationSession broker = await _tree.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        foreach (string path in (string[])["/brokers", "/brokers/ids", "/brokers/topics", "/brokers/topics/t", "/consumers", "/admin", "/admin/delete_topics"])
        {
            await broker.CreateAsync(path, default, CreateMode.Persistent, s_none);
        }
        foreach (string path in (string[])["/brokers/ids/0", "/brokers/ids/1", "/controller"])
        {
            await broker.CreateAsync(path, Encoding.UTF8.GetBytes($"{{\"of\":\"{path}\"}}"), CreateMode.Ephemeral, s_none);
        }
        return broker;
    }

    [Fact]
    public async Task PathChildrenCache_HearsOfEachBrokerOnce_AndFollowsItsData()
    {
        await using ICoordinationSession broker = await ClusterAsync();
        using RawKeeper client = await RawKeeper.OpenAsync(_server.EndPoint);
        Assert.Equal(["0", "1"], new JuteReader((await client.AskAsync(OpCode.GetChildren2, w => Watched(w, "/brokers/ids"))).Body).ReadStrings("ids"));
        foreach (string id in (string[])["0", "1"])
        {
            Assert.Equal($"{{\"of\":\"/brokers/ids/{id}\"}}", Text(await client.AskAsync(OpCode.GetData, w => Watched(w, $"/brokers/ids/{id}"))));
        }
        Assert.Equal((int)KeeperCode.NoNode, (await client.AskAsync(OpCode.Exists, w => Watched(w, "/admin/reassign_partitions"))).Code);

        await broker.CreateAsync("/brokers/ids/2", default, CreateMode.Ephemeral, s_none);
        await broker.DeleteAsync("/brokers/ids/1", -1, s_none);
        await broker.CreateAsync("/admin/reassign_partitions", default, CreateMode.Persistent, s_none);

        Assert.Equal(
        [
            (KeeperEvent.NodeChildrenChanged, "/brokers/ids"), (KeeperEvent.NodeDeleted, "/brokers/ids/1"),
            (KeeperEvent.NodeCreated, "/admin/reassign_partitions"),
        ], await client.EventsAsync(3));
        Assert.Equal(["0", "2"], new JuteReader((await client.AskAsync(OpCode.GetChildren2, w => Watched(w, "/brokers/ids"))).Body).ReadStrings("ids"));
        Assert.Empty(client.Events);
    }

    [Fact]
    public async Task Reconnected_SetsItsWatchesAgain_AndIsToldWhatItMissed()
    {
        await using ICoordinationSession broker = await ClusterAsync();
        using RawKeeper first = await RawKeeper.OpenAsync(_server.EndPoint);
        await first.AskAsync(OpCode.GetChildren2, w => Watched(w, "/brokers/topics"));
        long seen = _tree.Zxid;
        await broker.CreateAsync("/brokers/topics/u", default, CreateMode.Persistent, s_none);
        using RawKeeper again = await RawKeeper.OpenAsync(_server.EndPoint, first.SessionId, first.Password);
        await again.AskAsync(OpCode.SetWatches2, w =>
        {
            w.WriteInt64(seen);
            w.WriteStrings(["/controller"]);
            w.WriteStrings([]);
            w.WriteStrings(["/brokers/topics", "/consumers"]);
            w.WriteStrings([]);
            w.WriteStrings(["/admin"]);
        });
        await broker.DeleteAsync("/controller", -1, s_none);
        await broker.CreateAsync("/admin/delete_topics/t", default, CreateMode.Persistent, s_none);
        Assert.Equal(
        [
            (KeeperEvent.NodeChildrenChanged, "/brokers/topics"), (KeeperEvent.NodeDeleted, "/controller"), (KeeperEvent.NodeCreated, "/admin/delete_topics/t"),
        ], await again.EventsAsync(3));
    }

    [Fact]
    public async Task Mutex_IsTheLowestNumber_AndItsContainerGoes()
    {
        using RawKeeper one = await RawKeeper.OpenAsync(_server.EndPoint);
        using RawKeeper two = await RawKeeper.OpenAsync(_server.EndPoint);
        Assert.Equal(0, (await one.AskAsync(OpCode.Create, w => Create(w, "/kafka-manager", 0))).Code);
        Assert.Equal(0, (await one.AskAsync(OpCode.CreateContainer, w => Create(w, "/kafka-manager/mutex", 4))).Code);
        Assert.Equal(0, (await one.AskAsync(OpCode.CreateContainer, w => Create(w, "/kafka-manager/mutex/locks", 4))).Code);
        string mine = PathOf(await one.AskAsync(OpCode.Create2, w => Create(w, "/kafka-manager/mutex/locks/_c_8d-lock-", 3)));
        string its = PathOf(await two.AskAsync(OpCode.Create2, w => Create(w, "/kafka-manager/mutex/locks/_c_1a-lock-", 3)));
        Assert.Equal(("0000000000", "0000000001"), (mine[^10..], its[^10..]));
        await two.AskAsync(OpCode.GetData, w => Watched(w, mine));
        Assert.Equal(0, (await one.AskAsync(OpCode.CloseSession, _ => { })).Code);
        Assert.Equal([(KeeperEvent.NodeDeleted, mine)], await two.EventsAsync(1));
        Assert.Equal(0, (await two.AskAsync(OpCode.Delete, w => PathAnd(w, its, -1))).Code);
        _tree.DeleteEmptyContainers();
        _tree.DeleteEmptyContainers();
        Assert.Equal((int)KeeperCode.NoNode, (await two.AskAsync(OpCode.Exists, w => Watched(w, "/kafka-manager/mutex"))).Code);
        Assert.Equal(0, (await two.AskAsync(OpCode.Exists, w => Watched(w, "/kafka-manager"))).Code);
    }

    [Fact]
    public async Task Curator5_WatchesTheConfiguration_AndWholeTrees_AndReadsManyInOne()
    {
        await using ICoordinationSession broker = await ClusterAsync();
        using RawKeeper client = await RawKeeper.OpenAsync(_server.EndPoint);
        Assert.Equal("", Text(await client.AskAsync(OpCode.GetData, w => Watched(w, "/zookeeper/config"))));
        Assert.Equal(0, (await client.AskAsync(OpCode.AddWatch, w => PathAnd(w, "/brokers/topics", 1))).Code);
        (int code, byte[] body) = await client.AskAsync(OpCode.MultiRead, w =>
        {
            foreach ((OpCode what, string path) in ((OpCode, string)[])
                [(OpCode.GetData, "/brokers/ids/0"), (OpCode.GetChildren, "/brokers/ids"), (OpCode.GetData, "/brokers/ids/7")])
            {
                Header(w, what);
                w.WriteString(path);
                w.WriteBool(false);
            }
            Header(w, OpCode.Error);
        });
        Assert.Equal(0, code);
        AssertRead(body);
        await broker.SetAsync("/brokers/topics/t", "{}"u8.ToArray(), -1, s_none);
        await broker.SetAsync("/brokers/topics/t", "{}"u8.ToArray(), -1, s_none);
        Assert.Equal(
            [(KeeperEvent.NodeDataChanged, "/brokers/topics/t"), (KeeperEvent.NodeDataChanged, "/brokers/topics/t")], await client.EventsAsync(2));

        static void AssertRead(byte[] body)
        {
            var reader = new JuteReader(body);
            Assert.Equal((int)OpCode.GetData, reader.ReadInt32());
            Assert.False(reader.ReadBool());
            _ = reader.ReadInt32();
            Assert.Equal("{\"of\":\"/brokers/ids/0\"}", Encoding.UTF8.GetString(reader.ReadBytes("data")));
            _ = reader.ReadStat();
            Assert.Equal((int)OpCode.GetChildren, reader.ReadInt32());
            _ = reader.ReadBool();
            _ = reader.ReadInt32();
            Assert.Equal(["0", "1"], reader.ReadStrings("ids"));
            Assert.Equal((int)OpCode.Error, reader.ReadInt32());
            _ = reader.ReadBool();
            Assert.Equal((int)KeeperCode.NoNode, reader.ReadInt32());
            Assert.Equal((int)KeeperCode.NoNode, reader.ReadInt32());
        }
    }

    private static void Create(JuteWriter writer, string path, int flags)
    {
        writer.WriteString(path);
        writer.WriteBytes([]);
        writer.WriteInt32(1);
        writer.WriteInt32(31);
        writer.WriteString("world");
        writer.WriteString("anyone");
        writer.WriteInt32(flags);
    }

    private static void Watched(JuteWriter writer, string path)
    {
        writer.WriteString(path);
        writer.WriteBool(true);
    }

    private static void PathAnd(JuteWriter writer, string path, int number)
    {
        writer.WriteString(path);
        writer.WriteInt32(number);
    }

    private static void Header(JuteWriter writer, OpCode code)
    {
        writer.WriteInt32((int)code);
        writer.WriteBool(code == OpCode.Error);
        writer.WriteInt32(-1);
    }

    private static string Text((int Code, byte[] Body) answer) => Encoding.UTF8.GetString(new JuteReader(answer.Body).ReadBytes("data"));

    private static string PathOf((int Code, byte[] Body) answer) => new JuteReader(answer.Body).ReadString("path");
}
