using Broker.Client;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Wire;

/// <summary>The limits by their configured names, on a whole broker.</summary>
public class LimitsInUseTests
{
    public static TheoryData<bool> Both => ConnectionTraps.Both;

    [Theory]
    [MemberData(nameof(Both))]
    public async Task SocketRequestMaxBytes_FrameAboveIt_CostsTheConnection(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable, overrides: ["socket.request.max.bytes=20000"]);
        TestTopic topic = await cluster.NewTopicAsync();
        KafkaConnection decent = await cluster.ConnectAsync();
        await using RawClient client = cluster.ConnectRaw();
        await client.SendAsync(RawClient.Frame(ApiKey.Produce, 9, Calls.ProduceRequest(topic, Calls.Batch(1, valueBytes: 21_000), 9)));
        Assert.Equal(0, await client.ReadToEndAsync());
        Assert.Equal(ErrorCode.None, (await decent.ProduceAsync(topic, Calls.Batch(1, valueBytes: 19_000))).ErrorCode);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task MaxConnectionsPerIp_AndItsOverrides_AreHeld(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            portable: portable, overrides: ["max.connections.per.ip=1", "max.connections.per.ip.overrides=127.0.0.1:5"]);
        int open = cluster.Server().Connections.Count;   // the controller's own
        var clients = new List<RawClient>();
        byte[] ask = RawClient.Frame(ApiKey.ApiVersions, 0, new ApiVersionsRequest());
        for (; open < 5; open++)
        {
            RawClient client = cluster.ConnectRaw();
            await client.SendAsync(ask);
            Assert.NotEmpty(await client.ReceiveAsync());
            clients.Add(client);
        }
        await using RawClient tooMany = cluster.ConnectRaw();
        Assert.Equal(0, await tooMany.ReadToEndAsync());
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task MaxConnections_Reached_TheNextWaitsItsTurn(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable, overrides: ["max.connections=4"]);
        byte[] ask = RawClient.Frame(ApiKey.ApiVersions, 0, new ApiVersionsRequest());
        var served = new List<RawClient>();
        for (int open = cluster.Server().Connections.Count; open < 4; open++)
        {
            RawClient client = cluster.ConnectRaw();
            await client.SendAsync(ask);
            await client.ReceiveAsync();
            served.Add(client);
        }
        RawClient next = cluster.ConnectRaw();
        await next.SendAsync(ask);
        Task<byte[]> waits = next.ReceiveAsync();
        await served[0].SendAsync(ask);
        await served[0].ReceiveAsync();
        Assert.False(waits.IsCompleted);
        await served[0].DisposeAsync();
        Assert.NotEmpty(await waits);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConnectionsMaxIdleMs_SilentOrHalfOpenConnection_IsClosed(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable, overrides: ["connections.max.idle.ms=300"]);
        await using RawClient silent = cluster.ConnectRaw();
        await using RawClient half = cluster.ConnectRaw();
        await half.SendAsync(new byte[] { 0, 0, 1, 0, 0, 3 });   // the beginning of a frame, and nothing more
        Assert.Equal(0, await silent.ReadToEndAsync());
        Assert.Equal(0, await half.ReadToEndAsync());
    }

    /// <summary>One worker, one request in its queue: hundreds of clients wait, and every one of them is served.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task QueuedMaxRequests_Reached_EveryoneIsServedInTheEnd(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            portable: portable, overrides: ["queued.max.requests=1", "num.io.threads=1"]);
        await cluster.NewTopicAsync(partitions: 100);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async _ =>
        {
            KafkaConnection client = await cluster.ConnectAsync();
            for (int i = 0; i < 40; i++)
            {
                Assert.NotEmpty((await client.CallAsync<MetadataRequest, MetadataResponse>(new() { Topics = null }, 9)).Topics);
            }
        }));
        await HasRoomAgainAsync(cluster);
    }

    /// <summary>A buffer goes back after its answer is out: a client may be quicker.</summary>
    private static async Task HasRoomAgainAsync(TestCluster cluster)
    {
        while (!cluster.Server().Transport.Pool.HasRoom)
        {
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Far less memory than the requests take: they go one after another, and none is lost.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task QueuedMaxRequestBytes_UsedUp_EveryoneIsServedInTheEnd(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable, overrides: ["queued.max.request.bytes=100000"]);
        TestTopic topic = await cluster.NewTopicAsync(partitions: 4);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async n =>
        {
            KafkaConnection client = await cluster.ConnectAsync();
            for (int i = 0; i < 10; i++)
            {
                Assert.Equal(
                    ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(1, valueBytes: 300_000), partition: n % 4)).ErrorCode);
            }
        }));
        await HasRoomAgainAsync(cluster);
    }

    [Fact]
    public void BufferPool_QueueFull_HasRoomAgainWhenAWorkerTakesOne()
    {
        int again = 0;
        var pool = new BufferPool(rentedBytesMax: -1, queuedMax: 2) { RoomAgain = () => again++ };
        pool.RequestQueued();
        Assert.True(pool.HasRoom);
        pool.RequestQueued();
        pool.RequestQueued();
        Assert.False(pool.HasRoom);
        pool.RequestTaken();
        Assert.Equal((false, 0), (pool.HasRoom, again));
        pool.RequestTaken();
        Assert.Equal((true, 1), (pool.HasRoom, again));
    }

    [Fact]
    public void BufferPool_BuffersThatAreNoRequests_DoNotCount()
    {
        var pool = new BufferPool(rentedBytesMax: 10_000);
        ReceiveBuffer own = pool.Rent(1 << 20, isRequest: false);
        Assert.True(pool.HasRoom);
        ReceiveBuffer request = pool.Rent(10_000);
        Assert.False(pool.HasRoom);
        request.Release();
        own.Release();
        Assert.Equal(0, pool.RentedBytes);
        Assert.True(pool.HasRoom);
    }
}
