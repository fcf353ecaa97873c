using System.Net;
using System.Net.Sockets;
using static Broker.Engine.Tests.Transport.TransportFixture;

namespace Broker.Engine.Tests.Transport;

/// <summary>The named limits of the transports.</summary>
public class LimitTests
{
    public static TheoryData<bool> Both => TransportTests.Both;

    private static async Task EchoAsync(TcpClient client, int size = 6)
    {
        await client.GetStream().WriteAsync(Frame(Echo, size), TestContext.Current.CancellationToken);
        Assert.Equal(size, (await ReadFrameAsync(client)).Length);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConnectionsPerIpMax_OneMore_IsClosedAndTheOthersServe(bool reactor)
    {
        using var fixture = new TransportFixture(reactor, o => o with { ConnectionsPerIpMax = 2 });
        TcpClient first = fixture.Connect();
        await EchoAsync(first);
        await EchoAsync(fixture.Connect());
        Assert.True(await IsClosedAsync(fixture.Connect()));
        await EchoAsync(first);
        first.Dispose();
        await fixture.Handlers[0].Closed.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        await EchoAsync(await ConnectUntilServedAsync(fixture));
    }

    /// <summary>The quota is given back just after the handler is told.</summary>
    private static async Task<TcpClient> ConnectUntilServedAsync(TransportFixture fixture)
    {
        while (true)
        {
            TcpClient client = fixture.Connect();
            await client.GetStream().WriteAsync(Frame(Echo, 2), TestContext.Current.CancellationToken);
            try
            {
                await ReadFrameAsync(client);
                return client;
            }
            catch (IOException)
            {
                // refused still
            }
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConnectionsPerIpOverride_ForThisAddress_Counts(bool reactor)
    {
        using var fixture = new TransportFixture(reactor, o => o with
        {
            ConnectionsPerIpMax = 1,
            ConnectionsPerIpOverrides = new Dictionary<IPAddress, int> { [IPAddress.Loopback] = 3 },
        });
        for (int i = 0; i < 3; i++)
        {
            await EchoAsync(fixture.Connect());
        }
        Assert.True(await IsClosedAsync(fixture.Connect()));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConnectionsMax_OneMore_WaitsUntilAnotherEnds(bool reactor)
    {
        using var fixture = new TransportFixture(reactor, o => o with { ConnectionsMax = 1 });
        TcpClient first = fixture.Connect();
        await EchoAsync(first);
        TcpClient second = fixture.Connect();
        await second.GetStream().WriteAsync(Frame(Echo, 4), TestContext.Current.CancellationToken);
        Task<byte[]> answer = ReadFrameAsync(second);
        await EchoAsync(first);
        Assert.False(answer.IsCompleted);
        first.Dispose();
        Assert.Equal(4, (await answer).Length);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task IdleMsMax_SilentConnection_IsClosedAndCounted(bool reactor)
    {
        using var fixture = new TransportFixture(reactor, o => o with { IdleMsMax = 150 });
        TcpClient silent = fixture.Connect();
        await EchoAsync(silent);
        Assert.True(await IsClosedAsync(silent));
        Assert.Equal(1, fixture.Transport.Snapshot().ExpiredConnectionsKilled);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task RequestBytesMax_UsedUp_OthersWaitUntilThereIsRoom(bool reactor)
    {
        using var fixture = new TransportFixture(reactor, o => o with { RequestBytesMax = 1024 * 1024 });
        TcpClient hog = fixture.Connect();
        byte[] frame = Frame(Echo, 3_000_000);
        await hog.GetStream().WriteAsync(frame.AsMemory(0, 2_500_000), TestContext.Current.CancellationToken);
        while (fixture.Transport.Snapshot().RequestBytesRented < 2_000_000)
        {
            await Task.Yield();
        }
        TcpClient other = fixture.Connect();
        await other.GetStream().WriteAsync(Frame(Echo, 4), TestContext.Current.CancellationToken);
        Task<byte[]> answer = ReadFrameAsync(other);
        await hog.GetStream().WriteAsync(frame.AsMemory(2_500_000), TestContext.Current.CancellationToken);
        Assert.Equal(3_000_000, (await ReadFrameAsync(hog)).Length);
        Assert.Equal(4, (await answer).Length);
    }

    [Fact]
    public async Task Migrate_BackAndForthUnderLoad_LosesNothing()
    {
        using var fixture = new TransportFixture(reactor: true);
        TcpClient client = fixture.Connect();
        byte[] burst = [.. Enumerable.Range(1, 300).SelectMany(i => Frame(i % 10 == 0 ? Move : Echo, i))];
        await client.GetStream().WriteAsync(burst, TestContext.Current.CancellationToken);
        for (int i = 1; i <= 300; i++)
        {
            Assert.Equal(i, (await ReadFrameAsync(client)).Length);
        }
        for (int i = 0; i < 20; i++)
        {
            await client.GetStream().WriteAsync(Frame(Move, 3), TestContext.Current.CancellationToken);
            await ReadFrameAsync(client);
        }
        Assert.Equal(2, fixture.Handlers[0].Threads.Count);
    }

    [Fact]
    public void Bind_PortInUse_Throws()
    {
        using var fixture = new TransportFixture(reactor: true);
        var options = new Broker.Engine.Transport.TransportOptions
        {
            Name = "second",
            NetworkThreads = 1,
            Listeners = [new("PLAINTEXT", new IPEndPoint(IPAddress.Loopback, fixture.Port), 50)],
        };
        using var second = new Broker.Engine.Transport.Reactor.ReactorTransport(
            options, new Broker.Engine.Timing.MonotonicClock(TimeProvider.System), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        Assert.Equal(SocketError.AddressAlreadyInUse, Assert.Throws<SocketException>(second.Bind).SocketErrorCode);
    }
}
